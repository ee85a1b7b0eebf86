"""Where one run lies in the spread of many.

Source: the chapter "One run is not a result".
"""

from typing import NamedTuple

import pandas as pd

from .bands import BAD, last_epoch
from .verdicts import share_interval

FIGURES = {
    "train_loss": "loss",
    "train_acc": "train acc",
    "test_acc": "test acc",
}


class Place(NamedTuple):
    """How many of ``n`` repeats are smaller than a figure."""

    below: int
    n: int

    @property
    def percentile(self) -> float:
        """The share of the repeats that are smaller, in percent."""
        return 100 * self.below / self.n

    def interval(self, confidence: float = 0.95) -> tuple[float, float]:
        """The percentiles that ``n`` repeats allow: Clopper and Pearson's."""
        low, high = share_interval(self.below, self.n, confidence)
        return 100 * low, 100 * high

    def among(self) -> str:
        """Say whether the figure is like the repeats: in their middle 95 %.

        Where the interval reaches over an end of it, n cannot decide. It
        takes 146 repeats to call a figure beyond all of them unlike.
        """
        low, high = self.interval()
        if low >= 2.5 and high <= 97.5:
            return "like ours"
        if high < 2.5 or low > 97.5:
            return "unlike ours"
        return "at the edge of ours"

    def __str__(self) -> str:
        low, high = self.interval()
        return (
            f"{self.below} of {self.n} are smaller: percentile "
            f"{self.percentile:.0f} [{low:.1f}, {high:.1f}]"
        )


def places(study: pd.DataFrame, row: NamedTuple) -> dict[str, Place]:
    """Return the place of each figure of ``row`` in a study's last epoch."""
    last = last_epoch(study)
    return {
        name: Place(int((last[name] < getattr(row, name)).sum()), len(last))
        for name in FIGURES
    }


def verdict(study: pd.DataFrame, row: NamedTuple) -> str:
    """Return, in a sentence, which figures of ``row`` are like the study's.

    ``Place.among`` says what that means.
    """
    clauses = []
    for name, place in places(study, row).items():
        better = 100 - place.percentile if BAD[name] > 0 else place.percentile
        clauses.append(
            f"{FIGURES[name]} {getattr(row, name):.3f} is {place.among()} "
            f"(better than {better:.0f} % of {place.n} seeds)"
        )
    return "; ".join(clauses) + "."
