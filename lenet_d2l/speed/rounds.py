"""A bench: rounds, in each of which everything is measured once.

Source: the chapter "Where the time goes". A machine that is slower for a
while is so for all ways of that round.
"""

import ast
import hashlib
import multiprocessing
import os
import platform
import warnings
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, replace
from pathlib import Path
from threading import Thread
from typing import Any

import torch

from ..datasets.fashion_mnist import read_fashion_mnist
from ..results.runs import environment
from . import PARTS
from .bench_file import Bench, Entry, alone, open_bench, write
from .measure import (
    Setting,
    Task,
    multiply,
    time_epochs,
    time_phases,
    time_training,
)
from .ways import AVX2, DEFAULT, LADDER, PLAIN, STOCK, WAYS, available

FEW_EPOCHS = 2  # Of the parts that compare or take apart single epochs
ROUNDS = {"ladder": 3, "scale": 3}  # At most
BATCHES = (64, 256, 1024, 4096)
SHARES = (1, 2, 4, 8)  # One part in so many of the training images
SEEDS = (1, 2, 4)  # At once


def cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def tasks(setting: Setting) -> list[Task]:
    """Return the measurements of a round."""
    ways = available(setting.device)
    main = [way for way in (STOCK, PLAIN, DEFAULT, AVX2) if way in ways]
    ladder = [way for way in LADDER if way in ways]
    few = replace(setting, num_epochs=min(FEW_EPOCHS, setting.num_epochs))
    result = [
        *(Task(f"whole/{way}", time_training, setting, way) for way in main),
        *(Task(f"split/{way}", time_phases, few, way) for way in main[:3]),
        *(Task(f"ladder/{way}", time_training, few, way) for way in ladder),
        Task("yardstick", multiply, few),
    ]
    threads = [n for n in (1, 2, 4, 8, 16) if n < setting.threads]
    growing: dict[str, dict[str, dict[str, int]]] = {
        "batch": {str(n): {"batch_size": n} for n in BATCHES},
        "share": {str(n): {"images": setting.images // n} for n in SHARES},
        "threads": {
            str(n): {"threads": n} for n in [*threads, setting.threads]
        },
    }
    for way in main[1:3]:
        for what, changes in growing.items():
            name = f"scale/{what}/{way}"
            result.append(Task(name, time_epochs, setting, way, changes))
        for n in sorted({*SEEDS, cores()}):
            name, changes = f"scale/seeds/{way}/{n}", {str(n): {"threads": 1}}
            result.append(Task(name, time_epochs, setting, way, changes, n))
    return result


together: Any = None  # A barrier, for the processes of a task


def begin(barrier: Any, threads: int) -> None:
    """Prepare a fresh process for its measurement."""
    global together
    together = barrier
    torch.set_num_threads(threads)
    # d2l asks for 4, whatever the machine has
    warnings.filterwarnings("ignore", "This DataLoader will create 4 worker")
    # Of its curves, in the one epoch of a warm-up
    warnings.filterwarnings("ignore", "Attempting to set identical low and")
    # A spawned process would spawn, too, the workers of d2l's loader, which
    # takes them seconds more than their usual way to start
    multiprocessing.set_start_method(None, force=True)
    Thread(target=end_with_parent, daemon=True).start()


def end_with_parent() -> None:
    """End this process if the bench is killed, else it would go on."""
    parent = multiprocessing.parent_process()
    if parent:
        parent.join()
        os._exit(1)


def carry_out(task: Task, data_dir: str | os.PathLike | None) -> Entry:
    """Do one measurement, in the process that was made for it."""
    try:
        if task.way:
            WAYS[task.way].begin()
        return task.function(
            task, read_fashion_mnist(data_dir), together.wait
        )
    except BaseException:
        together.abort()  # Else the others would wait for ever
        raise


def do(task: Task, data_dir: str | os.PathLike | None) -> Entry:
    """Do ``task`` in fresh processes; of several the slowest counts."""
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(task.at_once)
    with ProcessPoolExecutor(
        task.at_once, context, begin, (barrier, task.setting.threads)
    ) as pool:
        each = [(task, data_dir)] * task.at_once
        entries = list(pool.map(carry_out, *zip(*each)))
    if task.at_once == 1:
        return entries[0]
    return {
        name: max(entry[name] for entry in entries) for name in task.names
    }


def machine(device: str) -> dict[str, Any]:
    """Return versions, processor, cores, and a digest of the code."""
    processor = platform.processor()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        _, _, rest = cpuinfo.read_text().partition("model name")
        processor = rest.partition("\n")[0].strip("\t :") or processor
    if device.startswith("cuda"):
        processor += f", {torch.cuda.get_device_name(device)}"
    return environment() | {
        "processor": processor,
        "vectors": torch.backends.cpu.get_cpu_capability(),
        "cores": cores(),
        "code": digest(Path(__file__).parents[1]),
    }


def digest(package: Path) -> str:
    """Return a short digest of the code that is measured.

    Comments and docstrings of its Python are not in it.
    """
    content = [(package / "speed" / "fused.c").read_text()]
    for file in sorted([*package.glob("*.py"), *package.glob("speed/*.py")]):
        tree = ast.parse(file.read_text())
        for node in ast.walk(tree):
            if isinstance(
                node, (ast.Module, ast.ClassDef, ast.FunctionDef)
            ) and ast.get_docstring(node):
                del node.body[0]
        content.append(ast.dump(tree))
    return hashlib.sha256("\n".join(content).encode()).hexdigest()[:12]


def run_rounds(
    file: Path,
    setting: Setting,
    repeats: int,
    parts: tuple[str, ...] = PARTS,
    data_dir: str | os.PathLike | None = None,
) -> Bench:
    """Do ``repeats`` rounds; return all that ``file`` then has.

    Each measurement is written as it ends. What the file has is not measured
    again, so a bench may be stopped and started. A round that was stopped is
    then of two times; to have it of one, start anew.

    Raises:
        BenchFileError: the file cannot be written, is not a bench, or has
            measurements of another setting or machine.
        RuntimeError: a measurement failed.
    """
    ways = available(setting.device)
    made = {
        "setting": asdict(setting),
        "machine": machine(setting.device),
        "arithmetic": {
            name: " ".join([way.arithmetic, *way.flags])
            for name, way in ways.items()
        },
    }
    todo = tasks(setting)
    with alone(file):
        bench = open_bench(
            file, made, {task.name: task.names for task in todo}
        )
        write(file, bench)  # Before minutes are spent
        for i, task in ((i, task) for i in range(repeats) for task in todo):
            part = task.name.partition("/")[0]
            done = bench["results"].setdefault(task.name, [])
            if part in parts and len(done) <= i < ROUNDS.get(part, repeats):
                done.append(do(task, data_dir))
                write(file, bench)
                print(f"round {i + 1}: {task.name}", flush=True)
    return bench
