"""The post's runs with other endings: their last minibatches exchanged.

Source: the chapter "One run is not a result". A run from each seed is stopped
100, 20, 5, 2 and 1 minibatches before its end. From there it goes on with its
own last minibatches, and then with those of twelve other orders, which are
the same for all seeds. After each ending the net is tested. The endings of
five are also taken backwards, and with steps a tenth as long.
"""

from collections.abc import Iterable
from copy import deepcopy
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.utils.data import DataLoader, RandomSampler, TensorDataset

from lenet_d2l import evaluate_accuracy_gpu
from lenet_d2l.data import IndexBatches
from lenet_d2l.studies.recipes import Recipe
from lenet_d2l.studies.study import Study

LEFT = 100, 20, 5, 2, 1
FIVE = 5
OWN, ENDINGS = -1, range(12)
SHORT = 0.1  # Times the recipe's learning rate
MEASURED = 10_000  # Training images on which a loss is measured


class EndingRow(NamedTuple):
    """Test accuracies with an ending, and a loss at the same instant."""

    ending: int
    last_100: float
    last_20: float
    last_5: float
    last_2: float
    last_1: float
    backwards: float
    short: float
    train_loss: float


def last_of_an_order(data: Any, size: int, left: int, seed: int) -> list:
    """Return the last ``left`` minibatches of the order drawn by ``seed``."""
    drawn = torch.Generator().manual_seed(seed)
    order = torch.randperm(len(data), generator=drawn)
    return [data[indices] for indices in order.split(size)[-left:]]


def with_endings(
    recipe: Recipe,
    seed: int,
    train_iter: Any,
    test_iter: Iterable,
    device: torch.device | str,
    arithmetic: str = "plain",
) -> list[EndingRow]:
    """Train by ``recipe`` from ``seed`` up to each of ``LEFT``; end there.

    The run is stopped in its last epoch. With its own ending it gives the
    same accuracy as a run that is not stopped.
    """
    net, optimizer = recipe.start(seed, device, arithmetic)
    data = train_iter.dataset
    X, y = (tensor.to(device) for tensor in data[:MEASURED])

    def train(batches: Iterable, lr: float = recipe.lr) -> None:
        optimizer.param_groups[0]["lr"] = lr
        recipe.epoch(net, batches, recipe.loss, optimizer, device)

    for _ in range(recipe.num_epochs - 1):
        train(train_iter)
        iter(test_iter)  # To test a net draws a random number
    rest = list(train_iter)
    found: dict[int, dict[str, float]] = {e: {} for e in (OWN, *ENDINGS)}
    for left in LEFT:
        train(rest[:-left])
        rest = rest[-left:]
        here = deepcopy(net.state_dict())  # SGD has no state of its own
        for ending, row in found.items():
            drawn = last_of_an_order(data, recipe.batch_size, left, ending)
            batches = rest if ending == OWN else drawn
            ways = {f"last_{left}": (batches, recipe.lr)}
            if left == FIVE:
                ways["backwards"] = batches[::-1], recipe.lr
                ways["short"] = batches, SHORT * recipe.lr
            for way, given in ways.items():
                train(*given)
                row[way] = evaluate_accuracy_gpu(net, test_iter, device)
                if way == f"last_{FIVE}":
                    with torch.no_grad():
                        row["train_loss"] = recipe.loss(net(X), y).item()
                net.load_state_dict(here)
    return [EndingRow(ending, **row) for ending, row in found.items()]


def own_labels(seed: int, labels: Tensor, left: int) -> list[Tensor]:
    """Return the labels in the last minibatches of the run from ``seed``.

    ``labels`` are those of all training images, in their order. Random
    numbers are drawn as the run draws them, and nothing is trained.
    """
    recipe = Recipe()
    recipe.start(seed, "cpu")
    data = TensorDataset(labels)
    order = IndexBatches(RandomSampler(data), recipe.batch_size)
    loader = DataLoader(data, batch_size=None, sampler=order)
    for _ in range(recipe.num_epochs):
        batches = list(loader)
        iter(loader)  # To test a net draws a random number
    return [y for (y,) in batches[-left:]]


STUDY = Study(
    {"post": Recipe()}, with_endings, EndingRow, rows=1 + len(ENDINGS)
)
