"""The filters of C1 before the training, and after each of its epochs.

Source: the chapter "Inside the net".
"""

from collections.abc import Iterable
from typing import NamedTuple

import torch
from torch import nn

from lenet_d2l.studies.recipes import Recipe
from lenet_d2l.studies.study import Study

FILTERS, SIDE = 6, 5


class FilterRow(NamedTuple):
    """Five weights, from left to right: a row of a filter."""

    line: int  # From 0; the rows of a filter from top to bottom
    epochs: int  # That the net has been trained for
    filter: int
    w0: float
    w1: float
    w2: float
    w3: float
    w4: float


def filters_by_epoch(
    recipe: Recipe,
    seed: int,
    train_iter: Iterable,
    test_iter: Iterable,
    device: torch.device | str,
    arithmetic: str = "plain",
) -> list[FilterRow]:
    """Train by ``recipe`` from ``seed``; return C1's weights as they grow."""
    net, optimizer = recipe.start(seed, device, arithmetic)
    rows: list[FilterRow] = []

    def keep(epochs: int) -> None:
        first = next(m for m in net.modules() if isinstance(m, nn.Conv2d))
        for k, weights in enumerate(first.weight[:, 0].tolist()):
            for five in weights:
                rows.append(FilterRow(len(rows), epochs, k, *five))

    keep(0)
    for epoch in range(recipe.num_epochs):
        recipe.epoch(net, train_iter, recipe.loss, optimizer, device)
        iter(test_iter)  # To test a net draws a random number
        keep(epoch + 1)
    return rows


RECIPE = Recipe()
ROWS = (1 + RECIPE.num_epochs) * FILTERS * SIDE
STUDY = Study({"post": RECIPE}, filters_by_epoch, FilterRow, ROWS, ".4f")
