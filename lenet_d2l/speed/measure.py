"""How long one way to train takes, measured in this process.

Source: the chapter "Where the time goes".
"""

import io
import re
import timeit
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from statistics import median
from typing import Any, NamedTuple

import torch
from IPython.core.interactiveshell import InteractiveShell
from matplotlib_inline.backend_inline import set_matplotlib_formats
from traitlets.config import Config

from ..datasets.idx_files import HEADER, Files
from ..training import synchronize
from .phases import PhaseClock
from .ways import Way

LR, SEED = 0.9, 0
LINE = re.compile(r"loss (\S+), train acc (\S+), test acc (\d\.\d+)")
SIDE = 2048  # Of the matrices that are multiplied


class Timing(NamedTuple):
    """The cost and the result of one training.

    ``seconds`` is the wall time from the loading of the data to the end of
    the last epoch, the sum of the phases from ``data`` to ``rest``.
    ``start_up`` is the time of the warm-up before. ``multiply_adds`` is how
    many of them this process does in a second when it multiplies large
    float32 matrices. The figures are the last epoch's, as it printed them.
    """

    seconds: float
    start_up: float
    data: float
    forward: float
    backward: float
    step: float
    evaluation: float
    drawing: float
    rest: float
    multiply_adds: float
    train_loss: float
    train_acc: float
    test_acc: float


def shortened(files: Files, train: int, t10k: int) -> Files:
    """Return the first ``train`` and ``t10k`` examples of the two sets."""
    short = {}
    for name, content in files.items():
        part, _, kind = name.partition("-")
        n = {"train": train, "t10k": t10k}[part]
        end = HEADER[kind] + n * (784 if "images" in kind else 1)
        short[name] = content[:4] + n.to_bytes(4, "big") + content[8:end]
    return short


@contextmanager
def as_in_a_notebook() -> Iterator[io.StringIO]:
    """Have figures rendered as in a notebook, without one; give the output.

    A script would not render them, and d2l's curves would cost nothing.
    """
    config = Config()
    config.HistoryManager.enabled = False
    shell: Any = InteractiveShell.instance(config=config)
    shell.kernel = None  # Animator asks only whether there is one
    set_matplotlib_formats("svg")
    with redirect_stdout(io.StringIO()) as output:
        yield output


def time_way(
    way: Way,
    num_epochs: int,
    images: int,
    files: Files,
    device: str,
    wait: Callable[[], Any],
) -> Timing:
    """Train by ``way`` after a warm-up, which ends with a call of ``wait``.

    It trains on ``images`` (or on the way's part of them), and tests on a
    sixth as many. Loading them is in the time: what one way does as it
    loads, another does in every epoch.
    """
    images //= way.parts
    tested, batch = -(-images // 6), way.batch_size
    clock = PhaseClock(device)

    def train(train: int, t10k: int, num_epochs: int) -> float:
        part = shortened(files, train, t10k)
        torch.manual_seed(SEED)
        net = way.net()
        with clock.watch():
            with clock.phase("data"):
                loaders = way.load(part, batch)
            way.train(net, *loaders, num_epochs, LR, device)
        return sum(clock.seconds.values())

    with as_in_a_notebook() as output:
        # Minibatches of each size that there is: full, of which d2l's
        # train_ch6 needs five to draw, and last
        start_up = train(
            min(images, 5 * batch + images % batch),
            min(tested, batch + tested % batch),
            1,
        )
        wait()
        seconds = train(images, tested, num_epochs)
    train_loss, train_acc, test_acc = LINE.findall(output.getvalue())[-1]
    return Timing(
        seconds,
        start_up,
        **clock.seconds,
        multiply_adds=multiply_adds_a_second(device),
        train_loss=float(train_loss),
        train_acc=float(train_acc),
        test_acc=float(test_acc),
    )


def multiply_adds_a_second(device: str, times: int = 3) -> float:
    """Return the speed at which PyTorch multiplies float32 matrices."""
    a, b = torch.rand(2, SIDE, SIDE, device=device)

    def multiply() -> None:
        for _ in range(times):
            torch.mm(a, b)
        synchronize(device)

    multiply()
    seconds = median(timeit.repeat(multiply, number=1))
    return times * SIDE**3 / seconds
