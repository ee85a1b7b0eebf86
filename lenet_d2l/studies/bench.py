"""The bench: a study of speed, whose recipes are ways to train.

Source: the chapter "Where the time goes". Its seeds are rounds, in each of
which every way trains once, from the same weights. A machine that is slower
for a while is so for all ways of that round.
"""

import ast
import hashlib
import multiprocessing
import os
import platform
import re
import warnings
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import Any

import torch
from joblib import cpu_count

from ..datasets.idx_files import Files
from ..speed.measure import Timing, time_way
from ..speed.report import IMAGES, NUM_EPOCHS
from ..speed.ways import Way
from .runner import Key, Study

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
    num_epochs: int = NUM_EPOCHS
    images: int = IMAGES

    def environment(self, device: str, plain: bool) -> dict[str, Any]:
        """Return also the processor, and a digest of the code."""
        return super().environment(device, plain) | {
            "threads": cpu_count(),
            "processor": processor(device),
            "vectors": torch.backends.cpu.get_cpu_capability(),
            "code": digest(PACKAGE),
            "training": f"{self.num_epochs} epochs of {self.images} images",
        }

    def run(self, key: Key, files: Files, device: str, name: str) -> list:
        """Time a way; of several processes at once the slowest counts."""
        way = self.recipes[key.variant]
        n = way.processes
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(
            n, context, begin, (context.Barrier(n), way)
        ) as pool:
            arguments = way, self.num_epochs, self.images, files, device
            timings = [pool.submit(time_here, *arguments) for _ in range(n)]
            return [max(timing.result() for timing in timings)]


together: Any = None  # A barrier, for the processes of a run


def begin(barrier: Any, way: Way) -> None:
    """Prepare a fresh process."""
    global together
    together = barrier
    # d2l asks for 4, whatever the machine has
    warnings.filterwarnings("ignore", "This DataLoader will create 4 worker")
    # Of its curves, in the one epoch of a warm-up
    warnings.filterwarnings("ignore", "Attempting to set identical low and")
    # A spawned process would spawn, too, the workers of d2l's loader, which
    # takes them seconds more than their usual way to start
    multiprocessing.set_start_method(None, force=True)
    Thread(target=end_with_parent, daemon=True).start()
    way.begin()


def end_with_parent() -> None:
    """End this process if the bench is killed, else it would go on."""
    parent = multiprocessing.parent_process()
    if parent:
        parent.join()
        os._exit(1)


def time_here(
    way: Way, num_epochs: int, images: int, files: Files, device: str
) -> Timing:
    """Time ``way`` in this process, with others that do the same."""
    try:
        return time_way(way, num_epochs, images, files, device, together.wait)
    except BaseException:
        together.abort()  # Else the others would wait for ever
        raise


def processor(device: str) -> str:
    """Return the name of the processor, with the GPU's if it is used."""
    cpuinfo = Path("/proc/cpuinfo")
    text = cpuinfo.read_text() if cpuinfo.exists() else ""
    found = re.search(r"model name\s*: (.*)", text)
    name = found[1] if found else platform.processor()
    if device.startswith("cuda"):
        name += f", {torch.cuda.get_device_name(device)}"
    return name


def digest(package: Path) -> str:
    """Return a short digest of the code that trains.

    Comments and docstrings of its Python are not in it.
    """
    content = [(package / "speed" / "fused.c").read_text()]
    files = {*package.glob("*.py"), *package.glob("speed/*.py")}
    for file in sorted(files - {package / "speed" / "report.py"}):
        tree = ast.parse(file.read_text())
        for node in ast.walk(tree):
            if isinstance(
                node, (ast.Module, ast.ClassDef, ast.FunctionDef)
            ) and ast.get_docstring(node):
                del node.body[0]
        content.append(ast.dump(tree))
    return hashlib.sha256("\n".join(content).encode()).hexdigest()[:12]
