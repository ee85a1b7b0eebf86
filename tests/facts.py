"""The facts that the numbers of the book's prose are compared with.

An account in a page (see ``accounts.py``) is an expression in these names.
What the package or a study holds is computed; what is cited has its source.
"""
# ruff: noqa: F401 (Some names are for the pages alone)

import json
import math
import re
from functools import cache
from importlib import import_module
from importlib.metadata import version
from types import SimpleNamespace

import nbformat
import numpy as np
import pandas as pd
import torch
from conftest import BOOK, STUDIES, live_data  # And what it lets import
from evidence import *  # noqa: F403
from evidence import EVERY_EPOCH, TOLERANCE
from scipy import stats

from lenet_d2l import PaperInput, ScaledTanh, layer_counts, lenet
from lenet_d2l.__main__ import parser
from lenet_d2l.paper.lenet5 import BITMAPS, lenet5_1998
from lenet_d2l.results import post
from lenet_d2l.results.bands import (
    BAD,
    GOOD,
    GUMBEL,
    TAIL,
    all_figures,
    last_epoch,
)
from lenet_d2l.results.repeats import ENGLISH
from lenet_d2l.results.runs import PUBLISHED, load_run
from lenet_d2l.results.spread import FIGURES, Place
from lenet_d2l.results.verdicts import CHANCE as LEARNT
from lenet_d2l.results.verdicts import LEVEL, MARGIN, change
from lenet_d2l.speed import report
from lenet_d2l.speed.ways import AVX2, DEFAULT, PLAIN, STOCK
from lenet_d2l.studies.recipes import Recipe

# The post, d2l, and the recipe
FIRST, *_, BEFORE_LAST, LAST = post.LOG
EPOCHS = len(post.LOG)
OURS, _ = load_run(PUBLISHED)
FIRST_SECONDS, *OTHERS = post.seconds_per_epoch()
START_UP = FIRST_SECONDS - sum(OTHERS) / len(OTHERS)
# "About": to the nearest hundred
FLAT_SPEED = round(post.EXAMPLES * len(OTHERS) / sum(OTHERS), -2)
REPEATS = ENGLISH["test_acc"]
AWAY = {  # The post's last epoch from d2l's repeats, in their deviations
    name: (getattr(LAST, name) - repeats.mean) / repeats.sd
    for name, repeats in ENGLISH.items()
}
D2L = version("d2l")
RECIPE = Recipe()
FULL_BATCHES, LAST_BATCH = divmod(post.EXAMPLES, RECIPE.batch_size)
STEPS = FULL_BATCHES + 1  # In an epoch

# The two nets
NET, BLANK = lenet(), torch.zeros(1, 1, 28, 28)
COUNTS = layer_counts(NET, BLANK)
TOTAL = sum(count.parameters for count in COUNTS)
IMAGE, C1, _, S2, C3, _, S4, *_ = (tuple(c.shape) for c in COUNTS)
FLAT, C5, _, F6, _, CLASSES = (c.shape.numel() for c in COUNTS[7:])
FILTER, (PADDING, _) = NET[1].kernel_size, NET[1].padding
POOL = (NET[3].kernel_size,) * 2
PADDED = [side + 2 * PADDING for side in IMAGE[1:]]
CHANCE = math.log(CLASSES)  # The loss of a net that knows nothing
HALF = torch.sigmoid(torch.tensor(0.0)).item()
SLOPE = HALF * (1 - HALF)

PAPER_COUNTS = layer_counts(lenet5_1998(), BLANK)
PAPER = [count.parameters for count in PAPER_COUNTS if count.parameters]
MORE = {  # What the post's net has in addition
    "C3": COUNTS[4].parameters - PAPER[2],
    "output": COUNTS[12].parameters,
    "pooling": -PAPER[1] - PAPER[3],
}
BITMAP = len(BITMAPS[0][0]), len(BITMAPS[0])  # Width, height
BACKGROUND, INK = (PaperInput()(x).max().item() for x in (BLANK, BLANK + 1))
SCALE = ScaledTanh()(torch.tensor(math.inf)).item()

# Studies


def study(name: str, variant: str | None = None) -> pd.DataFrame:
    runs = pd.read_csv(STUDIES / f"{name}.csv")
    return last_epoch(
        runs if variant is None else runs[runs.variant == variant]
    )


def spread(runs: pd.DataFrame, *names: str) -> list[float]:
    """Return the mean and the standard deviation of each figure."""
    return [f for n in names for f in (runs[n].mean(), runs[n].std())]


def ranged(values: pd.Series) -> tuple[float, float, float]:
    """Return the median, the lowest and the highest."""
    return values.median(), values.min(), values.max()


