"""What is measured: each measurement in a process of its own.

Source: the chapter "Where the time goes". Before its clock starts each one
does a little of what is to be measured; how long that takes is its start-up.
"""

import io
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, field
from typing import Any

import torch
from IPython.core.interactiveshell import InteractiveShell
from matplotlib_inline.backend_inline import set_matplotlib_formats
from torch.utils.benchmark import Timer
from traitlets.config import Config

from ..datasets.idx_files import HEADER, Files
from .bench_file import Entry
from .phases import PhaseClock
from .ways import WAYS, Way

LR, BATCH, SEED = 0.9, 256, 0
LINE = re.compile(r"loss (\S+), train acc (\S+), test acc (\d\.\d+)")
Wait = Callable[[], Any]


@dataclass(frozen=True)
class Setting:
    """Under which conditions something is measured."""

    num_epochs: int = 10
    images: int = 60_000  # To train on; a sixth of it to test with
    device: str = "cpu"
    threads: int = field(default_factory=torch.get_num_threads)


@dataclass(frozen=True)
class Task:
    """One measurement: ``function(task, files, wait)`` returns its entry.

    ``at_once`` processes do it at the same time; each calls ``wait`` after
    its warm-up, to wait there for the others.
    """

    name: str
    function: Callable[["Task", Files, Wait], Entry]
    setting: Setting
    way: str = ""
    at_once: int = 1


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


def train(
    way: Way, setting: Setting, files: Files, wait: Wait
) -> tuple[dict[str, float], Any]:
    """Train after a warm-up; return seconds, and what ``way.train`` returns.

    Loading the data is in the seconds: what one way does as it loads,
    another does in every epoch.
    """
    n, m = setting.images, -(-setting.images // 6)
    clock = PhaseClock(setting.device)

    def seconds(train: int, t10k: int, num_epochs: int) -> tuple[float, Any]:
        part = shortened(files, train, t10k)
        torch.manual_seed(SEED)
        net = way.net()
        with clock.watch():
            with clock.phase("data"):
                loaders = way.load(part, BATCH)
            result = way.train(net, *loaders, num_epochs, LR, setting.device)
        return sum(clock.seconds.values()), result

    # Minibatches of each size that there is: full, of which d2l's train_ch6
    # needs five to draw, and last
    few = min(n, 5 * BATCH + n % BATCH), min(m, BATCH + m % BATCH)
    start_up, _ = seconds(*few, 1)
    wait()
    took, result = seconds(n, m, setting.num_epochs)
    return {"seconds": took, "start_up": start_up, **clock.seconds}, result


def time_training(task: Task, files: Files, wait: Wait) -> Entry:
    """Train; return seconds, by phase too, and the last epoch's metrics."""
    with as_in_a_notebook() as output:
        seconds, _ = train(WAYS[task.way], task.setting, files, wait)
    metrics = " ".join(LINE.findall(output.getvalue())[-1])
    return {**seconds, "metrics": metrics}


def time_seed(task: Task, files: Files, wait: Wait) -> Entry:
    """Train as a study does; return the seconds of epochs and evaluations."""
    with redirect_stdout(io.StringIO()):
        _, records = train(WAYS[task.way], task.setting, files, wait)
    return {"seconds": sum(r.train_seconds + r.eval_seconds for r in records)}


def multiply(task: Task, files: Files, wait: Wait, size: int = 2048) -> Entry:
    """Multiply matrices of float32; return the multiply-adds a second."""
    a, b = torch.rand(2, size, size, device=task.setting.device)
    threads = task.setting.threads
    timer = Timer("a @ b", globals={"a": a, "b": b}, num_threads=threads)
    return {"a second": size**3 / timer.blocked_autorange().median}
