"""The file of a bench: measurements, and how and where they were made.

Source: the chapter "Where the time goes".
"""

import ast
import hashlib
import json
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock, Timeout
from joblib import cpu_count

from .._atomic import replacing
from ..results.runs import environment
from .fused import arithmetic
from .phases import PHASES

Entry = dict[str, Any]  # What one measurement gave: values by name
Bench = dict[str, Any]  # "setting", "machine", lists of entries in "results"

NAMES = {
    "whole": {"seconds", "start_up", "metrics", *PHASES},
    "yardstick": {"a second"},
    "seeds": {"seconds"},
}


class BenchFileError(ValueError):
    """A file that a bench must not be written to."""


@contextmanager
def alone(file: Path) -> Iterator[None]:
    """Let no other bench write ``file`` meanwhile.

    The empty lock file must stay: another process may be about to lock it.
    """
    lock = FileLock(file.with_name(f".{file.name}.lock"), blocking=False)
    try:
        lock.acquire()
    except Timeout:
        raise BenchFileError(f"another bench is writing {file} now") from None
    except OSError as error:
        raise BenchFileError(
            f"{file} cannot be written: {error.strerror}"
        ) from error
    try:
        yield
    finally:
        lock.release()


def open_bench(file: Path, made: Bench) -> Bench:
    """Return what ``file`` has, or a new bench.

    ``made`` has the setting and the machine of this bench.

    Raises:
        BenchFileError: the file is not a bench, or was made differently.
    """
    if not file.exists():
        return made | {"results": {}}
    try:
        bench = json.loads(file.read_bytes())
        there = bench["setting"] | bench["machine"]
        for name, entries in bench["results"].items():
            check(entries, NAMES[name.partition("/")[0]])
    except (
        *(AttributeError, LookupError, OSError, RecursionError),
        *(TypeError, ValueError),
    ) as error:
        raise BenchFileError(f"{file} is not a bench") from error
    for name, value in (made["setting"] | made["machine"]).items():
        if there.get(name) != value:
            raise BenchFileError(
                f"{file} was made with {name} {there.get(name)}, this bench "
                f"has {value}; name another file"
            )
    return bench


def check(entries: list[Entry], names: set[str]) -> None:
    """Raise ValueError if ``entries`` are not of ``names``."""
    wanted = {name: str if name == "metrics" else float for name in names}
    for entry in list(entries):
        if {name: type(value) for name, value in entry.items()} != wanted:
            raise ValueError(f"no measurement gives {entry}")


def write(file: Path, bench: Bench) -> None:
    """Write ``bench`` to ``file``, whole or not at all."""
    with replacing(file) as scratch:
        scratch.write_text(json.dumps(bench, indent=1) + "\n")


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
        "cores": cpu_count(),
        "arithmetic": arithmetic(device).name,
        "code": digest(Path(__file__).parents[1]),
    }


def digest(package: Path) -> str:
    """Return a short digest of the code that trains and measures.

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
