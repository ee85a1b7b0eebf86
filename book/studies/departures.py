"""Departures from the post's net and recipe, one at a time.

Source: the chapter "One change at a time". Two ways lead away from the post:
back to LeNet-5 of 1998, and on to what is usual today. Each row of the table
changes one thing in the row that it departs from.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import nn
from torch.optim import SGD, Adam

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
from lenet_d2l.studies.recipes import Recipe, as_made, falling
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
    of the recipe.
    """

    name: str
    before: str
    changes: dict[str, Any]


# Momentum of 0.9 makes steps ten times as long in the end; with a tenth of
# the learning rate they stay as long as they were
MOMENTUM = {"optimizer": partial(SGD, momentum=0.9), "lr": 0.01}

TABLE = (
    Row("lr 0.1", "post", {"lr": 0.1}),
    # Back to 1998
    Row("tanh", "post", {"squash": nn.Tanh}),
    Row("tanh, lr 0.1", "tanh", {"lr": 0.1}),
    Row("scaled tanh", "tanh, lr 0.1", {"squash": ScaledTanh}),
    Row("trained subsampling", "scaled tanh", {"pool": squashed}),
    Row("partial C3", "trained subsampling", {"c3": partial_c3}),
    Row("RBF output", "partial C3", {"output": RBF}),
    Row("RBF output, lr 0.01", "RBF output", {"lr": 0.01}),
    Row("input 32×32", "RBF output, lr 0.01", {"padded": False}),
    Row("paper's init", "input 32×32", {"init": init_lenet5}),
    # On to today
    Row("ReLU", "post", {"squash": nn.ReLU}),
    Row("ReLU, lr 0.1", "ReLU", {"lr": 0.1}),
    Row("max pooling", "ReLU, lr 0.1", {"pool": maximum}),
    Row("PyTorch's init", "max pooling", {"init": as_made}),
    Row("momentum", "PyTorch's init", MOMENTUM),
    Row("Adam", "momentum", {"optimizer": Adam, "lr": 0.001}),
    Row("batch 64", "Adam", {"batch_size": 64}),
    Row("falling lr", "batch 64", {"schedule": falling(10)}),
    Row(
        *("30 epochs", "falling lr"),
        {"num_epochs": 30, "schedule": falling(30)},
    ),
)


def departures() -> dict[str, Recipe]:
    """Return the post's recipe and that of each row, by name."""
    recipes = {"post": Recipe(departed)}
    for name, row_before, changes in TABLE:
        before = recipes[row_before]
        fields = changes.keys() & vars(before).keys()
        parts = {part: changes[part] for part in changes.keys() - fields}
        recipes[name] = replace(
            before,
            net=partial(before.net, **parts),
            **{field: changes[field] for field in fields},
        )
    return recipes


DEPARTURES = departures()
STUDY = Study(DEPARTURES)