SEEDS = study("seeds")
GRID_RUNS = len(import_module("grid").GRID) ** 2
FIRST_LOSSES = EVERY_EPOCH[EVERY_EPOCH.epoch == 0].train_loss
SOFTMAX = study("baselines", "softmax regression, lr 0.1").test_acc
SHORT_STEPS = study("faults", "lr 0.5")
LENET5 = study("lenet5", "discriminative")  # The second of its two losses
J, PLAIN_SGD = import_module("lenet5").J, import_module("lenet5").PLAIN_SGD
BASELINES = import_module("baselines").BASELINES
FAULTS = import_module("faults").FAULTS
CHANGES = import_module("changes").CHANGES
rates = import_module("rates")
RATES = rates.RATES
TRAINED = all_figures(pd.read_csv(STUDIES / "changes.csv"))
CHANGED = TRAINED.late_test_acc.groupby("variant").mean()
GAINED = pd.Series(  # What each row gains over the one before it
    {row.name: CHANGED[row.name] - CHANGED[row.before] for row in rates.TABLE}
)
GAPS = TRAINED.train_acc - TRAINED.test_acc  # By row and seed
TRIALS = pd.read_csv(STUDIES / "rates.csv")
# By row with rate, and seed: late accuracy, and epochs with next to none
HELD_BACK = rates.late_means(TRIALS)
TOO_LONG = pd.Series(  # By row: does a run fail at the next longer rate?
    {
        row.name: HELD_BACK[rates.tried(row.name, longer)].min() < LEARNT
        for row in rates.TABLE
        for longer in [min(r for r in row.rates if r > CHANGES[row.name].lr)]
    }
)
ON_PLATEAU = (
    TRIALS.held_back_acc.lt(LEARNT)
    .groupby([TRIALS.variant, TRIALS.seed])
    .sum()
)
contest = import_module("contest")
contest_rates = import_module("contest_rates")
TRIED_ON = rates.late_means(  # By row with rate, and seed
    pd.read_csv(STUDIES / "contest_rates.csv")
)
FOUGHT = pd.read_csv(STUDIES / "contest.csv").set_index(["variant", "seed"])
BY_SHIFT = contest.by_shift(FOUGHT.reset_index())  # A column per shift
CONTEST = BY_SHIFT.groupby("variant").mean().T
DUELS = {  # Differences, by the two rows and the shift
    tuple(pair): change(BY_SHIFT[by][row], BY_SHIFT[by][other])
    for pair in contest.PAIRS
    for row, other, by in [pair]
}
SECOND = (  # Losses of the second epoch, by seed and fault
    pd.read_csv(STUDIES / "faults.csv")
    .query("epoch == 1")
    .pivot(index="seed", columns="variant", values="train_loss")
)
LEFT = (  # The step in which each of ten runs leaves the plateau
    pd.read_csv(STUDIES / "plateau.csv")
    .groupby("seed")
    .apply(lambda r: r.step[r.loss.rolling(5, center=True).mean() < 2.2])
    .groupby("seed")
    .min()
)
live = import_module("live")
LIVE = live_data("measured")["measured"]
TIMED = import_module("seconds").TIMED
FASTEST = (
    pd.read_csv(STUDIES / "seconds.csv").groupby("variant").seconds.min()
)
TF32_BITS = import_module("tf32").BITS
BENCH = pd.read_csv(STUDIES / "bench.csv")
WAYS, TIMES = report.by_way(BENCH), report.times_stock(BENCH, "seconds")
SPLIT, GAINS = report.split(BENCH), report.gains(BENCH)
LUCK = GAINS.pop("default, again").max()  # The most that no change gained
TRIED = report.by_way(pd.read_csv(STUDIES / "not_kept.csv"))
NOT_KEPT = pd.DataFrame(
    {w: TRIED[PLAIN].seconds / t.seconds for w, t in TRIED.items()}
).drop(columns=PLAIN)
MACHINE = json.loads((STUDIES / "bench.json").read_text())["environment"]
ROUNDS = parser("lenet-d2l").parse_args(["bench", "--out", "f.csv"]).repeats
(CONFIDENCE,) = Place.interval.__defaults__  # Of every interval

# What a chapter prints


@cache
def outputs(chapter: str) -> str:
    places = BOOK, BOOK / "solutions"
    files = [f for place in places for f in place.glob(f"{chapter}_*.ipynb")]
    cells = [c for f in files for c in nbformat.read(f, as_version=4).cells]
    found = [o for cell in cells for o in cell.get("outputs", [])]
    text = [o.get("text") or o.data.get("text/plain", "") for o in found]
    # 1,000 without its comma
    return re.sub(r"(?<=\d),(?=\d{3})", "", " ".join(" ".join(text).split()))


NUMBER = r"([-+]?\d+(?:\.\d+)?(?:e[-+]\d+)?)"


def printed(chapter: str, line: str) -> np.ndarray:
    """Return the numbers at each ``{}`` of the lines that fit ``line``."""
    pattern = re.escape(line).replace(r"\{\}", NUMBER)
    rows = re.findall(pattern, outputs(chapter))
    if not rows:
        raise ValueError(f"chapter {chapter} prints no {line!r}")
    return np.array(rows, float).reshape(len(rows), -1).T


