"""Studies: runs of one recipe or several from many seeds, kept in a CSV.

Source: the chapter "One run is not a result". Each run is trained in one
thread, so its digits do not depend on how many train beside it. A study may
be killed at any moment and started again: a run that was finished is kept.
"""

import csv
import json
import math
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import torch
from filelock import FileLock, Timeout
from joblib import Parallel, delayed

from .._atomic import replacing
from ..data import LOADERS
from ..results.runs import environment
from .recipes import EpochRow, Recipe, train_recipe

# Torch's random numbers are one sequence a process. Two runs in two threads
# of one process, such as a Dask worker may have, would disturb each other.
ONE_AT_A_TIME = threading.Lock()


class StudyFileError(ValueError):
    """A file that a study must not be written to."""


class Run(NamedTuple):
    """A recipe, by its name in the study, and a seed."""

    variant: str
    seed: int


@dataclass(frozen=True)
class Study:
    """What is measured: recipes by name, and what a run of one gives.

    ``measure(recipe, seed, train_iter, test_iter, device)`` trains and
    returns ``length(recipe)`` rows, named tuples of the type ``row``; their
    fractions are written in the format ``digits``.
    """

    recipes: dict[str, Recipe]
    measure: Callable[..., list] = train_recipe
    row: Any = EpochRow
    length: Callable[[Recipe], int] = lambda recipe: recipe.num_epochs
    digits: str = ".6f"

    @property
    def key(self) -> list[str]:
        """The columns that name a run; one recipe alone needs no name."""
        return ["variant", "seed"] if len(self.recipes) > 1 else ["seed"]

    @property
    def header(self) -> str:
        """The first line of the CSV."""
        return ",".join([*self.key, *self.row._fields]) + "\n"

    def lines(self, run: Run, rows: list) -> str:
        """The lines of the CSV for a run."""
        key = [getattr(run, name) for name in self.key]
        lines = StringIO()
        csv.writer(lines, lineterminator="\n").writerows(
            [
                format(value, self.digits if isinstance(value, float) else "")
                for value in [*key, *row]
            ]
            for row in rows
        )
        return lines.getvalue()

    def settings(self, device: str, data: str) -> dict[str, Any]:
        """What the rows depend on besides the seed."""
        recipes = {name: r.settings() for name, r in self.recipes.items()}
        here = environment() | {"device": device, "threads": 1}
        return {"data": data, "environment": here, "recipes": recipes}


def joined(file: Path, settings: dict[str, Any]) -> dict[str, Any]:
    """Return ``settings`` joined with those that ``file`` was made with.

    Recipes that the file does not have yet may join those that it has.

    Raises:
        StudyFileError: the two differ, or nothing says how the file was made.
    """
    beside = file.with_suffix(".json")
    if not beside.exists():
        if file.exists():
            raise StudyFileError(
                f"{file} has no {beside.name} beside it to say how it was "
                f"made; name another file"
            )
        return settings
    made = json.loads(beside.read_text())
    there, here = flat(made), flat(settings)
    for name in here.keys() & there.keys():
        if here[name] != there[name]:
            raise StudyFileError(
                f"{file} was made with {name} {there[name]}, this study has "
                f"{here[name]}; name another file"
            )
    return settings | {"recipes": made["recipes"] | settings["recipes"]}


def flat(settings: dict[str, Any], above: str = "") -> dict[str, Any]:
    """Return nested settings as one dict, the names joined by dots."""
    result: dict[str, Any] = {}
    for name, value in settings.items():
        if isinstance(value, dict):
            result |= flat(value, f"{above}{name}.")
        else:
            result[above + name] = value
    return result


def whole_runs(text: str, study: Study) -> tuple[set[Run], str]:
    """Return the runs in the ``text`` of a CSV, and the text of just those.

    A run is written at once, so a kill can leave at most the last one in
    part. The text of no run is the header.

    Raises:
        ValueError: it is not a CSV of this study.
    """
    lines = text[: text.rfind("\n") + 1].splitlines(keepends=True)
    if not lines:
        return set(), study.header
    if lines[0] != study.header:
        raise ValueError(f"its first line is not {study.header.strip()}")
    table = pd.read_csv(StringIO("".join(lines)))
    table[["seed", *study.row._fields]].apply(pd.to_numeric)
    if "variant" not in table:
        table.insert(0, "variant", next(iter(study.recipes)))
    sizes = table.groupby(["variant", "seed"], sort=False).size()
    runs = {
        Run(variant, int(seed)): rows
        for (variant, seed), rows in sizes.items()
    }
    for i, (run, rows) in enumerate(list(runs.items()), 1):
        if run.variant not in study.recipes:
            raise ValueError(f"it has an unknown recipe, {run.variant!r}")
        whole = study.length(study.recipes[run.variant])
        if i == len(sizes) and rows < whole:
            lines = lines[: -runs.pop(run)]
        elif rows != whole:
            raise ValueError(
                f"it has {rows} rows for seed {run.seed} of {run.variant!r}, "
                f"not {whole}"
            )
    return set(runs), "".join(lines)


