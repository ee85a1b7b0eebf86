"""Each change of the table at several learning rates, to choose its best.

Source: the chapter "One change at a time". Two ways lead away from the post:
back to LeNet-5 of 1998, and on to what is usual today. Each row of the table
changes one thing in the row that it departs from. A learning rate that suits
one net is too long for the next, so each row gets its own. It is chosen on
10,000 of the training images, which are held back: the test images must not
take part in a choice that they are to judge. ``changes.py`` trains the rows
with the rates chosen. Take other seeds here than there.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

import pandas as pd
import torch
from torch import nn
from torch.optim import SGD, Adam
from torch.utils.data import (
    DataLoader,
    RandomSampler,
    SequentialSampler,
    Subset,
)

from lenet_d2l.data import IndexBatches, Loaders
from lenet_d2l.net import Reshape
from lenet_d2l.paper.lenet5 import (
    C3_TABLE,
    RBF,
    PaperInput,
    PartialConv2d,
    ScaledTanh,
    Subsampling,
    init_lenet5,
)
from lenet_d2l.results.bands import LATE
from lenet_d2l.results.verdicts import GUESSING
from lenet_d2l.studies.recipes import Recipe, as_made, falling, train_recipe
from lenet_d2l.studies.study import Study

# The second convolution and the output of the post
FULL_C3 = partial(nn.Conv2d, 6, 16, kernel_size=5)
LINEAR_OUTPUT = partial(nn.Linear, 84, 10)


def average(maps: int) -> nn.Module:
    """Return the post's pooling, the mean of each 2×2 block."""
    return nn.AvgPool2d(2)


def maximum(maps: int) -> nn.Module:
    """Return today's pooling, the largest of each 2×2 block."""
    return nn.MaxPool2d(2)


def squashed(maps: int) -> nn.Module:
    """Return the paper's pooling: trained, then squashed."""
    return nn.Sequential(Subsampling(maps), ScaledTanh())


def partial_c3() -> nn.Module:
    """Return the paper's second convolution: 60 of the 96 links."""
    return PartialConv2d(C3_TABLE, kernel_size=5)


def departed(
    padded: bool = True,
    squash: Callable[[], nn.Module] = nn.Sigmoid,
    pool: Callable[[int], nn.Module] = average,
    c3: Callable[[], nn.Module] = FULL_C3,
    output: Callable[[], nn.Module] = LINEAR_OUTPUT,
) -> nn.Sequential:
    """Return LeNet with other parts than the post's, if any are given.

    If it is not ``padded``, its input is the paper's 32×32. The weights are
    laid out channels last, which a CPU multiplies faster. Xavier's draw fills
    a weight in the order of memory, so from one seed these nets have other
    first weights than ``lenet``.
    """
    net = nn.Sequential(
        Reshape() if padded else PaperInput(),
        nn.Conv2d(1, 6, kernel_size=5, padding=2 if padded else 0),
        squash(),
        pool(6),
        c3(),
        squash(),
        pool(16),
        nn.Flatten(),
        nn.Linear(16 * 5 * 5, 120),
        squash(),
        nn.Linear(120, 84),
        squash(),
        output(),
    )
    return net.to(memory_format=torch.channels_last)


class Row(NamedTuple):
    """A row of the table: its name, the row before it, and what changes.

    The changes are parts of the net, as ``departed`` takes them, or fields
    of the recipe. ``guess`` is the learning rate to begin with, and ``also``
    are others to try besides a third of it and three times as much.
    """

    name: str
    before: str
    changes: dict[str, Any]
    guess: float
    also: tuple[float, ...] = ()

    @property
    def rates(self) -> list[float]:
        """The learning rates to try, with one digit each, rising."""
        around = [float(f"{self.guess * by:.1g}") for by in (1 / 3, 1, 3)]
        return sorted({*around, *self.also})


