"""Studies of single steps of training: their gradients, and their time.

Source: the chapters "One run is not a result" (gradients) and "One change at
a time" (time).
"""

import time
from collections.abc import Iterable
from itertools import chain, islice, repeat
from typing import NamedTuple

import torch
from torch.utils.data import DataLoader

from ..training import synchronize
from .recipes import Recipe

STEPS = 3 * 235  # Three epochs of minibatches of 256
EVERY = 5  # Steps from one row to the next
RECORDED = STEPS // EVERY
WARM_UP, TIMED = 5, 20  # Minibatches


class StepRow(NamedTuple):
    """A minibatch's loss, and the norm of its gradient in each layer.

    The gradient is in the weights of a layer, without its bias, before the
    step is taken.
    """

    step: int
    loss: float
    conv1: float
    conv2: float
    linear1: float
    linear2: float
    linear3: float


def gradient_norms(
    recipe: Recipe,
    seed: int,
    train_iter: Iterable,
    test_iter: Iterable,
    device: torch.device | str,
    arithmetic: str = "plain",
) -> list[StepRow]:
    """Train from ``seed`` for 705 steps; return every fifth, from step 0."""
    net, optimizer = recipe.start(seed, device, arithmetic)
    weights = [w for name, w in net.named_parameters() if "weight" in name]
    rows: list[StepRow] = []
    batches = chain.from_iterable(repeat(train_iter, STEPS))
    for step, (X, y) in enumerate(islice(batches, STEPS)):
        optimizer.zero_grad()
        l = recipe.loss(net(X.to(device)), y.to(device))
        l.backward()
        if step % EVERY == 0:
            gradients = [w.grad for w in weights if w.grad is not None]
            norms = [float(gradient.norm()) for gradient in gradients]
            rows.append(StepRow(step, l.item(), *norms))
        optimizer.step()
    return rows


class SecondsRow(NamedTuple):
    """The seconds that an epoch's training takes, without its evaluation."""

    seconds: float


def seconds_an_epoch(
    recipe: Recipe,
    seed: int,
    train_iter: DataLoader,
    test_iter: Iterable,
    device: torch.device | str,
    arithmetic: str = "plain",
) -> list[SecondsRow]:
    """Time 20 minibatches after five untimed ones, scaled to an epoch.

    The time covers fetching them, forward, backward, step and metrics. It is
    for comparing nets, of which few can be fused, so the study is always
    plain. Seeds are repeats: each goes through all recipes, so that a slower
    minute of the machine slows all of them. Nothing else should run
    meanwhile (``--jobs 1``).
    """
    net, optimizer = recipe.start(seed, device, arithmetic)
    batches = iter(train_iter)

    def train(steps: int) -> None:
        part = islice(batches, steps)
        recipe.epoch(net, part, recipe.loss, optimizer, device)
        synchronize(device)

    train(WARM_UP)
    start = time.perf_counter()
    train(TIMED)
    a_step = (time.perf_counter() - start) / TIMED
    return [SecondsRow(a_step * len(train_iter))]
