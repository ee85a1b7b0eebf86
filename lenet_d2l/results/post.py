"""The post's published run: its log as printed, and its clock read backwards.

These are facts of the post (2022; PyTorch 1.12.1, one GPU that it does not
name), not results of this package.
"""

from typing import NamedTuple

EXAMPLES = 60_000  # Images in an epoch


class PostEpoch(NamedTuple):
    """A row of the post's log, as printed; ``epoch`` counts from 0."""

    epoch: int
    train_loss: float
    train_acc: float
    test_acc: float
    printed_speed: float  # "examples/sec"


LOG = (
    PostEpoch(0, 2.317, 0.102, 0.100, 174566.9),
    PostEpoch(1, 1.383, 0.459, 0.580, 139471.3),
    PostEpoch(2, 0.857, 0.661, 0.652, 115809.0),
    PostEpoch(3, 0.718, 0.716, 0.701, 99568.9),
    PostEpoch(4, 0.648, 0.748, 0.752, 87336.1),
    PostEpoch(5, 0.590, 0.770, 0.776, 77399.1),
    PostEpoch(6, 0.550, 0.787, 0.781, 69605.1),
    PostEpoch(7, 0.515, 0.800, 0.793, 63230.5),
    PostEpoch(8, 0.485, 0.816, 0.799, 57836.1),
    PostEpoch(9, 0.459, 0.829, 0.761, 53456.0),
)


def seconds_so_far() -> list[float]:
    """Return the seconds on the post's clock at the end of each epoch.

    At every epoch the post prints (examples of all ten epochs) / (seconds so
    far), so the seconds are (examples of all ten epochs) / (printed speed).
    """
    return [EXAMPLES * len(LOG) / row.printed_speed for row in LOG]


def seconds_per_epoch() -> list[float]:
    """Return the seconds that each epoch took on the post's clock."""
    ends = seconds_so_far()
    return [end - start for start, end in zip([0.0, *ends], ends)]
