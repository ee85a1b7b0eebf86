"""Bands in which the figures of an honest run of the recipe lie.

They come from a study of many seeds (``lenet-d2l seeds``): their mean, and a
number of standard deviations that differs by side. The figures reach further
on the bad side (high loss, low accuracy) than on the good one. So on the bad
side the band ends where a Gumbel distribution, whose tail falls off
exponentially, is exceeded with a chance of ``TAIL``, and on the good side
after ``GOOD`` standard deviations. The chapter "How the book is checked" says
how often an honest run fails, as far as that can be said.
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

# Chance that a run of Gumbel's distribution lies beyond the bad end of a band
TAIL = 2e-6

# Standard deviations to the good side. Beyond it in all four bands together,
# each shape that fits the study gives less than 1e-4; the normal one, which
# does not fit, gives 9e-4.
GOOD = 3.5

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
        if not isinstance(value, (int, float)):
            return False
        return self.low <= value <= self.high

    def __str__(self) -> str:
        return f"[{self.low:.3f}, {self.high:.3f}]"


def band(
    values: ArrayLike, bad: int, tail: float = TAIL, good: float = GOOD
) -> Band:
    """Return the band for one more of ``values``, shape (n,).

    ``bad`` is +1 where high values are bad, -1 where low ones are. On that
    side ``tail`` is the chance of a miss; on the other the band ends after
    ``good`` standard deviations.
    """
    values = np.asarray(values, dtype=float)
    reach = np.array([-good, GUMBEL.isf(tail)]) * values.std(ddof=1)
    low, high = sorted(values.mean() + bad * reach)
    return Band(float(low), float(high))


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
    groups = study.groupby(key if len(key) > 1 else key[0])
    runs = {run: figures(rows) for run, rows in groups}
    return pd.DataFrame.from_dict(runs, orient="index").rename_axis(key)


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


def fitted(shape: Any, values: ArrayLike) -> Any:
    """Return ``shape``, a family of scipy's, fitted to the values.

    It has the parameters of the greatest likelihood that scipy's search
    finds. If the shape has a tail to the right, values should be bad where
    they are high.
    """
    values = np.asarray(values, dtype=float)
    mean, sd = values.mean(), values.std()
    with np.errstate(all="ignore"):  # Where the search goes astray
        # It settles only if the values are neither very small nor very close
        *parameters, loc, scale = shape.fit((values - mean) / sd)
    return shape(*parameters, mean + sd * loc, sd * scale)


def miss_rates(shape: Any, values: ArrayLike, band: Band) -> np.ndarray:
    """Return the chances that one more of ``values`` misses ``band``.

    They are the chances, shape (2,), that ``shape``, ``fitted`` to the
    values, gives to what lies below and to what lies above.
    """
    fit = fitted(shape, values)
    return np.array([fit.cdf(band.low), fit.sf(band.high)])
