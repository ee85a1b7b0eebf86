"""The post's runs, and what each net answers to the 10,000 test images.

Source: the chapter "One run is not a result". They are the runs of the
command ``seeds``, image by image: read the answers with
``pd.read_csv(file, dtype={"answers": str})``.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, NamedTuple

import torch
from torch import nn

from lenet_d2l.studies.recipes import Recipe, train_recipe
from lenet_d2l.studies.study import Study


class AnswersRow(NamedTuple):
    """The last epoch of a run, and its answers: a digit per test image."""

    epoch: int
    train_loss: float
    train_acc: float
    test_acc: float
    answers: str


def last_answers(
    recipe: Recipe,
    seed: int,
    train_iter: Iterable,
    test_iter: Iterable,
    device: torch.device | str,
    arithmetic: str = "plain",
) -> list[AnswersRow]:
    """Train by ``recipe`` from ``seed``; return the last epoch's row alone.

    Yet each epoch is tested, as ever: to go through the test images draws a
    random number, without which the next epoch would have another order.
    """
    trained: list[nn.Module] = []

    def epoch(net: nn.Module, *others: Any) -> tuple[float, float, int]:
        trained[:] = [net]
        return recipe.epoch(net, *others)

    rows = train_recipe(
        replace(recipe, epoch=epoch),
        *(seed, train_iter, test_iter, device, arithmetic),
    )
    net = trained[0].eval()
    with torch.no_grad():
        answers = [net(X.to(device)).argmax(dim=1) for X, _ in test_iter]
    digits = "".join(map(str, torch.cat(answers).tolist()))
    return [AnswersRow(*rows[-1], digits)]


STUDY = Study({"post": Recipe()}, last_answers, AnswersRow, rows=1)
