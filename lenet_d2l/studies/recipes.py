"""Recipes: what a training is made of, and its epochs without the show.

Source: the chapters "Training" and "One run is not a result".
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim import SGD, Optimizer
from torch.optim.lr_scheduler import LRScheduler, PolynomialLR
from torch.optim.swa_utils import AveragedModel

from ..accuracy import evaluate_accuracy_gpu
from ..data import Loaders
from ..net import init_weights, lenet
from ..results.runs import EpochRow, readable
from ..speed.fused import with_arithmetic
from ..speed.memory import keep_freed_memory
from ..training import train_epoch


def as_loaded(train_iter: Any, test_iter: Any) -> Loaders:
    """Return the minibatches of training and test as they are."""
    return train_iter, test_iter


def as_made(module: nn.Module) -> None:
    """Leave the weights as PyTorch draws them."""


def falling(epochs: int) -> Callable[[Optimizer], LRScheduler]:
    """Return a schedule whose lr falls in equal steps to lr / ``epochs``."""
    return partial(PolynomialLR, total_iters=epochs)


@dataclass(frozen=True)
class Recipe:
    """What a training is made of; ``Recipe()`` is the post's.

    ``net`` makes the net, and ``init`` is applied to each of its modules.
    ``data`` takes the minibatches of training and test, and returns both,
    perhaps changed. ``epoch`` trains one epoch. ``loss`` maps outputs and
    class numbers to their mean loss; ``optimizer`` makes the optimizer, with
    the learning rate ``lr``, which ``schedule`` may change after each epoch.
    From epoch ``average_from`` on, the mean of the weights over the epochs
    since then is tested instead of the latest weights.
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
        self, seed: int, device: torch.device | str, arithmetic: str = "plain"
    ) -> tuple[nn.Module, Optimizer]:
        """Seed torch; return a fresh net on ``device``, and its optimizer.

        ``arithmetic`` says how the net computes (see ``speed.fused``); its
        first weights are the same. The process keeps its freed memory.
        """
        torch.manual_seed(seed)
        net = self.net()
        net.apply(self.init)
        net = with_arithmetic(net.to(device), arithmetic)
        keep_freed_memory()
        return net, self.optimizer(net.parameters(), lr=self.lr)

    def settings(self) -> dict[str, Any]:
        """Return the recipe as JSON can keep it."""
        return {name: readable(value) for name, value in vars(self).items()}


def train_recipe(
    recipe: Recipe,
    seed: int,
    train_iter: Iterable,
    test_iter: Iterable,
    device: torch.device | str,
    arithmetic: str = "plain",
) -> list[EpochRow]:
    """Train by ``recipe`` from ``seed``; return one row per epoch.

    With the post's recipe and plain arithmetic the rows are bit for bit
    what ``train_ch6`` gives. Once the loss is not finite, that epoch and all
    later ones are rows of NaN: such a run is a result too. ``recipe.data``
    is not applied here.
    """
    net, optimizer = recipe.start(seed, device, arithmetic)
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
        tested = net
        if recipe.average_from is not None and epoch >= recipe.average_from:
            averaged.update_parameters(net)
            tested = averaged
        test_acc = evaluate_accuracy_gpu(tested, test_iter, device)
        rows.append(EpochRow(epoch, train_loss, train_acc, test_acc))
        if schedule:
            schedule.step()
    return rows
