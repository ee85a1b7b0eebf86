"""The seconds that an epoch takes, for each row of the table of changes.

Source: the chapter "One change at a time".
"""

import time
from collections.abc import Iterable
from itertools import islice
from typing import NamedTuple

import torch
from changes import CHANGES
from torch.utils.data import DataLoader

from lenet_d2l.studies.recipes import Recipe
from lenet_d2l.studies.study import Study
from lenet_d2l.training import synchronize

WARM_UP, TIMED = 5, 20  # Minibatches


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
    meanwhile.
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


STUDY = Study(
    *(CHANGES, seconds_an_epoch, SecondsRow, 1, ".3f"), plain=True, jobs=1
)
