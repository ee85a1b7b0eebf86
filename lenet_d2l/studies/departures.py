"""Departures from the post's net and recipe, one at a time.

Source: the chapter "One change at a time". Two ways lead away from the post:
back to LeNet-5 of 1998, and on to what is usual today. Each row of the table
changes one thing in the row that it departs from.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from types import MappingProxyType
from typing import Any, NamedTuple

import torch
from torch import nn
from torch.optim import SGD, Adam
from torch.optim.lr_scheduler import PolynomialLR

from ..net import Reshape
from ..paper.lenet5 import (
    C3_TABLE,
    RBF,
    PaperInput,
    PartialConv2d,
    ScaledTanh,
    Subsampling,
    init_lenet5,
)
from .baselines import as_made
from .recipes import Recipe


def average(maps: int) -> nn.Module:
    """Return the post's pooling, the mean of each 2×2 block."""
    return nn.AvgPool2d(2)


def maximum(maps: int) -> nn.Module:
    """Return today's pooling, the largest of each 2×2 block."""
    return nn.MaxPool2d(2)


def squashed(maps: int) -> nn.Module:
    """Return the paper's pooling: trained, and squashed after it."""
    return nn.Sequential(Subsampling(maps), ScaledTanh())


def full_c3() -> nn.Module:
    """Return the post's second convolution: each map sees all six."""
    return nn.Conv2d(6, 16, kernel_size=5)


def partial_c3() -> nn.Module:
    """Return the paper's: 60 of the 96 links."""
    return PartialConv2d(C3_TABLE, kernel_size=5)


def linear_output() -> nn.Module:
    """Return the post's output layer: weights of its own."""
    return nn.Linear(84, 10)


def departed(
    padded: bool = True,
    squash: Callable[[], nn.Module] = nn.Sigmoid,
    pool: Callable[[int], nn.Module] = average,
    c3: Callable[[], nn.Module] = full_c3,
    output: Callable[[], nn.Module] = linear_output,
) -> nn.Sequential:
    """Return LeNet with parts exchanged; with none, the post's.

    Where it is not ``padded``, its input is the paper's 32×32. The memory of
    its weights is laid out channels last, which a CPU multiplies faster.
    Xavier's draw fills a weight in the order of memory, so from one seed
    these nets have other first weights than ``lenet``.
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


def falling(epochs: int) -> Callable:
    """Return the schedule that ends at a tenth, or less, in equal steps."""
    return partial(PolynomialLR, total_iters=epochs)


class Row(NamedTuple):
    """A row of the table: its name, the row before it, and what changes.

    ``part`` is a part of the net, as ``departed`` takes it, ``settings`` are
    fields of the recipe; a row has one or the other.
    """

    name: str
    before: str
    part: Mapping[str, Any] = MappingProxyType({})
    settings: Mapping[str, Any] = MappingProxyType({})


TABLE = (
    Row("lr 0.1", "post", settings={"lr": 0.1}),
    # Back to 1998
    Row("tanh", "post", {"squash": nn.Tanh}),
    Row("tanh, lr 0.1", "tanh", settings={"lr": 0.1}),
    Row("scaled tanh", "tanh, lr 0.1", {"squash": ScaledTanh}),
    Row("trained subsampling", "scaled tanh", {"pool": squashed}),
    Row("partial C3", "trained subsampling", {"c3": partial_c3}),
    Row("RBF output", "partial C3", {"output": RBF}),
    Row("RBF output, lr 0.01", "RBF output", settings={"lr": 0.01}),
    Row("input 32×32", "RBF output, lr 0.01", {"padded": False}),
    Row("paper's init", "input 32×32", settings={"init": init_lenet5}),
    # On to today
    Row("ReLU", "post", {"squash": nn.ReLU}),
    Row("ReLU, lr 0.1", "ReLU", settings={"lr": 0.1}),
    Row("max pooling", "ReLU, lr 0.1", {"pool": maximum}),
    Row("PyTorch's init", "max pooling", settings={"init": as_made}),
    # A momentum of 0.9 makes steps ten times as long in the end; a tenth of
    # the learning rate keeps them as they were
    Row(
        "momentum",
        "PyTorch's init",
        settings={"optimizer": partial(SGD, momentum=0.9), "lr": 0.01},
    ),
    Row("Adam", "momentum", settings={"optimizer": Adam, "lr": 0.001}),
    Row("batch 64", "Adam", settings={"batch_size": 64}),
    Row("falling lr", "batch 64", settings={"schedule": falling(10)}),
    Row(
        "30 epochs",
        "falling lr",
        settings={"num_epochs": 30, "schedule": falling(30)},
    ),
)


def departures() -> dict[str, Recipe]:
    """Return the recipe of each row by its name, and the post's."""
    recipes = {"post": Recipe(departed)}
    for row in TABLE:
        before = recipes[row.before]
        net = partial(before.net, **row.part)
        recipes[row.name] = replace(before, net=net, **row.settings)
    return recipes


DEPARTURES = departures()
