"""LeNet against fully connected nets, in place, shifted and scrambled.

Source: the chapter "What convolution buys". It trains the rows of
``contest_rates.py``, each with the learning rate chosen there. Which rows are
compared, and on what, was written down here before the first run.
"""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import torch
from contest_rates import FAR, ROWS, best_rates, shift
from torch import Tensor, nn

from lenet_d2l.accuracy import evaluate_accuracy_gpu
from lenet_d2l.studies.recipes import Recipe, train_recipe
from lenet_d2l.studies.study import Study

CHOSEN = Path(__file__).with_name("contest_rates.csv")
RATES = best_rates(pd.read_csv(CHOSEN)) if CHOSEN.exists() else {}
CONTEST = {
    name: replace(recipe, lr=RATES.get(name, recipe.lr))
    for name, recipe in ROWS.items()
}


class ContestRow(NamedTuple):
    """The last epoch of a run, and its accuracy on shifted test images.

    ``across_2`` is the mean of two pixels to the left and to the right,
    ``along_2`` the mean of two pixels up and down.
    """

    epoch: int
    train_loss: float
    train_acc: float
    test_acc: float
    across_1: float
    across_2: float
    across_3: float
    across_4: float
    along_1: float
    along_2: float
    along_3: float
    along_4: float


def on_shifted(
    net: nn.Module,
    batches: list[tuple[Tensor, Tensor]],
    right: int,
    down: int,
) -> float:
    """Return the accuracy on images that are all shifted alike."""

    def moved(by: int, X: Tensor) -> Tensor:
        return torch.full([len(X)], by)

    some = (
        (shift(X, moved(right, X), moved(down, X)), y) for X, y in batches
    )
    return evaluate_accuracy_gpu(net, some)


def train_and_shift(
    recipe: Recipe,
    seed: int,
    train_iter: Iterable,
    test_iter: Iterable,
    device: torch.device | str,
    arithmetic: str = "plain",
) -> list[ContestRow]:
    """Train by ``recipe`` from ``seed``; return the last epoch's row alone.

    A scrambled net scrambles what is shifted already: its first layer does.
    """
    trained: list[nn.Module] = []

    def epoch(net: nn.Module, *others: Any) -> tuple[float, float, int]:
        trained[:] = [net]
        return recipe.epoch(net, *others)

    rows = train_recipe(
        replace(recipe, epoch=epoch),
        *(seed, train_iter, test_iter, device, arithmetic),
    )
    batches = list(test_iter)
    across, along = [], []
    for by in range(1, FAR + 1):
        for found, (right, down) in (across, (by, 0)), (along, (0, by)):
            both = [
                on_shifted(trained[0], batches, sign * right, sign * down)
                for sign in (-1, 1)
            ]
            found.append(sum(both) / 2)
    return [ContestRow(*rows[-1], *across, *along)]


class Pair(NamedTuple):
    """Two rows that are compared, on test images shifted so far."""

    row: str
    other: str
    shift: int


PLAIN, SCRAMBLED, SHIFTS = (
    [f"{net}, {way}" for net in ("LeNet", "full")]
    for way in ("as they are", "scrambled", "shifts")
)
PAIRS = (
    *(Pair(*PLAIN, by) for by in range(FAR + 1)),
    *(Pair(PLAIN[0], "wide, as they are", by) for by in (0, FAR)),
    *(Pair(SCRAMBLED[i], PLAIN[i], 0) for i in (0, 1)),
    Pair(*SCRAMBLED, 0),
    *(Pair(SHIFTS[i], PLAIN[i], by) for i in (0, 1) for by in (0, FAR)),
    *(Pair(*SHIFTS, by) for by in (0, FAR)),
)


def by_shift(study: pd.DataFrame) -> pd.DataFrame:
    """Return the accuracy after each shift, by row and seed.

    From 1 on it is the mean over left, right, up and down.
    """
    runs = study.set_index(["variant", "seed"])
    return pd.DataFrame(
        {0: runs.test_acc}
        | {
            by: (runs[f"across_{by}"] + runs[f"along_{by}"]) / 2
            for by in range(1, FAR + 1)
        }
    )


STUDY = Study(CONTEST, train_and_shift, ContestRow, rows=1, plain=True)
