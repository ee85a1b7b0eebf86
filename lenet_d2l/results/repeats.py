"""d2l's own published outputs of this recipe, found in public repositories.

The notebook of d2l's section 6.6 (0.17.x: ten epochs, batch 256, SGD at
lr 0.9) as it stands there with different outputs, each the run of another
person or machine. Of the Chinese edition only the test accuracy is known.
"""

from typing import NamedTuple


class Repeats(NamedTuple):
    """A figure of the last epoch over ``n`` repeats."""

    n: int
    mean: float
    sd: float
    low: float
    high: float

    def __str__(self) -> str:
        return (
            f"{self.mean:.3f} ± {self.sd:.3f} [{self.low:.3f}, "
            f"{self.high:.3f}]"
        )


ENGLISH = {
    "train_loss": Repeats(24, 0.469, 0.008, 0.455, 0.486),
    "train_acc": Repeats(24, 0.824, 0.004, 0.817, 0.831),
    "test_acc": Repeats(24, 0.798, 0.016, 0.762, 0.823),
}

CHINESE = {"test_acc": Repeats(130, 0.804, 0.015, 0.752, 0.828)}
