"""The post's published run: its log as printed, and its clock read backwards.

These are facts of the post (2022; PyTorch 1.12.1, one GPU that it does not
name), not results of this package.
"""

from .runs import EpochRow

EXAMPLES = 60_000  # Images in an epoch

LOG = (
    EpochRow(0, 2.317, 0.102, 0.100),
    EpochRow(1, 1.383, 0.459, 0.580),
    EpochRow(2, 0.857, 0.661, 0.652),
    EpochRow(3, 0.718, 0.716, 0.701),
    EpochRow(4, 0.648, 0.748, 0.752),
    EpochRow(5, 0.590, 0.770, 0.776),
    EpochRow(6, 0.550, 0.787, 0.781),
    EpochRow(7, 0.515, 0.800, 0.793),
    EpochRow(8, 0.485, 0.816, 0.799),
    EpochRow(9, 0.459, 0.829, 0.761),
)

# The "examples/sec" of each epoch
PRINTED_SPEEDS = (
    *(174566.9, 139471.3, 115809.0, 99568.9, 87336.1),
    *(77399.1, 69605.1, 63230.5, 57836.1, 53456.0),
)


def seconds_so_far() -> list[float]:
    """Return the seconds on the post's clock at the end of each epoch.

    At every epoch the post prints (examples of all ten epochs) / (seconds so
    far), so the seconds are (examples of all ten epochs) / (printed speed).
    """
    return [EXAMPLES * len(LOG) / speed for speed in PRINTED_SPEEDS]


def seconds_per_epoch() -> list[float]:
    """Return the seconds that each epoch took on the post's clock."""
    ends = seconds_so_far()
    return [end - start for start, end in zip([0.0, *ends], ends)]