# Shares in percent, and their intervals: of the loss of epoch 1 and of the
# last, and of the test accuracy; where runs share the whole order, the last
# 100, 20, 5, 2 and 1 minibatches
BY_WEIGHTS = printed("11", "first weights {}% [{}%, {}%]")
BY_ORDER = printed("11", "order {}% [{}%, {}%]")
BY_ENDING = printed("11", "; gone: {}% [{}%, {}%]")
LONG, SHORT, _ = printed("11", "the ending explains {}%")[0]
MEASURED = import_module("endings").MEASURED
# The sd of the last jumps: unchanged, falling lr, mean of the weights
JUMPS = printed("11", "jumps: sd {}, {}% downward")[0]
IMAGES_SHARE = printed("11", "test images in that variance: {}%")
TRADED = printed("11", "pullovers and shirts: r = {} [{}, {}]")
LEAN = printed("a", "r = {} [{}, {}]; skewness {}, left {}")
TWIN_LOSSES = printed(
    "a", "in loss, epochs 0 to 9: " + ", ".join(10 * ["{}"])
)
BINS = printed("09", "{} answers: confidence {}, right {}")
TOO_SURE = BINS[1] - BINS[2]  # Confidence over accuracy
WITHOUT = printed("09", "without map {}: accuracy {}, its largest weight {}")


# What is cited or was measured
PEOPLE, PEOPLE_IMAGES = 0.835, 1_000  # README of Fashion-MNIST, benchmarks
TEST_IMAGES = 10_000  # Xiao et al. 2017
LAST_TEST = TEST_IMAGES % RECIPE.batch_size
# LeCun et al. 1998, sections II.B and III, and appendix A
DIGIT, PASSES = (20, 20), 20  # The largest pixels of a digit; of the data
REACH = 2.4  # Of a first weight, times its fan-in
PAPER_ERROR, DISTORTED_ERROR = 0.0095, 0.008  # Without and with distortions
# What came next, as the papers have it, most of it in their abstracts: errors
# on MNIST of Simard et al. 2003 and Cireşan et al. 2010; Krizhevsky et al.
# 2012 (millions of images and parameters; top-5 errors); layers of Simonyan
# and Zisserman 2014, of Szegedy et al. 2014, and of He et al. 2015, whose
# section 4.2 has the small nets; Dosovitskiy et al. 2020, section 4.1
NEXT = SimpleNamespace(
    **{"simard": 0.004, "ciresan": 0.0035},
    **{"images": 1.2, "classes": 1_000, "parameters": 60},
    **{"alexnet": 0.153, "second": 0.262, "vgg": 19, "googlenet": 22},
    **{"section": 4.2, "shallow": 20, "deep": 56, "small": 0.27},
    **{"resnet": 152, "patch": 16, "pretraining": (14, 300)},
)
RUNS_PER_ALARM = 10_000  # Runs to a false alarm, which an exercise supposes
# One GPU: NVIDIA H200, driver 580.159.04, beside 16 virtual cores of an Intel
# Xeon; Linux, Python 3.12.3, PyTorch 2.11.0+cu130, d2l 0.17.0
H200 = SimpleNamespace(
    torch="2.11.0",
    # ms a step, TF32 as by default: the median, the lowest and the highest of
    # 7 rounds of 234 steps. The step alone, its images on the GPU and nothing
    # read; with the copy and the metrics, as d2l's; replayed as a CUDA graph
    **{"bare": (2.140, 1.905, 2.412), "whole": (2.240, 2.110, 2.409)},
    graph=(0.363, 0.362, 0.364),
    # Seconds of an epoch, the median without the first: `lenet-d2l train` on
    # the GPU in 2 runs, and with the C code on 2 of the cores in 1 run
    **{"epoch": (0.51, 0.63), "on_cpu": 1.14},
    # Seconds of an epoch of train_epoch by images in a minibatch, median of 3
    by_batch={256: 0.601, 4_096: 0.115},
    # d2l's own code, 1 run of ten epochs: seconds, examples/sec as it prints
    **{"stock": 31.34, "speed": 86_060.6},
    # `lenet-d2l bench`, 1 round: seconds of ten epochs
    bench={STOCK: 33.643, PLAIN: 9.0593},
    # Seeds 0 to 9 (n = 10) and the runs of SEEDS, made on CPUs: the largest
    # distance of any seed in any epoch, with TF32 in convolutions and without
    tf32={"train_loss": 8e-5, "train_acc": 1e-4, "test_acc": 2e-4},
    no_tf32={"train_loss": 1e-6, "train_acc": 2e-5, "test_acc": 1e-4},
)
# `make book` and `make test` on the bench's machine
BUILD_MB, TEST_GB = 267, 7.1
