"""The bench: a study of speed, whose recipes are ways to train.

Source: the chapter "Where the time goes". Its seeds are rounds, in each of
which every way trains once, from the same weights. A machine that is slower
for a while is so for all ways of that round.
"""

import multiprocessing
import os
import signal
import warnings
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from joblib import cpu_count

from ..datasets.idx_files import Files
from ..results.runs import digest, processor
from ..speed import fused
from ..speed.measure import Timing, time_way
from ..speed.report import IMAGES, NUM_EPOCHS
from ..speed.ways import Way
from .runner import end_with
from .study import Key, Study

PACKAGE = Path(__file__).parents[1]


@dataclass(frozen=True)
class Bench(Study):
    """Ways to train by name, and on how much: the post's by default.

    Each is timed in fresh processes, so nothing else should run meanwhile.
    """

    recipes: dict[str, Way]  # type: ignore[assignment]
    row: Any = Timing
    rows: int | None = 1
    digits: str = ".5g"
    jobs: int | None = 1
    num_epochs: int = NUM_EPOCHS
    images: int = IMAGES

    def environment(self, device: str, plain: bool) -> dict[str, Any]:
        """Return also the processor, and a digest of the code."""
        trains = {*PACKAGE.glob("*.py"), *PACKAGE.glob("speed/*.py")}
        python = sorted(trains - {PACKAGE / "speed" / "report.py"})
        code = [file.read_text("utf-8") for file in python]
        return super().environment(device, plain) | {
            "threads": cpu_count(),
            "processor": processor(device),
            "vectors": torch.backends.cpu.get_cpu_capability(),
            "code": digest(*code, f"C = {fused.source()!r}"),
            "training": f"{self.num_epochs} epochs of {self.images} images",
        }

    def run(self, key: Key, files: Files, device: str, name: str) -> list:
        """Time a way; of several processes at once the slowest counts."""
        way = self.recipes[key.variant]
        n = way.processes
        context = multiprocessing.get_context("spawn")
        arguments = way, self.num_epochs, self.images, files, device
        begun = context.Barrier(n), way, os.getpid()
        with ProcessPoolExecutor(n, context, begin, begun) as pool:
            try:
                with not_interrupted():
                    timings = [
                        pool.submit(time_here, *arguments) for _ in range(n)
                    ]
                return [max(timing.result() for timing in timings)]
            except BaseException:
                for process in multiprocessing.active_children():
                    process.kill()
                raise


@contextmanager
def not_interrupted() -> Iterator[None]:
    """Start processes that leave Ctrl-C to this one."""
    handler = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)


together: Any = None  # A barrier, for the processes of a run


def begin(barrier: Any, way: Way, parent: int) -> None:
    """Prepare a fresh process of ``parent``."""
    global together
    together = barrier
    # d2l asks for 4, whatever the machine has
    warnings.filterwarnings("ignore", "This DataLoader will create 4 worker")
    # Of its curves, in the one epoch of a warm-up
    warnings.filterwarnings("ignore", "Attempting to set identical low and")
    # A spawned process would spawn, too, the workers of d2l's loader, which
    # takes them seconds more than their usual way to start
    multiprocessing.set_start_method(None, force=True)
    end_with(parent)
    way.begin()


def time_here(
    way: Way, num_epochs: int, images: int, files: Files, device: str
) -> Timing:
    """Time ``way`` in this process, with others that do the same."""
    try:
        return time_way(way, num_epochs, images, files, device, together.wait)
    except BaseException:
        together.abort()  # Else the others would wait for ever
        raise
