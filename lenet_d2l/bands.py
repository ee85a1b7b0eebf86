"""Bands in which the last epoch of an honest run of the recipe lies.

Provisional: they come from other people's published runs of this recipe
(ten epochs, batch 256, SGD at lr 0.9), the 24 distinct outputs of d2l's
English edition, 0.17.x, that public notebooks show:

    train loss  0.469 +- 0.008, from 0.455 to 0.486
    train acc   0.824 +- 0.004, from 0.817 to 0.831
    test acc    0.798 +- 0.016, from 0.762 to 0.823

(mean +- standard deviation, range). Each band is the mean +- 6 standard
deviations: wide enough that an honest run on an unlucky seed should pass
(24 runs say little about rarer ones), narrow enough that a net which did not
learn, or a log typed in wrongly, fails. A study of many seeds of our own has
to replace them before they can claim an error rate.
"""

from typing import NamedTuple


class Band(NamedTuple):
    """An interval, both ends included."""

    low: float
    high: float

    def __contains__(self, value: object) -> bool:
        return isinstance(value, float) and self.low <= value <= self.high

    def __str__(self) -> str:
        return f"[{self.low:.3f}, {self.high:.3f}]"


class Repeats(NamedTuple):
    """Mean and standard deviation of a figure over published repeats."""

    mean: float
    sd: float

    def band(self, width: float) -> Band:
        """Return the mean +- ``width`` standard deviations."""
        return Band(self.mean - width * self.sd, self.mean + width * self.sd)


D2L_REPEATS = {
    "train_loss": Repeats(0.469, 0.008),
    "train_acc": Repeats(0.824, 0.004),
    "test_acc": Repeats(0.798, 0.016),
}

BANDS = {name: repeats.band(6) for name, repeats in D2L_REPEATS.items()}
