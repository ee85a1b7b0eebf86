"""The runner of studies: runs from many seeds, in parallel, into a table.

Source: the chapter "One run is not a result". Each run is trained in one
thread, so its digits do not depend on how many train beside it. A study may
be killed at any moment and started again: it keeps its finished runs.
"""

import math
import multiprocessing
import os
import threading
import time
from collections.abc import Iterable
from contextlib import ExitStack, closing
from functools import cache
from pathlib import Path
from typing import Any

import torch
from joblib import Parallel, delayed

from .._files import alone, reason
from ..data import READERS
from ..results.runs import processor
from .study import Key, Study
from .table import StudyFileError, append, checked_lines, resumed

# Torch's random numbers are one sequence per process. Two runs in two threads
# of one process, such as a Dask worker may have, would disturb each other.
ONE_AT_A_TIME = threading.Lock()


@cache
def end_with(parent: int) -> None:
    """End this process soon after its ``parent``, else it would go on."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def measure_run(
    study: Study,
    key: Key,
    settings: dict[str, Any],
    data_dir: str | os.PathLike[str] | None,
    parent: int,
) -> tuple[Key, list, str]:
    """Measure one run, in the process that is to do it.

    Returns what was measured, its rows, and the processor.

    Raises:
        RuntimeError: the process has another environment than the study's
            ``settings``, as a machine of a cluster may have.
    """
    if multiprocessing.current_process().name.startswith("Loky"):
        end_with(parent)  # A process of joblib's, which no one else ends
    wanted = settings["environment"]
    device, name = wanted["device"], wanted["arithmetic"]
    with ONE_AT_A_TIME:
        torch.set_num_threads(1)
        here = study.environment(device, name == "plain")
        if here != wanted:
            raise RuntimeError(f"a worker has {here}, the study {wanted}")
        files = READERS[settings["data"]](data_dir)
        rows = study.run(key, files, device, name)
        return key, rows, processor(device)


def run_study(
    study: Study,
    seeds: Iterable[int],
    file: Path,
    device: str = "cpu",
    data_dir: str | os.PathLike[str] | None = None,
    n_jobs: int = -1,
    data: str = "fashion-mnist",
    plain: bool = False,
) -> None:
    """Measure every recipe of ``study`` from every seed; append to ``file``.

    Runs that the file has are not repeated. ``n_jobs`` processes at a time do
    the others, -1 meaning one per core (joblib's rule, and joblib's backend
    if ``parallel_config`` has chosen one). ``data`` is the name of a data set
    in ``lenet_d2l.data.READERS``. The nets are fused where they can be,
    unless ``plain``. After each run a line on stdout says what it gave and
    how long the rest will take. Data, versions, device, arithmetic and
    recipes are written beside the CSV, in a JSON.

    Raises:
        StudyFileError: the file belongs to another study, or another
            process is writing it.
        RuntimeError: a worker has died, or has other versions or another
            arithmetic than this process.
    """
    with ExitStack() as stack:
        try:
            stack.enter_context(alone(file))
            settings = study.settings(device, data, plain)
            finished = resumed(file, study, settings)
        except OSError as error:
            raise StudyFileError(
                f"{file} cannot be written: {reason(error)}; name another "
                f"file"
            ) from error
        keys = (Key(name, seed) for seed in seeds for name in study.recipes)
        todo = [key for key in keys if key not in finished]
        print(f"runs in {file}: {len(finished)}, to do: {len(todo)}")
        size = file.stat().st_size
        start = time.monotonic()
        results = Parallel(
            n_jobs=study.jobs or n_jobs, return_as="generator_unordered"
        )(
            delayed(measure_run)(study, key, settings, data_dir, os.getpid())
            for key in todo
        )
        with closing(results):
            for done, (key, rows, by) in enumerate(results, 1):
                lines = checked_lines(study, key, rows)
                size = append(file, size, lines, settings, by)
                left = (time.monotonic() - start) / done * (len(todo) - done)
                print(
                    f"{lines.splitlines()[-1]}; {done} of {len(todo)}, "
                    f"about {math.ceil(left / 60)} min left",
                    flush=True,
                )
