"""What was tried to make the plain net faster, and not kept.

Source: the chapter "Where the time goes".
"""

from collections.abc import Iterator
from functools import partial
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor, nn
from torch.optim import SGD

from lenet_d2l import lenet, minibatches, train_ch6
from lenet_d2l.data import Loaders
from lenet_d2l.datasets.idx_files import Files
from lenet_d2l.speed.ways import PLAIN, Way
from lenet_d2l.studies.bench import Bench


class Shuffled:
    """Minibatches taken by index from two tensors, without a DataLoader."""

    def __init__(self, tensors: tuple[Tensor, ...], batch_size: int):
        self.tensors, self.batch_size = tensors, batch_size

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        X, y = self.tensors
        for indices in torch.randperm(len(X)).split(self.batch_size):
            yield X[indices], y[indices]


def by_index(files: Files, batch_size: int) -> Loaders:
    """Return minibatches of training without a DataLoader."""
    train_iter, test_iter = minibatches(files, batch_size)
    return Shuffled(train_iter.dataset.tensors, batch_size), test_iter


def tested_at_once(files: Files, batch_size: int) -> Loaders:
    """Return the usual minibatches to train, and 2,000 images a test."""
    return minibatches(files, batch_size)[0], minibatches(files, 2000)[1]


def with_sgd(option: str, *arguments: Any) -> Any:
    """Train with an option of PyTorch's SGD that takes its step otherwise."""
    sgd = partial(SGD, **{option: True})
    with patch.object(torch.optim, "SGD", sgd):
        return train_ch6(*arguments)


def in_bfloat16(*arguments: Any) -> Any:
    """Have PyTorch compute in 16 bits where it takes that for enough."""
    # A cache would keep the weights as they were before the first step
    with torch.autocast("cpu", torch.bfloat16, cache_enabled=False):
        return train_ch6(*arguments)


def compiled() -> nn.Module:
    """Return LeNet, to be compiled by PyTorch's inductor at its first use.

    What an earlier compilation has left is not used.
    """
    from torch._inductor import config

    config.force_disable_caches = True
    net = lenet()
    net.forward = torch.compile(net.forward, dynamic=False)
    return net


STUDY = Bench(
    {
        PLAIN: Way(),
        "no DataLoader": Way(load=by_index),
        "tested 2,000 at a time": Way(load=tested_at_once),
        "SGD, fused": Way(train=partial(with_sgd, "fused")),
        "SGD, foreach": Way(train=partial(with_sgd, "foreach")),
        "compiled": Way(make=compiled),
        "bfloat16": Way(train=in_bfloat16),
    },
    num_epochs=2,
)
