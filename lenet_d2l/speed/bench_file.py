"""The file of a bench, which one process at a time reads and goes on with.

Source: the chapter "Where the time goes".
"""

import json
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from .._atomic import replacing

Entry = dict[str, Any]  # What one measurement gave: numbers by name
Bench = dict[str, Any]  # How it was made, and lists of entries in "results"


class BenchFileError(ValueError):
    """A file that a bench must not be written to."""


@contextmanager
def alone(file: Path) -> Iterator[None]:
    """Let no other bench write ``file`` meanwhile; see that this one can.

    The empty lock file that this leaves must stay: another process may be
    about to lock it.
    """
    lock = FileLock(file.with_name(f".{file.name}.lock"))
    try:
        held = lock.acquire(blocking=False)
    except Timeout:
        raise BenchFileError(f"another bench is writing {file} now") from None
    except OSError as error:
        raise BenchFileError(
            f"{file} cannot be written: {error.strerror}"
        ) from error
    with held:
        yield


def open_bench(
    file: Path, made: Bench, names: Mapping[str, Collection[str]]
) -> Bench:
    """Return what ``file`` has, or a new bench.

    ``made`` says how this bench measures, and ``names`` what an entry of
    each measurement holds.

    Raises:
        BenchFileError: the file is not a bench, or was made differently.
    """
    if not file.exists():
        return made | {"results": {}}
    try:
        bench = json.loads(file.read_bytes())
        there = {part: dict(bench[part]) for part in made}
        sound = all(
            isinstance(entries, list)
            and all(is_entry(entry, names[name]) for entry in entries)
            for name, entries in bench["results"].items()
        )
    except (
        *(AttributeError, LookupError, OSError, RecursionError),
        *(TypeError, ValueError),
    ) as error:
        raise BenchFileError(f"{file} is not a bench") from error
    for part, values in made.items():
        for name, value in values.items():
            if there[part].get(name) != value:
                raise BenchFileError(
                    f"{file} was made with {name} {there[part].get(name)}, "
                    f"this bench has {value}; name another file"
                )
    if not sound:
        raise BenchFileError(f"{file} has what no measurement gives")
    return bench


def is_entry(entry: Any, names: Collection[str]) -> bool:
    """Return whether ``entry`` holds ``names``, and sound values of them."""

    def is_sound(name: str, value: Any) -> bool:
        if isinstance(value, str):
            return name == "metrics"
        if value is None:
            return name == "memory"
        return type(value) in (int, float) and 0 <= value < 1e15

    return (
        isinstance(entry, dict)
        and entry.keys() == set(names)
        and all(is_sound(*item) for item in entry.items())
    )


def write(file: Path, bench: Bench) -> None:
    """Write ``bench`` to ``file``, whole or not at all."""
    with replacing(file) as scratch:
        scratch.write_text(json.dumps(bench, indent=1) + "\n")