# Sigmoids, and tanh or ReLU, are also tried at each other's rate, and the RBF
# output at that of the row before: to show why each row needs its own. Other
# rates were added where the best of three was the lowest or the highest, and
# two for the scaled tanh, between its best and the best of tanh
TABLE = (
    Row("best rate", "post", {}, 0.9, (0.1, 9.0)),
    # Back to 1998
    Row("tanh", "best rate", {"squash": nn.Tanh}, 0.1, (0.9,)),
    Row("scaled tanh", "tanh", {"squash": ScaledTanh}, 0.1, (0.15, 0.2)),
    Row("trained subsampling", "scaled tanh", {"pool": squashed}, 0.1),
    Row("partial C3", "trained subsampling", {"c3": partial_c3}, 0.1),
    Row("RBF output", "partial C3", {"output": RBF}, 0.01, (0.1, 0.001)),
    Row("input 32×32", "RBF output", {"padded": False}, 0.01, (0.001,)),
    Row("paper's init", "input 32×32", {"init": init_lenet5}, 0.01),
    # On to today
    Row("ReLU", "best rate", {"squash": nn.ReLU}, 0.1, (0.9,)),
    Row("max pooling", "ReLU", {"pool": maximum}, 0.1),
    Row("PyTorch's init", "max pooling", {"init": as_made}, 0.1, (0.9,)),
    Row(
        *("momentum", "PyTorch's init"),
        *({"optimizer": partial(SGD, momentum=0.9)}, 0.01, (0.1,)),
    ),
    Row("Adam", "momentum", {"optimizer": Adam}, 0.001, (0.01, 0.03)),
    Row("batch 64", "Adam", {"batch_size": 64}, 0.001, (0.01,)),
    Row("falling lr", "batch 64", {"schedule": falling(10)}, 0.001, (0.01,)),
    Row(
        *("30 epochs", "falling lr"),
        *({"num_epochs": 30, "schedule": falling(30)}, 0.001, (0.01,)),
    ),
)
GUESSES = {row.name: row.guess for row in TABLE}


def recipes(rates: dict[str, float]) -> dict[str, Recipe]:
    """Return the post's recipe, and that of each row with its rate."""
    made = {"post": Recipe(departed)}
    for name, row_before, changes, *_ in TABLE:
        before = made[row_before]
        fields = changes.keys() & vars(before).keys()
        parts = {part: changes[part] for part in changes.keys() - fields}
        made[name] = replace(
            before,
            net=partial(before.net, **parts),
            lr=rates[name],
            **{field: changes[field] for field in fields},
        )
    return made


SPLIT = 0  # The seed that says which images are held back


def held_back(train_iter: Any, test_iter: Any) -> Loaders:
    """Train on five of six training images, and measure on the others.

    They are the same 50,000 and 10,000 in every run. The test images are
    left alone.
    """
    images, size = train_iter.dataset, train_iter.sampler.batch_size
    drawn = torch.Generator().manual_seed(SPLIT)
    order = torch.randperm(len(images), generator=drawn)
    measured, trained = order.tensor_split([len(images) // 6])

    def load(part, sampler):
        some = Subset(images, part)
        batches = IndexBatches(sampler(some), size)
        return DataLoader(some, batch_size=None, sampler=batches)

    return load(trained, RandomSampler), load(measured, SequentialSampler)


class HeldBackRow(NamedTuple):
    """What one epoch gave, with the accuracy on the images held back."""

    epoch: int
    train_loss: float
    train_acc: float
    held_back_acc: float


def train_and_measure(*run: Any) -> list[HeldBackRow]:
    """Train as ``train_recipe`` does; name the accuracy after its images."""
    return [HeldBackRow(*row) for row in train_recipe(*run)]


def tried(name: str, rate: float) -> str:
    """Return the name that a row has in the study, at one of its rates."""
    return f"{name}, lr {rate:g}"


RATES = {
    tried(row.name, rate): replace(
        recipes(GUESSES)[row.name], lr=rate, data=held_back
    )
    for row in TABLE
    for rate in row.rates
}
STUDY = Study(RATES, train_and_measure, HeldBackRow)


def late_means(study: pd.DataFrame) -> pd.Series:
    """Return what a rate is chosen by, of each run: by variant and seed.

    That is the accuracy on the images held back, its mean over the last three
    epochs. A run that has diverged counts as one that guesses.
    """
    late = study.groupby(["variant", "seed"]).tail(LATE)
    late = late.fillna({"held_back_acc": GUESSING})
    return late.groupby(["variant", "seed"]).held_back_acc.mean()


def chosen(
    study: pd.DataFrame, rates: dict[str, list[float]]
) -> dict[str, float]:
    """Return which of its ``rates`` is best for each row, by late mean.

    Raises:
        ValueError: the study is not finished.
    """
    names = {tried(row, rate) for row, some in rates.items() for rate in some}
    seeds = study.groupby("variant").seed.agg(frozenset)
    if {*seeds.index} != names or seeds.nunique() != 1:
        raise ValueError("the study of the rates is not finished")
    means = late_means(study).groupby("variant").mean()
    return {
        row: max(some, key=lambda rate, row=row: means[tried(row, rate)])
        for row, some in rates.items()
    }


def best_rates(study: pd.DataFrame) -> dict[str, float]:
    """Return the best rate of each row of the table.

    Raises:
        ValueError: the study is not finished.
    """
    return chosen(study, {row.name: row.rates for row in TABLE})


def at_an_end(rates: dict[str, float]) -> list[str]:
    """Return the rows that have the lowest or the highest rate tried.

    The best may lie beyond. Add a rate to ``also``, and go on with the study.
    """
    return [
        row.name
        for row in TABLE
        if rates[row.name] in (row.rates[0], row.rates[-1])
    ]
