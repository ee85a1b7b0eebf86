"""What is measured: each measurement in a process of its own.

Source: the chapter "Where the time goes". Before its clock starts each one
does a little of what is to be measured; how long that takes is its start-up.
"""

import io
import re
import time
from collections.abc import Callable, Iterator
from contextlib import (
    AbstractContextManager,
    contextmanager,
    nullcontext,
    redirect_stdout,
)
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import median
from typing import Any

import torch
from IPython.core.interactiveshell import InteractiveShell
from matplotlib_inline.backend_inline import set_matplotlib_formats
from traitlets.config import Config

from ..datasets.idx_files import HEADER, Files
from ..training import synchronize
from .bench_file import Entry
from .phases import PHASES, PhaseClock
from .ways import WAYS, Way

LR, SEED = 0.9, 0
LINE = re.compile(r"loss (\S+), train acc (\S+), test acc (\d\.\d+)")
Wait = Callable[[], Any]


@dataclass(frozen=True)
class Setting:
    """Under which conditions something is measured."""

    num_epochs: int = 10
    images: int = 60_000  # To train on; a sixth of it to test with
    device: str = "cpu"
    threads: int = field(default_factory=torch.get_num_threads)
    batch_size: int = 256


@dataclass(frozen=True)
class Task:
    """One measurement: ``function(task, files, wait)`` returns its entry.

    ``changes`` are those of the setting in the course of it, by their names
    in the entry. ``at_once`` processes do it at the same time; each calls
    ``wait`` after its warm-up, to wait there for the others.
    """

    name: str
    function: Callable[["Task", Files, Wait], Entry]
    setting: Setting
    way: str = ""
    changes: dict[str, dict[str, Any]] = field(default_factory=dict)
    at_once: int = 1

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the numbers in its entry."""
        return tuple(self.changes) or NAMES[self.function.__name__]


def shortened(files: Files, train: int, t10k: int) -> Files:
    """Return the first ``train`` and ``t10k`` examples of the two sets."""
    short = {}
    for name, content in files.items():
        part, _, kind = name.partition("-")
        n = {"train": train, "t10k": t10k}[part]
        end = HEADER[kind] + n * (784 if "images" in kind else 1)
        short[name] = content[:4] + n.to_bytes(4, "big") + content[8:end]
    return short


def memory() -> dict[str, int]:
    """Return the bytes that the process has, and had at most; Linux only."""
    status = Path("/proc/self/status")
    text = status.read_text() if status.exists() else ""
    found = re.findall(r"(VmRSS|VmHWM):\s+(\d+) kB", text)
    return {name: 1024 * int(size) for name, size in found}


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
    way: Way,
    setting: Setting,
    files: Files,
    wait: Wait,
    watch: AbstractContextManager | None = None,
) -> tuple[float, float, Any]:
    """Train within ``watch``, after a warm-up; return the seconds of both.

    Beside them what the way's ``train`` returns. Loading the data is in the
    seconds: what one way does as it loads, another does in every epoch.
    """
    n, m, batch = setting.images, -(-setting.images // 6), setting.batch_size

    def seconds(train: int, t10k: int, num_epochs: int) -> tuple[float, Any]:
        part = shortened(files, train, t10k)
        torch.manual_seed(SEED)
        net = way.net()
        start = time.perf_counter()
        loaders = way.load(part, batch)
        result = way.train(net, *loaders, num_epochs, LR, setting.device)
        synchronize(setting.device)
        return time.perf_counter() - start, result

    # Minibatches of each size that there is: full, of which d2l's train_ch6
    # needs five to draw, and last
    few = min(n, 5 * batch + n % batch), min(m, batch + m % batch)
    start_up, _ = seconds(*few, 1)
    wait()
    with watch or nullcontext():
        took, result = seconds(n, m, setting.num_epochs)
    return took, start_up, result


def time_training(task: Task, files: Files, wait: Wait) -> Entry:
    """Train; return seconds, peak of memory, metrics of the last epoch."""
    before = memory()
    with as_in_a_notebook() as output:
        seconds, start_up, _ = train(
            WAYS[task.way], task.setting, files, wait
        )
    most = memory()
    return {
        "seconds": seconds,
        "start_up": start_up,
        "memory": most["VmHWM"] - before["VmRSS"] if most else None,
        "metrics": " ".join(LINE.findall(output.getvalue())[-1]),
    }


def time_phases(task: Task, files: Files, wait: Wait) -> Entry:
    """Train; return the seconds of each phase of an epoch."""
    clock, way = PhaseClock(task.setting.device), WAYS[task.way]
    way = replace(way, load=clock.phase("data")(way.load))
    with as_in_a_notebook():
        train(way, task.setting, files, wait, clock.watch())
    epochs = task.setting.num_epochs
    return {name: clock.seconds[name] / epochs for name in PHASES}


def multiply(task: Task, files: Files, wait: Wait, size: int = 2048) -> Entry:
    """Multiply matrices of float32; return the multiply-adds a second."""
    a, b = torch.rand(2, size, size, device=task.setting.device)
    seconds = []
    for _ in range(12):
        synchronize(task.setting.device)
        start = time.perf_counter()
        a @ b
        synchronize(task.setting.device)
        seconds.append(time.perf_counter() - start)
    return {"a second": size**3 / median(seconds[2:])}


def time_epochs(task: Task, files: Files, wait: Wait) -> Entry:
    """Time an epoch and its evaluation in each changed setting."""
    entry = {}
    for name, change in task.changes.items():
        setting = replace(task.setting, num_epochs=1, **change)
        torch.set_num_threads(setting.threads)
        with as_in_a_notebook():
            *_, (record,) = train(WAYS[task.way], setting, files, wait)
        entry[name] = record.train_seconds + record.eval_seconds
    return entry


NAMES = {
    "time_training": ("seconds", "start_up", "memory", "metrics"),
    "time_phases": PHASES,
    "multiply": ("a second",),
}
