"""Bands in which the figures of an honest run of the recipe lie.

They come from a study of many seeds (``lenet-d2l seeds``). Each is a
prediction interval for one more run: the study's mean, and so many standard
deviations to each side that a run lies beyond it with a chance of about
``TAIL``. The figures are not spread normally: a net that leaves the plateau
at ln 10 late has less time to learn. So on the bad side (high loss, low
accuracy) the tail is taken to fall off exponentially, as a Gumbel
distribution's does, and on the good side normally. The chapter "How the book
is checked" checks both, and states the chance that an honest run fails.
"""

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import stats

# The figures of a run that have a band, and which way is bad for each: those
# of the last epoch, and the mean test accuracy of the last three epochs, in
# which the jumps from epoch to epoch cancel
BAD = {"train_loss": +1, "train_acc": -1, "test_acc": -1, "late_test_acc": -1}
LATE = 3

# Chance that an honest run lies beyond one end of one band. There are eight
# ends, and the study's own mean and sd are uncertain; tests/test_bands.py
# computes what becomes of it: at most 1 in 10,000 runs fails.
TAIL = 2e-6

# Standard deviations from the mean of a Gumbel distribution to its mode, and
# to the scale by which its tail falls off
GUMBEL = stats.gumbel_r(
    loc=-np.euler_gamma * np.sqrt(6) / np.pi, scale=np.sqrt(6) / np.pi
)


class Band(NamedTuple):
    """An interval, both ends included."""

    low: float
    high: float

    def __contains__(self, value: object) -> bool:
        return isinstance(value, float) and self.low <= value <= self.high

    def __str__(self) -> str:
        return f"[{self.low:.3f}, {self.high:.3f}]"


def band(values: ArrayLike, bad: int, tail: float = TAIL) -> Band:
    """Return the prediction interval for one more of ``values``, shape (n,).

    ``bad`` is +1 where high values are bad, -1 where low ones are. Each end
    is missed with a chance of about ``tail``.
    """
    values = np.asarray(values, dtype=float)
    to_good, to_bad = reach(len(values), tail) * values.std(ddof=1)
    low, high = sorted(values.mean() + bad * np.array([-to_good, to_bad]))
    return Band(float(low), float(high))


def reach(n: int, tail: float) -> np.ndarray:
    """Return how many standard deviations a band reaches, shape (2,).

    From the mean of ``n`` values to the good side, and to the bad one.
    """
    to_good = stats.t(n - 1).isf(tail) * np.sqrt(1 + 1 / n)
    return np.array([to_good, GUMBEL.isf(tail)])


def figures(run: pd.DataFrame) -> dict[str, float]:
    """Return the figures of one run that have a band.

    ``run`` has a row an epoch, in their order.
    """
    last = run.iloc[-1]
    return {
        "train_loss": float(last.train_loss),
        "train_acc": float(last.train_acc),
        "test_acc": float(last.test_acc),
        "late_test_acc": float(run.test_acc.iloc[-LATE:].mean(skipna=False)),
    }


def all_figures(study: pd.DataFrame) -> pd.DataFrame:
    """Return the figures of each run of a study, a row a run.

    The index says the run's seed, and its variant where there are several.
    """
    key = [name for name in ("variant", "seed") if name in study]
    runs = {run: figures(rows) for run, rows in study.groupby(key)}
    index = pd.MultiIndex.from_tuples(runs, names=key)
    return pd.DataFrame(list(runs.values()), index=index)


def last_epoch(study: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of the last epoch of a study's table."""
    return study[study.epoch == study.epoch.max()]


def bands(study: pd.DataFrame) -> dict[str, Band]:
    """Return the band of each figure.

    ``study`` is the table that ``lenet-d2l seeds`` writes.

    Raises:
        ValueError: a seed has diverged, so the spread has no mean.
    """
    runs = all_figures(study)
    diverged = runs.index[runs.isna().any(axis=1)].get_level_values("seed")
    if len(diverged):
        raise ValueError(f"no bands: seeds {list(diverged)} have diverged")
    return {name: band(runs[name], bad) for name, bad in BAD.items()}


def false_alarm_rate(
    spread: Any,
    n: int,
    rng: np.random.Generator,
    studies: int = 1000,
    tail: float = TAIL,
) -> float:
    """Return the chance that one more run lies outside a band of ``n``.

    Both are drawn from ``spread``, a frozen distribution of scipy's with the
    bad side to the right: the mean, over as many ``studies``, of the chance
    that it gives to what lies outside the study's band.
    """
    draws = spread.rvs((studies, n), random_state=rng)
    mean, sd = draws.mean(axis=1), draws.std(axis=1, ddof=1)
    to_good, to_bad = reach(n, tail)
    below = spread.cdf(mean - to_good * sd)
    above = spread.sf(mean + to_bad * sd)
    return float(np.mean(below + above))
