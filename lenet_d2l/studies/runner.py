"""The runner of studies: runs from many seeds, kept in a CSV.

Source: the chapter "One run is not a result". Each run is trained in one
thread, so its digits do not depend on how many train beside it. A study may
be killed at any moment and started again: it keeps its finished runs.
"""

import csv
import json
import math
import multiprocessing
import os
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass
from functools import cache
from io import StringIO
from pathlib import Path
from typing import Any, NamedTuple

import torch
from joblib import Parallel, delayed
from pandas import json_normalize

from .._files import alone, reason, replacing, spare_folder
from ..data import READERS, minibatches
from ..datasets.idx_files import Files
from ..results.runs import (
    EpochRow,
    digest,
    environment,
    own_sources,
    processor,
)
from ..speed.fused import arithmetic
from .recipes import Recipe, train_recipe

SEEDS = range(2**63)

# Of the settings, the one that need not be the same for all rows
PROCESSORS = "processors"

# Torch's random numbers are one sequence per process. Two runs in two threads
# of one process, such as a Dask worker may have, would disturb each other.
ONE_AT_A_TIME = threading.Lock()


class StudyFileError(ValueError):
    """A file that a study cannot, or must not, be written to."""


class Key(NamedTuple):
    """What names a run: its recipe's name in the study, and its seed."""

    variant: str
    seed: int


@dataclass(frozen=True)
class Study:
    """Recipes by name, and what is measured in a run of one.

    ``measure(recipe, seed, train_iter, test_iter, device, arithmetic)``
    trains, and returns named tuples of the type ``row``: ``rows`` of them,
    or one per epoch, whose number comes first. ``digits`` is the format of
    fractions. A ``plain`` study never fuses its nets. One that measures time
    says how many ``jobs`` there may be at a time.
    """

    recipes: dict[str, Recipe]
    measure: Callable[..., list] = train_recipe
    row: Any = EpochRow
    rows: int | None = None
    digits: str = ".6f"
    plain: bool = False
    jobs: int | None = None

    @property
    def columns(self) -> list[str]:
        """The columns of the CSV; a single recipe needs no name."""
        names = [*Key._fields, *self.row._fields]
        return names if len(self.recipes) > 1 else names[1:]

    def length(self, variant: str) -> int:
        """Return how many rows a run of the recipe ``variant`` has."""
        recipe = self.recipes[variant]
        return self.rows or recipe.num_epochs

    def lines(self, key: Key, rows: list) -> str:
        """Return the lines of the CSV for a run."""
        lines = StringIO()
        table = csv.writer(lines, lineterminator="\n")
        for row in rows:
            values = [*key, *row][-len(self.columns) :]
            table.writerow(
                format(value, self.digits if isinstance(value, float) else "")
                for value in values
            )
        return lines.getvalue()

    def environment(self, device: str, plain: bool) -> dict[str, Any]:
        """Return where and how this process would do a run."""
        name = arithmetic(device, plain or self.plain).name
        here = environment(device)
        del here["processor"]  # Those of a cluster may differ
        return here | {"threads": 1, "device": device, "arithmetic": name}

    def settings(self, device: str, data: str, plain: bool) -> dict[str, Any]:
        """Return what the rows depend on besides the seed.

        Of functions that are not the package's, a digest of their code.
        """
        recipes = {}
        for name, recipe in self.recipes.items():
            recipes[name] = recipe.settings()
            parts = self.measure, *vars(recipe).values()
            own = [text for part in parts for text in own_sources(part)]
            if own:
                recipes[name]["code"] = digest(*own)
        return {
            "data": data,
            "environment": self.environment(device, plain),
            "recipes": recipes,
        }

    def run(self, key: Key, files: Files, device: str, name: str) -> list:
        """Return the rows of a run, whose arithmetic is ``name``."""
        recipe = self.recipes[key.variant]
        loaders = recipe.data(*minibatches(files, recipe.batch_size))
        return self.measure(recipe, key.seed, *loaders, device, name)


def whole_runs(text: str, study: Study) -> tuple[set[Key], str]:
    """Return the runs in the ``text`` of a CSV, and the text of just those.

    A run is written at once, so a kill can leave only the last one
    incomplete. The text of no run is the header.

    Raises:
        ValueError: it is not a CSV of this study.
    """
    header = ",".join(study.columns) + "\n"
    ended = text[: text.rfind("\n") + 1].splitlines(keepends=True)
    first, *lines = ended or [header]
    if first != header:
        raise ValueError(f"its first line is not {header.strip()}")
    runs = defaultdict(list)
    for line, values in zip(lines, csv.reader(lines)):
        try:
            cells = dict(zip(study.columns, values, strict=True))
            variant = cells.get("variant", next(iter(study.recipes)))
            key = Key(variant, SEEDS.index(int(cells["seed"])))
            length = study.length(variant)
            step, *_ = [float(cells[name]) for name in study.row._fields]
        except (LookupError, ValueError):
            raise ValueError(f"it has the line {line.strip()!r}") from None
        runs[key].append((step, line))
    if lines and len(runs[key]) < length:
        del runs[key]
    for key, rows in runs.items():
        steps = [step for step, _ in rows]
        length = study.length(key.variant)
        right = sorted({*steps} - {math.inf}) if study.rows else range(length)
        if len(steps) != length or steps != [*right]:
            raise ValueError(
                f"seed {key.seed} of {key.variant!r} does not have {length} "
                f"rows in order"
            )
    kept = [line for rows in runs.values() for _, line in rows]
    return set(runs), "".join([header, *kept])


