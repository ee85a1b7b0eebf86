"""What is measured: each measurement in a process of its own.

Source: the chapter "Where the time goes". Before its clock starts each one
does a little of what is to be measured; what that takes is its start-up.
"""

import io
import math
import re
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import (
    AbstractContextManager,
    contextmanager,
    nullcontext,
    redirect_stdout,
)
from pathlib import Path
from statistics import median
from typing import Any

import torch
from IPython.core.interactiveshell import InteractiveShell
from matplotlib_inline.backend_inline import set_matplotlib_formats
from torch import Tensor, nn
from torch.func import functional_call, grad, stack_module_state, vmap
from torch.nn.functional import cross_entropy
from traitlets.config import Config

from .. import training
from ..accuracy import evaluate_accuracy_gpu
from ..data import minibatches
from ..datasets.idx_files import Files
from ..net import init_weights, lenet
from ..training import synchronize, train_epoch
from .phases import PHASES, REST, PhaseClock
from .ways import WAYS, Way

LR, SEED = 0.9, 0
LINE = re.compile(r"loss (\S+), train acc (\S+), test acc (\d\.\d+)")


def size(files: Files, part: str) -> int:
    """Return how many examples ``part`` has, "train" or "t10k"."""
    return int.from_bytes(files[f"{part}-labels-idx1-ubyte"][4:8], "big")


def shortened(files: Files, **sizes: int) -> Files:
    """Return the first examples: ``train`` and ``t10k`` say how many."""
    short = {}
    for name, content in files.items():
        n = sizes[name.partition("-")[0]]
        header, an_item = (16, 784) if "images" in name else (8, 1)
        count = n.to_bytes(4, "big")
        short[name] = content[:4] + count + content[8 : header + n * an_item]
    return short


def for_warm_up(files: Files, batch: int, batches: int = 1) -> Files:
    """Return minibatches of each size that there is: full, and last."""
    train, test = size(files, "train"), size(files, "t10k")
    return shortened(
        files,
        train=min(train, batches * batch + train % batch),
        t10k=min(test, batch + test % batch),
    )


def memory(entry: str) -> int | None:
    """Return "VmRSS" or "VmHWM", its highest so far, in bytes; Linux only."""
    status = Path("/proc/self/status")
    if not status.exists():
        return None
    line = re.search(rf"{entry}:\s+(\d+) kB", status.read_text())
    return int(line[1]) * 1024 if line else None


AFTER_IMPORTS = memory("VmRSS")


@contextmanager
def as_in_a_notebook() -> Iterator[io.StringIO]:
    """Have figures rendered as in a notebook, without one; give the output.

    A script would not render them, and d2l's curves would cost nothing.
    """
    config = Config()
    config.HistoryManager.enabled = False
    shell: Any = InteractiveShell.instance(config=config)
    shell.kernel = None  # That there is one is what Animator asks
    set_matplotlib_formats("svg")
    with redirect_stdout(io.StringIO()) as output:
        yield output


class Prepared:
    """A way with its first steps taken, and a fresh net."""

    def __init__(self, name: str, files: Files, batch: int, device: str):
        self.way: Way = WAYS[name]
        self.files, self.batch, self.device = files, batch, device
        start = time.perf_counter()
        with self.way.around():
            net = self.way.net()
            # d2l's train_ch6 draws after every fifth of the minibatches
            few = self.way.load(for_warm_up(files, batch, 5), batch)
            self.way.train(net, *few, 1, LR, device)
        synchronize(device)
        self.start_up = time.perf_counter() - start
        torch.manual_seed(SEED)
        self.net = self.way.net()

    def train(
        self,
        num_epochs: int,
        loading: AbstractContextManager | None = None,
    ) -> float:
        """Load the data, within ``loading``, and train; return the seconds.

        What one way does as it loads, another does in every epoch.
        """
        start = time.perf_counter()
        with self.way.around():
            with loading or nullcontext():
                loaders = self.way.load(self.files, self.batch)
            self.way.train(self.net, *loaders, num_epochs, LR, self.device)
        synchronize(self.device)
        return time.perf_counter() - start


