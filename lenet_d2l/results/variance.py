"""What the variance between runs is made of.

Source: the chapter "One run is not a result". Three questions, one model.
A table with one number per cell is a sum of random effects:

    y[i, j] = mean + row[i] + column[j] + rest[i, j]

The rows and columns are first weights and orders of the images, or seeds and
epochs, or runs and test images. Variances come from the mean squares of the
analysis of variance (Searle, Casella and McCulloch 1992, chapter 4). They
are unbiased whatever the distribution of the effects, so one that is really
zero comes out below zero about half of the time, or more. Intervals that are
said to suppose normal effects are too short for effects with a long tail.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import stats
from scipy.spatial.distance import pdist

TAILS = 0.025, 0.975  # The ends of a 95 % interval


class MeanSquares(NamedTuple):
    """Mean squares of a table of ``shape``: of rows, columns, and the rest.

    The mean squares may be arrays, of many tables of one shape.
    """

    rows: np.ndarray
    columns: np.ndarray
    rest: np.ndarray
    shape: tuple[int, int]

    @property
    def freedom(self) -> tuple[int, int, int]:
        """The degrees of freedom of each."""
        a, b = self.shape
        return a - 1, b - 1, (a - 1) * (b - 1)

    def components(self) -> np.ndarray:
        """Return the variances of rows, columns and the rest, shape (3, ...).

        With one number per cell the rest contains the interaction.
        """
        a, b = self.shape
        rows = (self.rows - self.rest) / b
        columns = (self.columns - self.rest) / a
        return np.stack([rows, columns, self.rest])


def mean_squares(table: ArrayLike) -> MeanSquares:
    """Return the mean squares of ``table``, shape (a, b), without gaps."""
    y = np.asarray(table, dtype=float)
    a, b = y.shape
    rows = y.mean(axis=1, keepdims=True)
    columns = y.mean(axis=0, keepdims=True)
    rest = y - rows - columns + y.mean()
    return MeanSquares(
        b * rows.var(ddof=1),
        a * columns.var(ddof=1),
        np.square(rest).sum() / ((a - 1) * (b - 1)),
        (a, b),
    )


class Share(NamedTuple):
    """A share of a variance, from 0 to 1, with its 95 % interval."""

    share: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.share:.0%} [{self.low:.0%}, {self.high:.0%}]"


def shares(components: np.ndarray) -> np.ndarray:
    """Return the shares of the variances; one below zero counts as zero."""
    positive = components.clip(min=0)
    return positive / positive.sum(axis=0)


def crossed_shares(
    table: ArrayLike, rng: np.random.Generator, draws: int = 20_000
) -> dict[str, Share]:
    """Return the shares of rows, columns and the rest of ``table``.

    The intervals are Chiang's (Technometrics 43, 2001, 356-367): if the
    effects are normal, a mean square is its expectation times chi-squared
    over its degrees of freedom. So draw chi-squared over its degrees of
    freedom, divide each mean square by it, and take the quantiles of the
    shares that follow.
    """
    seen = mean_squares(table)
    freedom = dict(zip(("rows", "columns", "rest"), seen.freedom))
    expected = {
        name: getattr(seen, name) * n / rng.chisquare(n, draws)
        for name, n in freedom.items()
    }
    drawn = seen._replace(**expected).components()
    low, high = np.quantile(shares(drawn), TAILS, axis=1)
    ends = zip(shares(seen.components()), low, high)
    return {name: Share(*map(float, s)) for name, s in zip(freedom, ends)}


def lasting_share(table: ArrayLike) -> Share:
    """Return the share of the variance within a column that rows explain.

    Of a figure by seed and epoch it is what stays with the seed from one
    epoch to another; what is left is the instant's. How the mean changes
    from epoch to epoch counts for neither. This is the intraclass
    correlation ICC(3,1) of Shrout and Fleiss (1979), with their interval,
    which is exact if the effects are normal.
    """
    seen = mean_squares(table)
    rows, _, rest = seen.freedom
    k = seen.shape[1]
    f = seen.rows / seen.rest
    ratios = np.array([f, *f / stats.f(rows, rest).isf(TAILS)])
    return Share(*((ratios - 1) / (ratios + k - 1)).clip(min=0).tolist())


def explained_share(
    sharing: ArrayLike,
    others: ArrayLike,
    rng: np.random.Generator,
    resamples: int = 2000,
) -> Share:
    """Return the share of the variance that goes where runs share a cause.

    ``sharing``, shape (runs, causes), has a column for each of some causes:
    the runs that share it. ``others``, shape (n,), are runs that share none.
    The interval is a bootstrap over runs, causes and others.
    """
    table, apart = np.asarray(sharing), np.asarray(others)
    a, b = table.shape

    def explained(i: np.ndarray, j: np.ndarray, k: np.ndarray) -> float:
        within = table[np.ix_(i, j)].var(axis=0, ddof=1).mean()
        return 1 - within / apart[k].var(ddof=1)

    whole = [np.arange(n) for n in (a, b, len(apart))]
    drawn = [
        explained(*(rng.choice(part, part.size) for part in whole))
        for _ in range(resamples)
    ]
    # Of runs drawn with replacement some are alike, which takes a share too
    low, high = 1 - (1 - np.quantile(drawn, TAILS)) * a / (a - 1)
    return Share(*np.clip([explained(*whole), low, high], 0, 1).tolist())


def images_share(
    right: ArrayLike,
    labels: ArrayLike,
    rng: np.random.Generator,
    resamples: int = 2000,
) -> Share:
    """Return the share that the choice of test images has in the variance.

    ``right``, shape (runs, images), says which run is right about which
    image, and ``labels``, shape (images,), which class an image is of: other
    images would be drawn class by class. Two nets that are equally good on
    all the images in the world are not on these few: each has mistakes of
    its own. That part of the variance between the runs' accuracies is the
    rest's within the classes, divided by the number of images; without it
    the runs differ as they would on endlessly many (Jordan 2024). The
    interval is a bootstrap over the runs.
    """
    y, labels = np.array(right, dtype=float), np.asarray(labels)
    runs, images = y.shape
    accuracy, classes = y.mean(axis=1), np.unique(labels)
    for label in classes:
        y[:, labels == label] -= y[:, labels == label].mean(1, keepdims=True)
    # Of the many images the rest's mean square needs only these products, so
    # that a resample takes no time
    products = y @ y.T / (images - len(classes))
    draws = rng.integers(0, runs, (resamples, runs))
    indices = np.vstack([np.arange(runs), draws])
    rest = [
        (products[i, i].sum() - products[np.ix_(i, i)].sum() / runs)
        / (runs - 1)
        for i in indices
    ]
    between = images * accuracy[indices].var(axis=1, ddof=1)
    share, *drawn = (rest / between).clip(max=1)
    return Share(float(share), *np.quantile(drawn, TAILS).tolist())


def distances(
    runs: pd.DataFrame, honest: pd.DataFrame, figure: str = "train_loss"
) -> pd.DataFrame:
    """Return how far changed runs are from the honest ones of their seeds.

    ``runs`` has several variants. The result has a row per variant and seed,
    and a column per epoch.
    """
    pairs = runs.merge(honest, on=["seed", "epoch"], suffixes=("", "_honest"))
    far = (pairs[figure] - pairs[f"{figure}_honest"]).abs()
    return pairs.assign(far=far).pivot(
        index=["variant", "seed"], columns="epoch", values="far"
    )


def between_seeds(
    study: pd.DataFrame, figure: str = "train_loss"
) -> pd.DataFrame:
    """Return how far runs of different seeds are apart, the yardstick.

    A row per pair of seeds, and a column per epoch.
    """
    table = study.pivot(index="seed", columns="epoch", values=figure)
    return table.apply(lambda values: pd.Series(pdist(values.to_frame())))