def comparable(settings: dict[str, Any], used: set[str]) -> dict[str, Any]:
    """Return, in one level, what of ``settings`` has to be the same.

    Of the recipes only those ``used`` so far: a study may get new ones.
    """
    recipes = {name: settings["recipes"][name] for name in used}
    fixed = settings | {"recipes": recipes, PROCESSORS: None}
    return json_normalize(fixed).to_dict("records")[0]


def kept_settings(
    file: Path, settings: dict[str, Any], used: set[str]
) -> dict[str, Any]:
    """Return how ``file`` was made, which has to be by ``settings``.

    Raises:
        StudyFileError: something differs, or no JSON says how it was made.
    """
    beside = file.with_suffix(".json")
    try:
        made = json.loads(beside.read_text("utf-8"))
        there, here = (comparable(s, used) for s in (made, settings))
    except (
        *(OSError, ValueError, RecursionError),  # It is not JSON
        *(TypeError, LookupError, AttributeError),  # It is not a study's
    ):
        raise StudyFileError(
            f"no {beside.name} beside {file} says how it was made; name "
            f"another file"
        ) from None
    for name in here | there:
        was, now = (s.get(name, "nothing") for s in (there, here))
        if was != now:
            raise StudyFileError(
                f"{file} was made with {name} {was}, this study has {now}; "
                f"name another file"
            )
    return made


def write_settings(file: Path, settings: dict[str, Any]) -> None:
    """Write ``settings`` to the JSON beside ``file``."""
    with replacing(file.with_suffix(".json")) as scratch:
        scratch.write_text(json.dumps(settings, indent=1) + "\n", "utf-8")


def resumed(file: Path, study: Study, settings: dict[str, Any]) -> set[Key]:
    """Make ``file`` and its JSON ready; return the runs that it has.

    ``settings`` gets the processors of these runs.

    Raises:
        StudyFileError: the file belongs to another study.
    """
    try:
        text = file.read_text("utf-8") if file.exists() else ""
        runs, kept = whole_runs(text, study)
    except (ValueError, csv.Error) as error:
        raise StudyFileError(
            f"{file} is not of this study: {reason(error)}; mend it, or name "
            f"another file"
        ) from error
    used = {run.variant for run in runs}
    if file.exists() or file.with_suffix(".json").exists():
        made = kept_settings(file, settings, used)
        if runs:
            settings[PROCESSORS] = made.get(PROCESSORS, ["not recorded"])
    write_settings(file, settings)
    if text != kept:
        if text:
            print(f"{file}: cut off what was left of an unfinished run")
        with replacing(file) as scratch:
            scratch.write_text(kept, "utf-8")
    return runs


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


def checked_lines(study: Study, key: Key, rows: list) -> str:
    """Return the lines of a run, in which it will be found again.

    Raises:
        RuntimeError: what the study has measured are no rows of its CSV.
    """
    wrong = f"expected are {study.length(key.variant)} rows"
    with suppress(TypeError, ValueError):
        lines = study.lines(key, rows)
        try:
            header = ",".join(study.columns) + "\n"
            if key in whole_runs(header + lines, study)[0]:
                return lines
        except ValueError as error:
            wrong = reason(error)
    raise RuntimeError(
        f"seed {key.seed} of {key.variant!r} gave no {study.row.__name__}s "
        f"for the CSV: {wrong}"
    )


def append(
    file: Path, size: int, lines: str, settings: dict[str, Any], by: str
) -> int:
    """Append the ``lines`` of a run to ``file``; return its new size.

    ``size`` is what it should have. The processor that did the run, ``by``,
    is added to the ``settings``. What cannot be appended is kept elsewhere.

    Raises:
        OSError: there is no room, or the file was changed; the message says
            where the lines are.
    """
    try:
        known = settings.get(PROCESSORS, [])
        if by not in known or not file.with_suffix(".json").exists():
            settings[PROCESSORS] = list(dict.fromkeys([*known, by]))
            write_settings(file, settings)
        with file.open("r+b") as out:
            if out.seek(0, os.SEEK_END) != size:
                raise OSError("someone else has changed it")
            try:
                out.write(lines.encode())
                out.flush()
                os.fsync(out.fileno())
            except OSError:
                os.truncate(file, size)
                raise
            return out.tell()
    except OSError as error:
        spare = spare_folder() / file.name
        spare.write_text(lines, "utf-8")
        raise OSError(
            f"{file}: {reason(error)}; the last run is in {spare}, append "
            f"its lines"
        ) from error
