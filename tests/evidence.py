"""What the chapters on many seeds conclude, as numbers with a sign.

``facts.py`` hands them on to the accounts of the prose. Distances to the bad
side are positive, whichever side of a figure that is.
"""

import numpy as np
import pandas as pd
from conftest import STUDIES
from scipy import stats

from lenet_d2l.results import post
from lenet_d2l.results.bands import (
    BAD,
    Band,
    all_figures,
    bands,
    fitted,
    last_epoch,
)
from lenet_d2l.results.paired import TOLERANCE, compare
from lenet_d2l.results.variance import between_seeds, distances, lasting_share

EVERY_EPOCH = pd.read_csv(STUDIES / "seeds.csv")
EVERY_FAULT = pd.read_csv(STUDIES / "faults.csv")

# The shape of the spread: each figure, with high values being bad
BADNESS = all_figures(EVERY_EPOCH) * pd.Series(BAD)
BEST_REACH = ((BADNESS.mean() - BADNESS.min()) / BADNESS.std()).max()
BANDS = bands(EVERY_EPOCH)
MIRRORED = {
    name: Band(*sorted(BAD[name] * end for end in BANDS[name]))
    for name in BAD
}
SHAPES = "norm", "gumbel_r", "pearson3", "exponnorm", "lognorm", "fisk"
AIC, ALARMS = pd.DataFrame(0.0, SHAPES, BAD), pd.Series(0.0, SHAPES)
for shape in SHAPES:
    for name, values in BADNESS.items():
        fit, ends = fitted(getattr(stats, shape), values), MIRRORED[name]
        score = len(fit.args) - fit.logpdf(values).sum()
        AIC.loc[shape, name] = 2 * score
        ALARMS[shape] += fit.cdf(ends.low) + fit.sf(ends.high)

# Faults: what they change, in standard deviations, and what is seen of it
BROKEN = all_figures(EVERY_FAULT) * pd.Series(BAD)
SHIFTS = BROKEN.groupby("variant").mean() / BADNESS.std()
SHIFTS -= SHIFTS.loc["none"]
CAUGHT = BROKEN.apply(
    lambda run: any(run[name] not in MIRRORED[name] for name in BAD), axis=1
)
CAUGHT = CAUGHT.groupby("variant").sum()
UNSEEN = CAUGHT.index[CAUGHT == 0].drop(["none", "lr 0.5"])
SMALL_SHIFTS = SHIFTS.abs().max(axis=1)[UNSEEN].max()
LUCKIEST = BADNESS.train_loss.min()
PAIRS = dict(iter(EVERY_FAULT.groupby(["variant", "seed"])))
PARTED = pd.Series(  # The first epoch in which a fault's run is another one
    {
        (fault, seed): compare(run, PAIRS["none", seed]).apart
        for (fault, seed), run in PAIRS.items()
        if fault != "none"
    }
)


def in_tolerances(name: str, honest: pd.DataFrame) -> pd.DataFrame:
    """Return how far runs are, at most, from the honest ones of their seeds.

    A column per metric, a row per seed.
    """
    twins = dict(iter(honest.groupby("seed")))
    runs = pd.read_csv(STUDIES / f"{name}.csv").groupby("seed")
    largest = [compare(run, twins[seed]).largest for seed, run in runs]
    return pd.DataFrame(largest) / pd.Series(TOLERANCE)


ROUNDED = in_tolerances("tf32", EVERY_FAULT[EVERY_FAULT.variant == "none"])
TWINS = in_tolerances("plain", EVERY_EPOCH)  # Computed in two ways

# The spread: by epoch, of steadier runs, of simpler classifiers
BY_EPOCH = EVERY_EPOCH.pivot(index="seed", columns="epoch")
SDS = BY_EPOCH.std().unstack(0)
TENS = np.random.default_rng(0).choice(BY_EPOCH.test_acc[9], (10_000, 10))
CENTERS, ERRORS = TENS.mean(axis=1), stats.sem(TENS, axis=1)
LOW_ENDS, HIGH_ENDS = stats.t(9, CENTERS, ERRORS).interval(0.95)
COVERAGE = (  # Intervals of ten runs that contain the mean of all
    (BY_EPOCH.test_acc[9].mean() > LOW_ENDS)
    & (BY_EPOCH.test_acc[9].mean() < HIGH_ENDS)
).mean()
LOW = BY_EPOCH.test_acc[9] <= post.LOG[-1].test_acc
FALLS = BY_EPOCH.test_acc[8] - BY_EPOCH.test_acc[9]
DEEP = post.LOG[-2].test_acc - post.LOG[-1].test_acc
MADE_GOOD = pd.concat(  # Falls as deep: is the next epoch above the last?
    (after > before)[before - fallen >= DEEP]
    for before, fallen, after in (
        [BY_EPOCH.test_acc[epoch + i] for i in (-1, 0, 1)]
        for epoch in range(5, 9)
    )
)
ENDS = ["train_loss", "test_acc"]
STEADIER = last_epoch(pd.read_csv(STUDIES / "steadier.csv"))
STEADIER = STEADIER.groupby("variant")[ENDS].mean()
STEADIER -= last_epoch(EVERY_EPOCH)[ENDS].mean()
SIMPLER = pd.read_csv(STUDIES / "baselines.csv").pivot(
    index=["variant", "seed"], columns="epoch", values="test_acc"
)
LATE = range(5, 10)


def swing(accuracy: pd.DataFrame) -> float:
    """Return the sd of the jumps from epoch to epoch, of the last five."""
    return accuracy.diff(axis=1)[[*LATE]].stack().std()


SWINGS = SIMPLER.groupby("variant").apply(swing) - swing(BY_EPOCH.test_acc)
STAYS = {
    name: lasting_share(BY_EPOCH[name][[7, 8, 9]]).share
    for name in ("train_loss", "test_acc")
}
LADDER = (
    distances(pd.read_csv(STUDIES / "ladder.csv"), EVERY_EPOCH)
    .groupby("variant")
    .median()
)
STRANGERS = between_seeds(EVERY_EPOCH[EVERY_EPOCH.seed < 10]).median()
LADDER_SHARES = (LADDER / STRANGERS).loc[1e-3:1e-1]
