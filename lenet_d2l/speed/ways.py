"""Ways to do the post's training: d2l's own, the package's, those between.

Source: the chapter "Where the time goes". Each way changes one thing in the
way that it is compared with; what did not pay stays here, and here alone.
"""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor, nn
from torch._inductor import config as inductor_config
from torch.optim import SGD

from .. import training
from .._d2l import d2l
from ..data import minibatches
from ..datasets.idx_files import Files
from ..net import lenet
from ..studies.recipes import Loaders
from .fused import fused_lenet


def d2ls_minibatches(files: Files, batch_size: int) -> Loaders:
    """Return those of d2l's own loader, which decodes images as it goes.

    It reads ``../data`` whenever it starts; so the files are laid out there,
    beside a folder that is the working one from now on.
    """
    top = Path(tempfile.mkdtemp(prefix="lenet-d2l-"))
    raw = top / "data" / "FashionMNIST" / "raw"
    raw.mkdir(parents=True)
    for name, content in files.items():
        (raw / name).write_bytes(content)
    (top / "here").mkdir()
    before = Path.cwd()
    os.chdir(top / "here")
    try:
        return d2l.load_data_fashion_mnist(batch_size)
    finally:
        os.chdir(before)
        shutil.rmtree(top)  # torchvision has read them


def channels_first(files: Files, batch_size: int) -> Loaders:
    """Return the package's minibatches, in PyTorch's usual layout."""
    loaders: Loaders = minibatches(files, batch_size)
    for loader in loaders:
        X, y = loader.dataset.tensors
        loader.dataset.tensors = X.reshape(len(X), 1, 784).view_as(X), y
    return loaders


class Shuffled:
    """Minibatches taken by index from two tensors, without a DataLoader."""

    def __init__(self, tensors: tuple[Tensor, ...], batch_size: int):
        self.tensors = tensors
        self.batch_size = batch_size

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        X, y = self.tensors
        for indices in torch.randperm(len(X)).split(self.batch_size):
            yield X[indices], y[indices]


def by_index(files: Files, batch_size: int) -> Loaders:
    """Return minibatches of training without a DataLoader."""
    loaders: Loaders = minibatches(files, batch_size)
    train_iter, test_iter = loaders
    return Shuffled(train_iter.dataset.tensors, batch_size), test_iter


def tested_at_once(files: Files, batch_size: int) -> Loaders:
    """Return test minibatches of 2,000 images, those of training as ever."""
    return minibatches(files, batch_size)[0], minibatches(files, 2000)[1]


def compiled() -> nn.Sequential:
    """Return LeNet, to be compiled by PyTorch's inductor at its first use.

    What an earlier compilation has left is not used.
    """
    inductor_config.force_disable_caches = True
    net = lenet()
    net.compile(dynamic=False)
    return net


def memory_given_back() -> AbstractContextManager:
    """Leave the C library's memory as it is by default."""
    return patch.object(training, "keep_freed_memory")


def with_sgd(**options: Any) -> Callable[[], AbstractContextManager]:
    """Have PyTorch's SGD take its step otherwise."""
    return lambda: patch.object(torch.optim, "SGD", partial(SGD, **options))


def in_bfloat16() -> AbstractContextManager:
    """Have PyTorch compute in 16 bits where it takes that for enough."""
    # A cache would keep the weights as they were before the first step
    return torch.autocast("cpu", torch.bfloat16, cache_enabled=False)


@dataclass(frozen=True)
class Way:
    """One way to train.

    ``before`` names the way that it departs from, ``kept`` says whether the
    package does so. ``load`` makes the minibatches, ``net`` the net, and
    ``train`` has the arguments of ``train_ch6``; all of it happens within
    ``around()``.
    """

    before: str = ""
    kept: bool = True
    load: Callable[[Files, int], Loaders] = minibatches
    net: Callable[[], nn.Module] = lenet
    train: Callable[..., Any] = training.train_ch6
    around: Callable[[], AbstractContextManager] = nullcontext


STOCK, DEFAULT, FASTEST = "stock d2l", "channels last", "fused"

WAYS = {
    STOCK: Way(load=d2ls_minibatches, train=d2l.train_ch6),
    "data in memory": Way(STOCK, load=channels_first, train=d2l.train_ch6),
    "own train_ch6": Way(
        "data in memory", load=channels_first, around=memory_given_back
    ),
    "freed memory kept": Way("own train_ch6", load=channels_first),
    DEFAULT: Way("freed memory kept"),
    FASTEST: Way(DEFAULT, net=fused_lenet),
    "no DataLoader": Way(DEFAULT, kept=False, load=by_index),
    "tested 2,000 at a time": Way(DEFAULT, kept=False, load=tested_at_once),
    "SGD, fused": Way(DEFAULT, kept=False, around=with_sgd(fused=True)),
    "SGD, foreach": Way(DEFAULT, kept=False, around=with_sgd(foreach=True)),
    "compiled": Way(DEFAULT, kept=False, net=compiled),
    "bfloat16": Way(DEFAULT, kept=False, around=in_bfloat16),
}


def available(device: str) -> dict[str, Way]:
    """Return the ways that can be gone on ``device`` of this machine."""
    ways = dict(WAYS)
    if device != "cpu" or not shutil.which("gcc"):
        del ways[FASTEST]
    if not shutil.which("g++"):
        del ways["compiled"]
    if device != "cpu" or not torch.cpu._is_avx512_bf16_supported():
        del ways["bfloat16"]
    return ways