def measure_run(
    study: Study,
    run: Run,
    device: str,
    data_dir: str | os.PathLike[str] | None,
    data: str,
    environment: dict[str, Any],
) -> tuple[Run, list]:
    """Measure one run, in the process that is to do it; return its rows.

    Raises:
        RuntimeError: the process has another ``environment``, as a machine
            of a cluster may have.
    """
    with ONE_AT_A_TIME:
        torch.set_num_threads(1)
        here = study.settings(device, data)["environment"]
        if here != environment:
            raise RuntimeError(
                f"a worker has {here}, the study {environment}"
            )
        recipe = study.recipes[run.variant]
        loaders = LOADERS[data](recipe.batch_size, data_dir)
        rows = study.measure(recipe, run.seed, *recipe.data(*loaders), device)
    return run, rows


@contextmanager
def alone(file: Path) -> Iterator[None]:
    """Let no other process write ``file`` meanwhile; free it even if killed.

    The empty lock file that this leaves must stay: another process may be
    about to lock it.
    """
    try:
        with FileLock(file.with_name(f".{file.name}.lock"), blocking=False):
            yield
    except Timeout:
        raise StudyFileError(f"another study is writing {file} now") from None


def run_study(
    study: Study,
    seeds: Iterable[int],
    file: Path,
    device: str = "cpu",
    data_dir: str | os.PathLike[str] | None = None,
    n_jobs: int = -1,
    data: str = "fashion-mnist",
) -> None:
    """Measure every recipe of ``study`` from every seed; append to ``file``.

    Runs that the file has are not repeated. Those that are missing are done
    by ``n_jobs`` processes at a time, -1 meaning one a core (joblib's rule,
    and joblib's backend where ``parallel_config`` has chosen one). ``data``
    is the name of a data set in ``lenet_d2l.data.LOADERS``. A line on stdout
    says of each run what it gave, and how long the rest will take. Data,
    versions, device and recipes are written beside the CSV, in a JSON.

    Raises:
        StudyFileError: the file belongs to another study, or another
            process is writing it.
        RuntimeError: a worker has died, or has other versions than this
            process.
    """
    with alone(file):
        settings = joined(file, study.settings(device, data))
        text = file.read_text() if file.exists() else ""
        try:
            finished, kept = whole_runs(text, study)
        except ValueError as error:
            raise StudyFileError(
                f"{file} is not of this study: {error}; mend it, or name "
                f"another file"
            ) from error
        with replacing(file.with_suffix(".json")) as scratch:
            scratch.write_text(json.dumps(settings, indent=1) + "\n")
        if text != kept:
            if text:
                print(f"{file}: cut off what was left of an unfinished run")
            with replacing(file) as scratch:
                scratch.write_text(kept)
        todo = [
            run
            for seed in seeds
            for variant in study.recipes
            if (run := Run(variant, seed)) not in finished
        ]
        print(f"runs in {file}: {len(finished)}, to do: {len(todo)}")
        start = time.monotonic()
        results = Parallel(n_jobs=n_jobs, return_as="generator_unordered")(
            delayed(measure_run)(
                study, run, device, data_dir, data, settings["environment"]
            )
            for run in todo
        )
        with closing(results), file.open("a") as out:
            for done, (run, rows) in enumerate(results, 1):
                lines = study.lines(run, rows)
                out.write(lines)
                out.flush()
                os.fsync(out.fileno())
                left = (time.monotonic() - start) / done * (len(todo) - done)
                print(
                    f"{lines.splitlines()[-1]}; {done} of {len(todo)}, "
                    f"about {math.ceil(left / 60)} min left",
                    flush=True,
                )
