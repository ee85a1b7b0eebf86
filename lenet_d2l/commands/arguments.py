"""What the command line takes: converters for argparse, and its errors.

Nothing here imports PyTorch, so that help and errors come at once.
"""

import argparse
import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

from .. import datasets
from .._files import reason

MOST_SEEDS = 1_000_000
LARGEST_FLOAT32 = (2 - 2**-23) * 2.0**127
DEVICE = re.compile(r"cpu|(cuda|mps|xpu)(:\d{1,3})?")


class Parser(argparse.ArgumentParser):
    """An argument parser whose errors are one line, exit code 2."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: error: {' '.join(message.split())}\n")


def refused(text: str, wanted: str) -> argparse.ArgumentTypeError:
    """Return the error for a value that is not what is ``wanted``."""
    return argparse.ArgumentTypeError(f"must be {wanted}, not {text!r}")


def whole_number(low: int, high: int | None = None) -> Callable[[str], int]:
    """Return a converter to an int from ``low`` to ``high``, for argparse."""
    size = f"of at least {low}" if high is None else f"from {low} to {high}"
    wanted = f"a whole number {size}"

    def convert(text: str) -> int:
        with suppress(ValueError):
            value = int(text)
            if low <= value and (high is None or value <= high):
                return value
        raise refused(text, wanted)

    return convert


def learning_rate(text: str) -> float:
    """Convert to a number above 0 that torch's float32 can hold."""
    with suppress(ValueError):
        if 0 < float(text) <= LARGEST_FLOAT32:
            return float(text)
    raise refused(text, "a finite number above 0, such as 0.9")


def device_name(text: str) -> str:
    """Check that ``text`` is the name of a device, on any machine."""
    if DEVICE.fullmatch(text):
        return text
    raise refused(text, "cpu, cuda, mps, xpu, or one of several, as cuda:1")


def seed_range(text: str) -> range:
    """Convert FIRST:END to the seeds from FIRST up to, not with, END."""
    first, _, end = text.partition(":")
    with suppress(ValueError):
        low, high = int(first), int(end)
        if 0 <= low < high <= 2**63:
            if high - low > MOST_SEEDS:
                raise refused(text, f"at most {MOST_SEEDS:,} seeds")
            return range(low, high)
    wanted = "FIRST:END, such as 0:100 for the seeds 0 to 99"
    raise refused(text, wanted)


def path(text: str) -> Path:
    """Convert to a path that the system can look for."""
    if not text:  # Not the working folder, as Path would have it
        raise refused(text, "a name")
    try:
        with suppress(FileNotFoundError):
            Path(text).stat()
    except OSError as error:  # Too long a name, for instance
        raise argparse.ArgumentTypeError(
            f"{text!r}: {reason(error)}"
        ) from error
    return Path(text)


def existing_file(text: str) -> Path:
    """Convert to the path of a file that exists."""
    file = path(text)
    if file.is_file():
        return file
    if file.is_dir():
        wrong = f"{text!r} is a folder"
    elif file.exists():  # And might never come to an end
        wrong = f"{text!r} is a pipe or a device"
    else:
        wrong = f"there is no file {text!r}"
    raise argparse.ArgumentTypeError(wrong)


def new_file(suffix: str) -> Callable[[str], Path]:
    """Return a converter to the path of a file to write, for argparse."""

    def convert(text: str) -> Path:
        file = path(text)
        wrong = None
        if file.suffix != suffix or not text.endswith(suffix):
            wrong = f"{text!r} does not end in {suffix}"
        elif not file.parent.is_dir():
            wrong = f"there is no folder {str(file.parent)!r}"
        elif file.exists() and not file.is_file():
            wrong = f"{text!r} is not a file"
        if wrong:
            raise argparse.ArgumentTypeError(wrong)
        return file

    return convert


def add_device(parser: Parser, default: str | None = "cpu") -> None:
    """Let ``parser`` take --device."""
    said = default or "a CUDA GPU if there is one, else cpu"
    parser.add_argument(
        "--device",
        type=device_name,
        default=default,
        metavar="DEVICE",
        help=f"where to compute: cpu, cuda, cuda:1, mps (default: {said})",
    )


def add_data(parser: Parser) -> None:
    """Let ``parser`` take --data and --data-dir."""
    parser.add_argument(
        "--data",
        choices=datasets.NAMES,
        default=datasets.NAMES[0],
        metavar="NAME",
        help=f"what to train and test on: {' or '.join(datasets.NAMES)} "
        f"(default: %(default)s)",
    )
    add_data_dir(parser)


def add_data_dir(parser: Parser) -> None:
    """Let ``parser`` take --data-dir."""
    parser.add_argument(
        "--data-dir",
        type=path,
        metavar="FOLDER",
        help="where the four files of the data are (default: found, or "
        "fetched once and cached)",
    )


def add_plain(parser: Parser) -> None:
    """Let ``parser`` take --plain."""
    parser.add_argument(
        "--plain",
        action="store_true",
        help="compute the convolutions by PyTorch alone, not by this "
        "package's C, which is faster on a CPU and gives the same run but "
        "for its last digits",
    )


def check_device(parser: Parser, device: str) -> None:
    """End ``parser``'s command with an error if ``device`` is missing."""
    import torch

    devices = ["cpu"]
    accelerator = torch.accelerator.current_accelerator(check_available=True)
    if accelerator is not None:
        devices.append(accelerator.type)
        count = torch.accelerator.device_count()
        devices += [f"{accelerator.type}:{i}" for i in range(count)]
    if device not in devices:
        parser.error(
            f"argument --device: {device!r} is missing; this machine has "
            f"{', '.join(devices)}"
        )


def read_data(parser: Parser, read: Callable, *arguments: Any) -> Any:
    """Return ``read(*arguments)``; end the command if the data is missing.

    The exit code is 2 if --data-dir is not a folder, else 1.
    """
    try:
        return read(*arguments)
    except FileNotFoundError as error:
        parser.exit(1, f"{error}\n")
    except OSError as error:
        parser.error(f"argument --data-dir: {reason(error)}")


def read_weights(parser: Parser, net: Any, file: Path) -> None:
    """Put the weights of ``file`` into ``net``, or end the command."""
    from ..results.runs import load_weights

    try:
        load_weights(net, file)
    except OSError as error:
        parser.error(f"argument --weights: {file}: {reason(error)}")
    except ValueError as error:
        parser.error(f"argument --weights: {error}")
