"""What a change of the recipe does to a figure, in one of four words.

Source: the chapter "One change at a time".
"""

from typing import NamedTuple
from warnings import catch_warnings, simplefilter

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import stats

LEVEL = 0.05
MARGIN = 0.005  # Of accuracy; changes within it count as none
CHANCE = 0.2  # Below this accuracy a net has learned next to nothing
GUESSING = 0.1  # What a net that has diverged gets: one answer for all


class Change(NamedTuple):
    """How the runs of a row differ from the runs of the row before it.

    ``mean`` is the difference of the means, from ``low`` to ``high`` at
    95 %, and ``p`` the chance of one so large if there were none.
    ``p_equivalent`` is that of one so small if there were one of ``MARGIN``.
    Where only some runs learn, a mean says little: then ``learn`` counts
    those that do, after and before, ``p`` is Fisher's for these counts, which
    takes all runs for independent, and equivalence is not asked.
    """

    mean: float
    low: float
    high: float
    p: float
    p_equivalent: float
    paired: bool
    learn: tuple[int, int] | None = None


def change(after: pd.Series, before: pd.Series) -> Change:
    """Compare accuracies, whose index is the seed.

    Runs of the same seeds are compared seed by seed (Student's t). That is
    right whether they rise and fall together, against each other, or each by
    itself; to choose by looking at them would find too many changes. Runs of
    other seeds are two groups, whose spread may differ (Welch's t). A run
    that has diverged, NaN, counts as one that guesses.
    """
    after, before = after.fillna(GUESSING), before.fillna(GUESSING)
    paired = {*after.index} == {*before.index}
    gain = (after - before).dropna()
    asked = (0, "two-sided"), (-MARGIN, "greater"), (MARGIN, "less")
    with catch_warnings():  # Of runs at chance, which are all alike
        simplefilter("ignore", RuntimeWarning)
        tests = [
            stats.ttest_1samp(gain, shift, alternative=side)
            if paired
            else stats.ttest_ind(
                after, before + shift, equal_var=False, alternative=side
            )
            for shift, side in asked
        ]
    low, high = tests[0].confidence_interval()
    mean = after.mean() - before.mean()
    # No difference and no spread, 0 / 0, is no evidence of a change
    p = [float(np.nan_to_num(test.pvalue, nan=1)) for test in tests]
    difference, *sides = p
    whole = Change(mean, low, high, difference, max(sides), paired)
    counts = [int((runs > CHANCE).sum()) for runs in (after, before)]
    if all(n in (0, len(r)) for n, r in zip(counts, (after, before))):
        return whole
    failures = [len(r) - n for n, r in zip(counts, (after, before))]
    fisher = stats.fisher_exact([counts, failures])
    learn = counts[0], counts[1]
    return whole._replace(
        p=float(fisher.pvalue), p_equivalent=1.0, learn=learn
    )


def share_interval(
    k: int, n: int, confidence: float = 1 - LEVEL
) -> tuple[float, float]:
    """Return the shares that ``k`` of ``n`` runs allow.

    It is the exact interval of Clopper and Pearson.
    """
    test = stats.binomtest(k, n)
    ends = test.proportion_ci(confidence, method="exact")
    return float(ends.low), float(ends.high)


def holm(p: ArrayLike) -> np.ndarray:
    """Return ``p``, shape (n,), adjusted for as many tests (Holm 1979)."""
    p = np.asarray(p, dtype=float)
    order = p.argsort()
    factors = np.arange(len(p), 0, -1)
    rising = np.maximum.accumulate(p[order] * factors)
    adjusted = np.empty_like(p)
    adjusted[order] = rising.clip(max=1)
    return adjusted


def verdicts(changes: dict[str, Change]) -> dict[str, str]:
    """Return the word for each of the rows of a table.

    A change *helps* or *hurts* if its ``p``, adjusted for all rows, is below
    ``LEVEL``. Otherwise it is *equivalent* if two one-sided tests, at the
    same level but not adjusted, show it to be within ``MARGIN``, and
    *undecided* if they do not.
    """
    words = {}
    adjusted = holm([row.p for row in changes.values()])
    for (name, row), p in zip(changes.items(), adjusted):
        if p < LEVEL:
            words[name] = "helps" if row.mean > 0 else "hurts"
        else:
            same = row.p_equivalent < LEVEL
            words[name] = "equivalent" if same else "undecided"
    return words
