"""What the command line takes: converters for argparse, and its errors."""

import argparse
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import torch

from ..data import LOADERS

MOST_SEEDS = 1_000_000


class Parser(argparse.ArgumentParser):
    """An argument parser whose errors are one line, exit code 2."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: error: {' '.join(message.split())}\n")


def whole_number(low: int, high: int | None = None):
    """Return a converter to an int from ``low`` to ``high``, for argparse."""
    wanted = f"a whole number of at least {low}"
    if high is not None:
        wanted = f"a whole number from {low} to {high}"

    def convert(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = low - 1
        if value < low or (high is not None and value > high):
            raise argparse.ArgumentTypeError(
                f"must be {wanted}, not {text!r}"
            )
        return value

    return convert


def learning_rate(text: str) -> float:
    """Convert to a number above 0 that torch's float32 can hold."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value <= torch.finfo(torch.float32).max:
        raise argparse.ArgumentTypeError(
            f"must be a finite number above 0, such as 0.9, not {text!r}"
        )
    return value


def device_here(text: str) -> str:
    """Check that this machine has the device."""
    devices = ["cpu"]
    accelerator = torch.accelerator.current_accelerator(check_available=True)
    if accelerator is not None:
        devices.append(accelerator.type)
        count = torch.accelerator.device_count()
        devices += [f"{accelerator.type}:{i}" for i in range(count)]
    if text not in devices:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not there; this machine has {', '.join(devices)}"
        )
    return text


def seed_range(text: str) -> range:
    """Convert FIRST:END to the seeds from FIRST up to, not with, END."""
    first, _, end = text.partition(":")
    try:
        result = range(int(first), int(end))
    except ValueError:
        result = range(0)
    if not result or result[0] < 0 or result[-1] >= 2**63:
        raise argparse.ArgumentTypeError(
            f"must be two whole numbers, such as 0:100 for the seeds 0 to "
            f"99, not {text!r}"
        )
    if len(result) > MOST_SEEDS:
        raise argparse.ArgumentTypeError(
            f"must be at most {MOST_SEEDS:,} seeds, not {text!r}"
        )
    return result


def file_ending(suffix: str):
    """Return a converter to a path that can be written, for argparse."""

    def convert(text: str) -> Path:
        file = Path(text)
        if file.suffix != suffix:
            raise argparse.ArgumentTypeError(
                f"{file} does not end in {suffix}"
            )
        if not file.parent.is_dir():
            raise argparse.ArgumentTypeError(
                f"there is no folder {file.parent}"
            )
        return file

    return convert


def read_data(command: Parser, read: Callable, *arguments: Any) -> Any:
    """Return ``read(*arguments)``; end ``command`` where the data is not had.

    With exit code 2 where --data-dir is no folder, else with 1.
    """
    try:
        return read(*arguments)
    except NotADirectoryError as error:
        command.error(f"argument --data-dir: {error}")
    except FileNotFoundError as error:
        command.exit(1, f"{error}\n")


def add_data(parser: argparse.ArgumentParser) -> None:
    """Let ``parser`` take --data and --data-dir."""
    parser.add_argument(
        "--data",
        choices=LOADERS,
        default="fashion-mnist",
        metavar="NAME",
        help=f"what to train on and to test with: {' or '.join(LOADERS)} "
        f"(default: %(default)s)",
    )
    parser.add_argument(
        "--data-dir",
        type=Path,
        metavar="FOLDER",
        help="with the four files of the data (default: found, or fetched "
        "once and cached)",
    )