def whole(
    files: Files, name: str, batch: int, num_epochs: int, device: str
) -> dict[str, Any]:
    """Train for some epochs; return seconds, memory and the last figures."""
    with as_in_a_notebook() as output:
        prepared = Prepared(name, files, batch, device)
        seconds = prepared.train(num_epochs)
    most = memory("VmHWM")
    return {
        "seconds": seconds,
        "start_up": prepared.start_up,
        "memory": most - AFTER_IMPORTS if most and AFTER_IMPORTS else None,
        "figures": LINE.findall(output.getvalue())[-1],
    }


def split(
    files: Files, name: str, batch: int, num_epochs: int, device: str
) -> dict[str, float]:
    """Train for some epochs; return the seconds of each phase of one."""
    with as_in_a_notebook():
        prepared = Prepared(name, files, batch, device)
        clock = PhaseClock(device)
        with clock.watch(prepared.net):
            prepared.train(num_epochs, clock.phase("data"))
    return {
        phase: clock.seconds[phase] / num_epochs for phase in (*PHASES, REST)
    }


def multiplication_rate(device: str, size: int = 2048) -> float:
    """Return how many multiply-adds of float32 matrices a second takes."""
    a, b = torch.rand(2, size, size, device=device)
    seconds = []
    for _ in range(12):
        synchronize(device)
        start = time.perf_counter()
        a @ b
        synchronize(device)
        seconds.append(time.perf_counter() - start)
    return size**3 / median(seconds[2:])


def epoch(
    files: Files,
    name: str,
    batch: int,
    device: str,
    wait: Callable[[], Any],
) -> float:
    """Train an epoch and evaluate it; return the seconds of both.

    Between the warm-up and the epoch stands ``wait``, at which those that
    are measured at once wait for each other.
    """
    way = WAYS[name]
    with way.around():
        training.keep_freed_memory()
        torch.manual_seed(SEED)
        net = way.net()
        net.apply(init_weights)
        net.to(device)
        optimizer = torch.optim.SGD(net.parameters(), LR)
        loss = nn.CrossEntropyLoss()

        def train(train_iter: Iterable, test_iter: Iterable) -> None:
            train_epoch(net, train_iter, loss, optimizer, device)
            evaluate_accuracy_gpu(net, test_iter, device)
            synchronize(device)

        train(*way.load(for_warm_up(files, batch), batch))
        loaders = way.load(files, batch)
        wait()
        start = time.perf_counter()
        train(*loaders)
        return time.perf_counter() - start


def batched_epoch(
    files: Files, batch: int, seeds: int, steps: int = 10
) -> float:
    """Train nets from many seeds as one; return the seconds of an epoch.

    Every weight has an axis more, for the seed, and ``torch.func`` does to
    all what it would do to one. Each seed has its own order of images. A few
    ``steps`` are timed, and no evaluation.
    """
    training.keep_freed_memory()
    dataset: Any = minibatches(files, batch)[0].dataset
    X, y = dataset.tensors
    nets = [lenet()[1:] for _ in range(seeds)]  # Reshape asks for 4 axes
    weights = {
        name: weight.detach()
        for name, weight in stack_module_state(nets)[0].items()
    }

    def loss(weights: dict[str, Tensor], X: Tensor, y: Tensor) -> Tensor:
        return cross_entropy(functional_call(nets[0], weights, (X,)), y)

    gradients = vmap(grad(loss))

    def train(steps: int) -> None:
        for _ in range(steps):
            indices = torch.randint(len(X), (seeds, batch))
            for name, g in gradients(weights, X[indices], y[indices]).items():
                weights[name] -= LR * g

    train(2)
    start = time.perf_counter()
    train(steps)
    return (time.perf_counter() - start) / steps * math.ceil(len(X) / batch)
