"""The bench: all measurements, round by round, into a JSON that it resumes.

Source: the chapter "Where the time goes". In each round everything is
measured once, so that a machine that is slower for a while is so for all.
"""

import hashlib
import json
import multiprocessing
import os
import platform
import warnings
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from threading import Barrier, Thread
from typing import Any

import torch

from .._atomic import replacing
from ..data import READERS
from ..datasets.idx_files import Files
from ..results.runs import environment
from . import measure
from .ways import DEFAULT, FASTEST, STOCK, available

PARTS = ("whole", "split", "ladder", "limit", "scale")
FEW_EPOCHS = 2  # Of the parts that compare or take apart single epochs
BATCH = 256  # The post's
BATCHES = (64, 128, 256, 512, 1024, 2048, 4096)
SHARES = (1, 2, 4, 8)  # One part in so many of the training images
AT_ONCE = (1, 2, 4, 8)  # Seeds
BEFORE = "own train_ch6"  # As the package was before it was made fast


class BenchFileError(ValueError):
    """A file that a bench must not be written to."""


@dataclass(frozen=True)
class Setting:
    """What all measurements of a bench have in common."""

    num_epochs: int = 10
    images: int = 60_000
    device: str = "cpu"
    threads: int = field(default_factory=torch.get_num_threads)


@dataclass(frozen=True)
class Task:
    """A measurement: a function of ``measure``, and its arguments.

    ``at_once`` processes of ``threads`` threads do it at the same time.
    """

    name: str
    function: Callable[..., Any]
    arguments: tuple = ()
    images: int | None = None
    threads: int | None = None
    at_once: int = 1


def tasks(setting: Setting, parts: tuple[str, ...]) -> list[Task]:
    """Return the measurements of one round."""
    device, ways = setting.device, available(setting.device)
    main = [name for name in (STOCK, DEFAULT, FASTEST) if name in ways]
    ours = main[1:]
    few = min(FEW_EPOCHS, setting.num_epochs)
    result = []

    def add(name: str, *args: Any, **kwargs: Any) -> None:
        if name.partition("/")[0] in parts:
            result.append(Task(name, *args, **kwargs))

    for way in main:
        epochs = setting.num_epochs
        add(f"whole/{way}", measure.whole, (way, BATCH, epochs, device))
    for way in main:
        add(f"split/{way}", measure.split, (way, BATCH, few, device))
    for way in ways:
        add(f"ladder/{way}", measure.whole, (way, BATCH, few, device))
    add("limit", measure.multiplication_rate, (device,))
    for way in ours:
        for batch in BATCHES:
            arguments = (way, batch, device)
            add(f"scale/batch/{way}/{batch}", measure.epoch, arguments)
        for share in SHARES:
            add(
                f"scale/share/{way}/{share}",
                measure.epoch,
                (way, BATCH, device),
                images=setting.images // share,
            )
        for threads in range(1, setting.threads + 1):
            add(
                f"scale/threads/{way}/{threads}",
                measure.epoch,
                (way, BATCH, device),
                threads=threads,
            )
    for way in (BEFORE, *ours):
        for at_once in sorted({*AT_ONCE, cores()}):
            add(
                f"scale/seeds/{way}/{at_once}",
                measure.epoch,
                (way, BATCH, device),
                threads=1,
                at_once=at_once,
            )
    if device == "cpu":
        for seeds in AT_ONCE[:-1]:
            name = f"scale/batched/{seeds}"
            add(name, measure.batched_epoch, (BATCH, seeds))
    return result


def cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


together: Any = None  # Where the processes of a task wait for each other


def begin(barrier: Barrier, threads: int) -> None:
    """Prepare a fresh process for its measurement."""
    global together
    together = barrier
    torch.set_num_threads(threads)
    # d2l asks for 4, whatever the machine has
    warnings.filterwarnings("ignore", "This DataLoader will create 4 worker")
    # A spawned process would spawn, too, the workers of d2l's loader, which
    # takes them seconds more than their usual way to start
    multiprocessing.set_start_method(None, force=True)
    Thread(target=end_with_parent, daemon=True).start()


