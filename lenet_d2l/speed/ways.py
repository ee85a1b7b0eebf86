"""Ways to do the post's training: d2l's own, the package's, those between.

Source: the chapter "Where the time goes".
"""

from collections.abc import Callable
from contextlib import chdir
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from joblib import cpu_count
from torch import nn

from .. import training
from .._d2l import d2l
from ..data import Loaders, minibatches
from ..datasets.idx_files import Files
from ..net import lenet
from ..results.runs import readable
from . import fused
from .memory import keep_freed_memory


def d2ls_minibatches(files: Files, batch_size: int) -> Loaders:
    """Return the minibatches of d2l's own loader, which decodes as it goes.

    It reads ``../data``, once, so it is called in a folder beside the files.
    """
    with TemporaryDirectory(prefix="lenet-d2l-") as top:
        raw, here = Path(top, "data/FashionMNIST/raw"), Path(top, "here")
        raw.mkdir(parents=True)
        here.mkdir()
        for name, content in files.items():
            (raw / name).write_bytes(content)
        with chdir(here):
            return d2l.load_data_fashion_mnist(batch_size)


def channels_first(files: Files, batch_size: int) -> Loaders:
    """Return the package's minibatches, in PyTorch's usual layout."""
    loaders: Loaders = minibatches(files, batch_size)
    for loader in loaders:
        X, y = loader.dataset.tensors
        loader.dataset.tensors = X.reshape(len(X), 1, 784).view_as(X), y
    return loaders


@dataclass(frozen=True)
class Way:
    """One way to do the post's training, or a part of it.

    ``load`` makes minibatches of ``batch_size`` from the first of ``parts``
    equal parts of the images, ``make`` the net, and ``train`` takes the
    arguments of ``train_ch6``. ``arithmetic`` is "fused" or "plain" (see
    ``fused``), and ``flags`` are more flags for its compiler. As many
    as ``processes`` train at the same time, in ``threads`` threads each.
    """

    load: Callable[[Files, int], Loaders] = minibatches
    train: Callable[..., Any] = training.train_ch6
    make: Callable[[], nn.Module] = lenet
    keeps_memory: bool = True
    arithmetic: str = "plain"
    flags: tuple[str, ...] = ()
    batch_size: int = 256
    parts: int = 1
    processes: int = 1
    threads: int = cpu_count()

    def begin(self) -> None:
        """Prepare this process, which is to train in this way alone."""
        torch.set_num_threads(self.threads)
        fused.COMPILE.extend(self.flags)
        if self.keeps_memory:
            keep_freed_memory()

    def net(self) -> nn.Module:
        """Return a new net."""
        return fused.with_arithmetic(self.make(), self.arithmetic)

    def settings(self) -> dict[str, Any]:
        """Return the way as JSON can keep it."""
        return {name: str(readable(to)) for name, to in vars(self).items()}


STOCK, PLAIN, DEFAULT = "stock d2l", "plain", "default"
AVX2 = "default, AVX2"

# Each changes one thing in the way before it; the last changes nothing, so
# its gain says how far the others' gains can be trusted
LADDER = {
    STOCK: Way(d2ls_minibatches, d2l.train_ch6, keeps_memory=False),
    "data in memory": Way(channels_first, d2l.train_ch6, keeps_memory=False),
    "own train_ch6": Way(channels_first, keeps_memory=False),
    "freed memory kept": Way(channels_first),
    PLAIN: Way(),
    DEFAULT: Way(arithmetic="fused"),
    "default, again": Way(arithmetic="fused"),
}
# As a study trains
ON_EACH_CORE = {
    f"{name}, on each core": replace(
        LADDER[name], processes=cpu_count(), threads=1
    )
    for name in (PLAIN, DEFAULT)
}
WAYS = {
    **LADDER,
    AVX2: Way(arithmetic="fused", flags=("-mno-avx512f",)),
    **ON_EACH_CORE,
}


def available(device: str) -> dict[str, Way]:
    """Return the ways that ``device`` and this machine can take."""
    here = {"plain", fused.arithmetic(device).name}
    wide = torch.backends.cpu.get_cpu_capability() == "AVX512"
    return {
        name: way
        for name, way in WAYS.items()
        if way.arithmetic in here and (wide or not way.flags)
    }
