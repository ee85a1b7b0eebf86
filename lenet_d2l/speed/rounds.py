"""A bench: rounds, in each of which everything is measured once.

Source: the chapter "Where the time goes". A machine that is slower for a
while is so for all ways of that round.
"""

import multiprocessing
import os
import warnings
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, replace
from pathlib import Path
from threading import Thread
from typing import Any

import torch
from joblib import cpu_count

from ..datasets.fashion_mnist import read_fashion_mnist
from .bench_file import Bench, Entry, alone, machine, open_bench, write
from .measure import Setting, Task, multiply, time_seed, time_training
from .ways import DEFAULT, PLAIN, WAYS, available


def tasks(setting: Setting) -> list[Task]:
    """Return the measurements of a round."""
    ways = available(setting.device)
    one = replace(setting, threads=1)
    return [
        *(Task(f"whole/{w}", time_training, setting, w) for w in ways),
        Task("yardstick", multiply, setting),
        *(
            Task(f"seeds/{w}", time_seed, one, w, cpu_count())
            for w in (PLAIN, DEFAULT)
            if w in ways
        ),
    ]


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
        files = read_fashion_mnist(data_dir)
        return task.function(task, files, together.wait)
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
    return max(entries, key=lambda entry: entry.get("seconds", 0))


def run_rounds(
    file: Path,
    setting: Setting,
    repeats: int,
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
    made = {"setting": asdict(setting), "machine": machine(setting.device)}
    with alone(file):
        bench = open_bench(file, made)
        write(file, bench)  # Before minutes are spent
        for i in range(repeats):
            for task in tasks(setting):
                done = bench["results"].setdefault(task.name, [])
                if len(done) <= i:
                    done.append(do(task, data_dir))
                    write(file, bench)
                    print(f"round {i + 1}: {task.name}", flush=True)
    return bench
