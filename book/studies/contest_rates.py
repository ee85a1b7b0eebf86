"""The nets of the contest at several learning rates, to choose their best.

Source: the chapter "What convolution buys". LeNet meets fully connected nets
that see each pixel by itself. All have ReLU, PyTorch's first weights and the
same recipe, but each row gets the learning rate that is best for it on images
held back. ``contest.py`` trains the rows with the rates chosen.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import pandas as pd
import torch
import torch.nn.functional as F
from rates import HeldBackRow, chosen, departed, held_back, tried
from rates import train_and_measure as measure
from torch import Tensor, nn
from torch.optim import Adam

from lenet_d2l.data import Loaders
from lenet_d2l.studies.recipes import Recipe, as_loaded, as_made, falling
from lenet_d2l.studies.study import Study

SIZE = 28  # Pixels to a side
FAR = 4  # Pixels: the longest shift, in training and test


def relu_lenet() -> nn.Sequential:
    """Return LeNet with ReLU: 61,706 parameters."""
    return departed(squash=nn.ReLU)


def full_net(hidden: int = 70) -> nn.Sequential:
    """Return a fully connected net, by default of 61,764 parameters."""
    return nn.Sequential(
        nn.Flatten(),
        nn.Linear(SIZE * SIZE, hidden),
        nn.ReLU(),
        nn.Linear(hidden, 84),
        nn.ReLU(),
        nn.Linear(84, 10),
    )


# As many multiply-adds per image as LeNet, and 7 times its parameters
wide_net = partial(full_net, hidden=479)


class Scramble(nn.Module):
    """Put the pixels of each image in another order, the same for all."""

    def __init__(self, seed: int = 0):
        super().__init__()
        drawn = torch.Generator().manual_seed(seed)
        self.register_buffer(
            "order", torch.randperm(SIZE**2, generator=drawn)
        )

    def forward(self, X: Tensor) -> Tensor:
        return X.flatten(1)[:, self.order].view(-1, 1, SIZE, SIZE)


def scrambled(net: Callable[[], nn.Module]) -> nn.Sequential:
    """Return a net that gets the pixels in another order."""
    return nn.Sequential(Scramble(), net())


def shift(X: Tensor, right: Tensor, down: Tensor) -> Tensor:
    """Shift each image by its own whole pixels, at most ``FAR``.

    What leaves the frame is lost, and what enters it is background, 0.
    """
    padded = F.pad(X[:, 0], [FAR] * 4)
    places = torch.arange(SIZE) + FAR
    rows, columns = (places - by[:, None] for by in (down, right))
    images = torch.arange(len(X))[:, None, None]
    return padded[images, rows[:, :, None], columns[:, None]][:, None]


class RandomShifts:
    """Minibatches whose images are shifted at random, anew in each epoch."""

    def __init__(self, batches: Any):
        self.batches = batches

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        for X, y in self.batches:
            yield shift(X, *torch.randint(-FAR, FAR + 1, (2, len(X)))), y

    def __len__(self) -> int:
        return len(self.batches)


def shifts_in_training(train_iter: Any, test_iter: Any) -> Loaders:
    """Shift the images of training; leave those of test as they are."""
    return RandomShifts(train_iter), test_iter


def in_turn(*steps_and_loaders: Any) -> Loaders:
    """Apply some steps, one after another, to the loaders behind them."""
    *steps, train_iter, test_iter = steps_and_loaders
    for step in steps:
        train_iter, test_iter = step(train_iter, test_iter)
    return train_iter, test_iter


PLAIN = Recipe(init=as_made, optimizer=Adam, schedule=falling(10), lr=0.003)
NETS = {"LeNet": relu_lenet, "full": full_net}
ROWS = {
    **{f"{n}, as they are": replace(PLAIN, net=NETS[n]) for n in NETS},
    **{
        f"{n}, scrambled": replace(PLAIN, net=partial(scrambled, NETS[n]))
        for n in NETS
    },
    **{
        f"{n}, shifts": replace(PLAIN, net=NETS[n], data=shifts_in_training)
        for n in NETS
    },
    "wide, as they are": replace(PLAIN, net=wide_net),
}
TRIED = (0.003, 0.01, 0.03)
ALSO = {"wide, as they are": (0.001,)}  # Its best of three was the lowest


def rates_of(name: str) -> list[float]:
    """Return the learning rates that are tried for a row, rising."""
    return sorted({*TRIED, *ALSO.get(name, ())})


def holding_back(recipe: Recipe) -> Recipe:
    """Return the recipe, measured on training images that are held back."""
    if recipe.data is as_loaded:
        return replace(recipe, data=held_back)
    return replace(recipe, data=partial(in_turn, held_back, recipe.data))


RATES = {
    tried(name, rate): replace(holding_back(recipe), lr=rate)
    for name, recipe in ROWS.items()
    for rate in rates_of(name)
}
STUDY = Study(RATES, measure, HeldBackRow, plain=True)


def best_rates(study: pd.DataFrame) -> dict[str, float]:
    """Return the best rate of each row.

    Raises:
        ValueError: the study is not finished.
    """
    return chosen(study, {name: rates_of(name) for name in ROWS})
