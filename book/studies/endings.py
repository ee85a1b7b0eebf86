"""The post's runs with other endings: their last minibatches exchanged.

Source: the chapter "One run is not a result". A run from each seed is stopped
100, 20, 5 and 1 minibatches before its end. From there it goes on with its
own last minibatches, and then with those of twelve other orders, which are
the same for all seeds. After each ending the net is tested.
"""

from collections.abc import Iterable
from copy import deepcopy
from typing import Any, NamedTuple

import torch

from lenet_d2l import evaluate_accuracy_gpu
from lenet_d2l.studies.recipes import Recipe
from lenet_d2l.studies.study import Study

LEFT = 100, 20, 5, 1
OWN, ENDINGS = -1, range(12)


class EndingRow(NamedTuple):
    """Test accuracies with an ending, of so many minibatches each."""

    ending: int
    last_100: float
    last_20: float
    last_5: float
    last_1: float


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

    The run is stopped in its last epoch, and its own ending gives what it
    gives without a stop.
    """
    net, optimizer = recipe.start(seed, device, arithmetic)

    def train(batches: Iterable) -> None:
        recipe.epoch(net, batches, recipe.loss, optimizer, device)

    for _ in range(recipe.num_epochs - 1):
        train(train_iter)
        iter(test_iter)  # To test a net draws a random number
    rest, columns = list(train_iter), []
    for left in LEFT:
        train(rest[:-left])
        rest = rest[-left:]
        here = deepcopy(net.state_dict())
        columns.append([])
        for ending in OWN, *ENDINGS:
            others = train_iter.dataset, recipe.batch_size, left, ending
            train(rest if ending == OWN else last_of_an_order(*others))
            accuracy = evaluate_accuracy_gpu(net, test_iter, device)
            columns[-1].append(accuracy)
            net.load_state_dict(here)
    return [EndingRow(*row) for row in zip((OWN, *ENDINGS), *columns)]


STUDY = Study(
    {"post": Recipe()}, with_endings, EndingRow, rows=1 + len(ENDINGS)
)
