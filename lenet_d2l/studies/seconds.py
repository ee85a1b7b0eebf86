"""How long an epoch of each row of the table takes, from a part of one.

Source: the chapter "One change at a time". Seeds are repeats here: each goes
through all rows, so that a machine that is slower for a while is so for all.
Nothing else should run meanwhile (``--jobs 1``).
"""

import time
from itertools import islice
from typing import NamedTuple

import torch
from torch.utils.data import DataLoader

from ..training import synchronize
from .recipes import Recipe

WARM_UP, TIMED = 5, 20  # Minibatches


class SecondsRow(NamedTuple):
    """The seconds that an epoch's training takes, without its evaluation."""

    seconds: float


def seconds_an_epoch(
    recipe: Recipe,
    seed: int,
    train_iter: DataLoader,
    test_iter: DataLoader,
    device: torch.device | str,
) -> list[SecondsRow]:
    """Time 20 minibatches, after five untimed; return it for an epoch.

    Fetching them, forward, backward, step and metrics are in it.
    """
    net, optimizer = recipe.start(seed, device)
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
