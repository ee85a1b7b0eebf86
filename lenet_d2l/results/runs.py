"""A finished run on disk: a folder with its records and its weights.

``records.json`` holds one record an epoch with the settings and versions
that made them; ``weights.safetensors`` the net's weights after the last.
"""

import ast
import hashlib
import inspect
import json
import os
import platform
import re
import textwrap
from contextlib import suppress
from dataclasses import asdict
from functools import partial
from importlib import resources
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import nn

from .._files import replacing

if TYPE_CHECKING:
    from ..training import EpochRecord

RECORDS, WEIGHTS = "records.json", "weights.safetensors"

# The run that the book shows
PUBLISHED = Path(str(resources.files(__package__))) / "published"


class EpochRow(NamedTuple):
    """What one epoch gave: an ``EpochRecord`` without its times."""

    epoch: int
    train_loss: float
    train_acc: float
    test_acc: float


class Run(NamedTuple):
    """One record per epoch, and the settings and versions that made them."""

    records: "list[EpochRecord]"
    settings: dict[str, Any]


def save_run(
    folder: str | os.PathLike[str],
    net: nn.Module,
    records: "list[EpochRecord]",
    **settings: Any,
) -> None:
    """Write a run to ``folder``, which is made where it is missing.

    ``settings`` is what the run was made with (seed, lr, ...); versions and
    machine are added. Both files are written before either is replaced, and
    the records come last: where they are, the weights are.

    Raises:
        OSError: a file cannot be written; the run that was there stays.
        TypeError: JSON cannot hold a setting.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    device = records[-1].device if records else "cpu"
    run = {
        "settings": settings | environment(device),
        "records": [asdict(record) for record in records],
    }
    with replacing(folder / RECORDS) as records_file:
        records_file.write_text(json.dumps(run, indent=1) + "\n")
        with replacing(folder / WEIGHTS) as weights_file:
            weights_file.write_bytes(save(net.state_dict()))


def environment(device: torch.device | str) -> dict[str, Any]:
    """Return the versions and the machine on which this process runs."""
    return {
        "python": platform.python_version(),
        "torch": version("torch"),
        "cuda": torch.version.cuda,  # That this build of PyTorch can use
        "d2l": version("d2l"),
        "lenet_d2l": version("lenet_d2l"),
        "machine": f"{platform.system()} {platform.machine()}",
        "processor": processor(device),
        "threads": torch.get_num_threads(),
    }


def processor(device: torch.device | str) -> str:
    """Return the name of the processor, with the GPU's if it is used."""
    cpuinfo = Path("/proc/cpuinfo")
    text = cpuinfo.read_text() if cpuinfo.exists() else ""
    found = re.search(r"model name\s*: (.*)", text)
    name = found[1] if found else platform.processor()
    if torch.device(device).type == "cuda" and torch.cuda.is_available():
        name += f", {torch.cuda.get_device_name(device)}"
    return name


def readable(value: Any) -> Any:
    """Return the name of a function, any other value as it is."""
    if isinstance(value, partial):
        given = [str(readable(argument)) for argument in value.args]
        given += [f"{k}={readable(to)}" for k, to in value.keywords.items()]
        return f"{readable(value.func)}({', '.join(given)})"
    name = getattr(value, "__name__", repr(value))
    return name if callable(value) else value


def own_sources(value: Any) -> list[str]:
    """Return the source of ``value`` if it is a function from elsewhere.

    That is from neither this package nor those whose versions
    ``environment`` states. Of a partial, the sources of all its parts.
    """
    if isinstance(value, partial):
        parts = value.func, *value.args, *value.keywords.values()
        return [source for part in parts for source in own_sources(part)]
    home = str(getattr(value, "__module__", "")).partition(".")[0]
    if not callable(value) or home in ("lenet_d2l", "torch", "d2l"):
        return []
    with suppress(OSError, TypeError):  # Built in, or typed in a shell
        return [inspect.getsource(value)]
    return []


def digest(*sources: str) -> str:
    """Return a short digest of Python code, without comments, docstrings."""
    content = []
    for source in sources:
        tree = ast.parse(textwrap.dedent(source))
        for node in ast.walk(tree):
            if isinstance(
                node, (ast.Module, ast.ClassDef, ast.FunctionDef)
            ) and ast.get_docstring(node):
                del node.body[0]
        content.append(ast.dump(tree))
    return hashlib.sha256("\n".join(content).encode()).hexdigest()[:12]


def load_run(folder: str | os.PathLike[str]) -> Run:
    """Read back the records and settings that ``save_run`` wrote."""
    # Imports all of d2l, which whoever loads only weights need not wait for
    from ..training import EpochRecord

    run = json.loads((Path(folder) / RECORDS).read_text())
    return Run(
        [EpochRecord(**row) for row in run["records"]], run["settings"]
    )


def load_weights(net: nn.Module, file: str | os.PathLike[str]) -> None:
    """Put the weights of a safetensors ``file`` into ``net``.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is no safetensors file, or not of this net, or holds
            numbers that are not finite.
    """
    content = Path(file).read_bytes()
    try:
        weights = load(content)
    except SafetensorError as error:
        raise ValueError(f"{file} is no safetensors file: {error}") from error
    here, there = (
        {name: list(tensor.shape) for name, tensor in state.items()}
        for state in (net.state_dict(), weights)
    )
    for name in here | there:
        if here.get(name) != there.get(name):
            raise ValueError(
                f"{file} is of another net: the shape of {name} is "
                f"{there.get(name, 'missing')}, here it is "
                f"{here.get(name, 'missing')}"
            )
    for name, tensor in weights.items():
        if not (
            tensor.is_floating_point() and tensor.float().isfinite().all()
        ):
            raise ValueError(f"{file}: not all of {name} are finite numbers")
    net.load_state_dict(weights)
