"""Recipes: what a training is made of, and its ten epochs without the show.

Source: the chapters "Training" and "One run is not a result".
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim import SGD, Optimizer
from torch.optim.lr_scheduler import LRScheduler
from torch.optim.swa_utils import AveragedModel

from ..accuracy import evaluate_accuracy_gpu
from ..net import init_weights, lenet
from ..speed.memory import keep_freed_memory
from ..training import train_epoch

# Minibatches of training and test, as load_data_fashion_mnist gives them
Loaders = tuple[Any, Any]


def as_loaded(train_iter: Any, test_iter: Any) -> Loaders:
    """Return the minibatches of training and test as they are."""
    return train_iter, test_iter


@dataclass(frozen=True)
class Recipe:
    """What a training is made of; ``Recipe()`` is the post's.

    ``net`` makes the net, ``init`` is applied to each of its modules, and
    ``data`` may change the minibatches: it is given those of training and
    test, and returns two. ``loss`` maps outputs and class numbers to their
    mean loss, and ``optimizer`` makes the optimizer of it. The learning rate
    is ``lr``, which ``schedule`` may change after each epoch; ``epoch`` is
    the function that trains one. From epoch ``average_from`` on, where there
    is one, test accuracy is not that of the weights after the epoch but of
    their mean over the epochs since then.
    """

    net: Callable[[], nn.Module] = lenet
    init: Callable[[nn.Module], Any] = init_weights
    data: Callable[[Any, Any], Loaders] = as_loaded
    epoch: Callable[..., tuple[float, float, int]] = train_epoch
    loss: Callable[[Tensor, Tensor], Tensor] = F.cross_entropy
    optimizer: Callable[..., Optimizer] = SGD
    lr: float = 0.9
    schedule: Callable[[Optimizer], LRScheduler] | None = None
    batch_size: int = 256
    num_epochs: int = 10
    average_from: int | None = None

    def start(
        self, seed: int, device: torch.device | str
    ) -> tuple[nn.Module, Optimizer]:
        """Seed torch; return a fresh net on ``device``, and its optimizer."""
        torch.manual_seed(seed)
        net = self.net()
        net.apply(self.init)
        net.to(device)
        keep_freed_memory()
        return net, self.optimizer(net.parameters(), lr=self.lr)

    def settings(self) -> dict[str, Any]:
        """Return the recipe as plain values, functions by their names."""
        return {name: plain(value) for name, value in vars(self).items()}


def plain(value: Any) -> Any:
    """Return a number or None as it is, a function as a text."""
    if isinstance(value, partial):
        given = [str(plain(argument)) for argument in value.args]
        given += [
            f"{name}={plain(to)}" for name, to in value.keywords.items()
        ]
        return f"{value.func.__name__}({', '.join(given)})"
    return value.__name__ if callable(value) else value


class EpochRow(NamedTuple):
    """What one epoch gave, ``EpochRecord`` without its times."""

    epoch: int
    train_loss: float
    train_acc: float
    test_acc: float


def train_recipe(
    recipe: Recipe,
    seed: int,
    train_iter: Iterable,
    test_iter: Iterable,
    device: torch.device | str,
) -> list[EpochRow]:
    """Train by ``recipe`` from ``seed``; return one row an epoch.

    For the post's recipe the rows are those of ``train_ch6``, bit for bit.
    An epoch whose loss is no longer finite, and all after it, are rows of
    NaN: such a run is a result too. ``recipe.data`` is not applied here.
    """
    net, optimizer = recipe.start(seed, device)
    schedule = recipe.schedule and recipe.schedule(optimizer)
    averaged = AveragedModel(net)
    rows: list[EpochRow] = []
    for epoch in range(recipe.num_epochs):
        try:
            train_loss, train_acc, _ = recipe.epoch(
                net, train_iter, recipe.loss, optimizer, device
            )
        except FloatingPointError:
            train_loss = math.nan
        if not math.isfinite(train_loss):
            left = range(epoch, recipe.num_epochs)
            return rows + [EpochRow(e, *[math.nan] * 3) for e in left]
        judged = net
        if recipe.average_from is not None and epoch >= recipe.average_from:
            averaged.update_parameters(net)
            judged = averaged
        test_acc = evaluate_accuracy_gpu(judged, test_iter, device)
        rows.append(EpochRow(epoch, train_loss, train_acc, test_acc))
        if schedule:
            schedule.step()
    return rows
