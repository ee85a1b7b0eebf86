"""A finished run on disk: a folder with its records and its weights.

``records.json`` holds one record an epoch with the settings and versions
that made them; ``weights.safetensors`` the net's weights after the last.
"""

import json
import os
import platform
from dataclasses import asdict
from functools import partial
from importlib import resources
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from .._atomic import replacing

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
    machine are added. Neither file is replaced before both are written.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    run = {
        "settings": settings | environment(),
        "records": [asdict(record) for record in records],
    }
    with (
        replacing(folder / WEIGHTS) as weights_file,
        replacing(folder / RECORDS) as records_file,
    ):
        save_file(net.state_dict(), weights_file)
        records_file.write_text(json.dumps(run, indent=1) + "\n")


def environment() -> dict[str, Any]:
    """Return the versions and the machine on which this process runs."""
    return {
        "python": platform.python_version(),
        "torch": version("torch"),
        "d2l": version("d2l"),
        "machine": f"{platform.system()} {platform.machine()}",
        "threads": torch.get_num_threads(),
    }


def readable(value: Any) -> Any:
    """Return the name of a function, any other value as it is."""
    if isinstance(value, partial):
        given = [str(readable(argument)) for argument in value.args]
        given += [f"{k}={readable(to)}" for k, to in value.keywords.items()]
        return f"{readable(value.func)}({', '.join(given)})"
    name = getattr(value, "__name__", repr(value))
    return name if callable(value) else value


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
        FileNotFoundError: there is no such file.
        ValueError: it is no safetensors file, or not of this net.
    """
    if not Path(file).is_file():
        raise FileNotFoundError(f"there is no file {os.fspath(file)!r}")
    try:
        net.load_state_dict(load_file(file))
    except SafetensorError as error:
        raise ValueError(f"{file} is no safetensors file: {error}") from error
    except RuntimeError as error:
        raise ValueError(
            f"{file} does not hold the weights of this net: {error}"
        ) from error