def end_with_parent() -> None:
    """End this process when the bench is killed.

    It would go on, and be in the way of what is measured next.
    """
    parent = multiprocessing.parent_process()
    if parent:
        parent.join()
        os._exit(1)


def measured(
    function: Callable, arguments: tuple, data_dir: str | None, images: int
) -> Any:
    """Do one measurement, in the process that was made for it."""
    if function is measure.multiplication_rate:
        return function(*arguments)
    files: Files = READERS["fashion-mnist"](data_dir)
    files = measure.shortened(files, train=images, t10k=-(-images // 6))
    if function is not measure.epoch:
        return function(files, *arguments)
    try:
        return function(files, *arguments, wait=together.wait)
    except BaseException:
        together.abort()  # Else the others would wait for ever
        raise


def do(task: Task, setting: Setting, data_dir: str | None) -> Any:
    """Do ``task`` in fresh processes; of several the slowest counts."""
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(task.at_once)
    threads = task.threads or setting.threads
    with ProcessPoolExecutor(
        task.at_once, context, begin, (barrier, threads)
    ) as pool:
        futures = [
            pool.submit(
                measured,
                task.function,
                task.arguments,
                data_dir,
                task.images or setting.images,
            )
            for _ in range(task.at_once)
        ]
        results = [future.result() for future in futures]
    return max(results) if task.at_once > 1 else results[0]


def machine(setting: Setting) -> dict[str, Any]:
    """Return versions, processor, cores, threads and device."""
    processor = platform.processor()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                processor = line.partition(":")[2].strip()
                break
    if setting.device.startswith("cuda"):
        name = torch.cuda.get_device_name(setting.device)
        processor = f"{processor}, {name}"
    return environment() | {
        "threads": setting.threads,
        "processor": processor,
        "cores": cores(),
        "package": digest(),
    }


def digest() -> str:
    """Return a short digest of the package's code, which is measured."""
    package = Path(__file__).parents[1]
    code = sorted([*package.rglob("*.py"), *package.rglob("*.c")])
    content = b"".join(file.read_bytes() for file in code)
    return hashlib.sha256(content).hexdigest()[:12]


def run_bench(
    file: Path,
    setting: Setting,
    repeats: int,
    parts: tuple[str, ...] = PARTS,
    data_dir: str | None = None,
) -> dict[str, Any]:
    """Do ``repeats`` rounds; return all that ``file`` then has.

    Each measurement is written as it ends. What the file has is not measured
    again, so a bench may be stopped and started. A round that was stopped is
    then of two times; to have it of one, start anew.

    Raises:
        BenchFileError: the file has measurements of another setting, or of
            another machine.
        RuntimeError: a measurement failed.
    """
    made = {
        "setting": {
            "num_epochs": setting.num_epochs,
            "images": setting.images,
            "device": setting.device,
        },
        "machine": machine(setting),
    }
    bench: dict[str, Any] = {**made, "results": {}}
    if file.exists():
        try:
            bench = json.loads(file.read_text())
            there = {part: dict(bench[part]) for part in made}
            bench["results"].items()
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise BenchFileError(f"{file} is not of a bench") from error
        for part, values in made.items():
            for name, value in values.items():
                if there[part].get(name) != value:
                    raise BenchFileError(
                        f"{file} was made with {name} "
                        f"{there[part].get(name)}, this bench has {value}; "
                        f"name another file"
                    )
    results = bench["results"]
    for i in range(repeats):
        for task in tasks(setting, parts):
            done = results.setdefault(task.name, [])
            if len(done) > i:
                continue
            result = do(task, setting, data_dir)
            done.append(result)
            with replacing(file) as scratch:
                scratch.write_text(json.dumps(bench, indent=1) + "\n")
            print(f"round {i + 1}, {task.name}: {brief(result)}", flush=True)
    return bench


def brief(result: Any) -> str:
    """Return a measurement in a few words."""
    if isinstance(result, dict):
        if "seconds" in result:
            return f"{result['seconds']:.2f} s"
        return ", ".join(f"{k} {v:.3f}" for k, v in result.items())
    return f"{result:.4g}"
