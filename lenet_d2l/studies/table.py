"""The table of a study on disk: a CSV, and a JSON that says how it was made.

A run is appended at once, and a study that was killed finds its whole runs
again. Rows that were made in another way are never continued.
"""

import csv
import json
import math
import os
from collections import defaultdict
from contextlib import suppress
from pathlib import Path
from typing import Any

from pandas import json_normalize

from .._files import reason, replacing, spare_folder
from .study import Key, Study

SEEDS = range(2**63)

# Of the settings, the one that need not be the same for all rows
PROCESSORS = "processors"


class StudyFileError(ValueError):
    """A file that a study cannot, or must not, be written to."""


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
