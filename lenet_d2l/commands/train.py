"""``python -m lenet_d2l``: the post's script, for people who run scripts."""

import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path

import torch
from torch.utils.data import DataLoader
from tqdm import tqdm

from .. import EpochRecord, FusedLeNet, lenet, train_ch6
from .._d2l import d2l
from ..accuracy import evaluate_accuracy_gpu
from ..data import LOADERS
from ..results.runs import RECORDS, load_weights, save_run
from ..training import training_curves
from .arguments import (
    Parser,
    add_data,
    device_here,
    learning_rate,
    read_data,
    whole_number,
)


class WithProgress:
    """A DataLoader that shows, on stderr, how far through it one is."""

    def __init__(self, loader: DataLoader):
        self.loader = loader

    def __iter__(self) -> Iterator:
        return iter(
            tqdm(self.loader, unit="batch", leave=False, disable=None)
        )


def parser() -> Parser:
    """Return the parser of the command line."""
    result = Parser(
        prog="python -m lenet_d2l",
        description="Train the post's LeNet on Fashion-MNIST, print its log "
        "and write the records, the weights and the curves. More commands, "
        "each with a --help of its own: bench, predict, seeds, study.",
    )
    add = result.add_argument
    add(
        "--seed",
        type=whole_number(0, 2**63 - 1),
        default=0,
        metavar="N",
        help="of torch's random numbers: weights and shuffling "
        "(default: %(default)s)",
    )
    add(
        "--device",
        type=device_here,
        default=str(d2l.try_gpu()),
        help="where to train: cpu, cuda, cuda:1, mps "
        "(default: the first GPU if there is one; here %(default)s)",
    )
    add(
        "--num-epochs",
        type=whole_number(1),
        default=10,
        metavar="N",
        help="passes over the 60,000 training images (default: %(default)s)",
    )
    add(
        "--lr",
        type=learning_rate,
        default=0.9,
        help="learning rate of SGD, a step's length per unit of gradient "
        "(default: %(default)s)",
    )
    add(
        "--batch-size",
        type=whole_number(1, 60_000),
        default=256,
        metavar="N",
        help="images in a minibatch (default: %(default)s)",
    )
    add_data(result)
    add(
        "--fused",
        action="store_true",
        help="compute the convolutions by the package's own C, which is "
        "faster; for the CPU, needs gcc",
    )
    add(
        "--out",
        type=Path,
        metavar="FOLDER",
        help="where to write records.json, weights.safetensors and "
        "curves.png (default: a new folder, lenet-run-DATE-TIME)",
    )
    add(
        "--weights",
        type=Path,
        metavar="FILE",
        help="load these weights (safetensors) and print their test "
        "accuracy; train and write nothing",
    )
    return result


def prepare(folder: Path) -> None:
    """Make ``folder``, and see that it can be written and holds no run.

    Raises:
        ValueError: it cannot be written, or holds a run already.
    """
    if (folder / RECORDS).exists():
        raise ValueError(
            f"{folder} holds a run already; name another folder, or move it"
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise ValueError(
            f"{folder} cannot be written ({error.strerror}); "
            f"name a folder that can"
        ) from error


def new_folder() -> Path:
    """Make a folder of this second that no other run has."""
    name = time.strftime("lenet-run-%Y%m%d-%H%M%S")
    for i in count(1):
        folder = Path(name if i == 1 else f"{name}-{i}")
        with suppress(FileExistsError):
            folder.mkdir()
            break
    return folder


def main(arguments: list[str]) -> int:
    """Train, or test given weights; return the exit code."""
    command = parser()
    args = command.parse_args(arguments)
    torch.manual_seed(args.seed)
    net = lenet()
    if args.weights:
        try:
            load_weights(net, args.weights)
        except (OSError, ValueError) as error:
            command.error(f"argument --weights: {error}")
    if args.fused:
        if args.device != "cpu":
            command.error(
                f"argument --fused: it is for --device cpu, not {args.device}"
            )
        try:
            net = FusedLeNet(net)
        except RuntimeError as error:
            command.error(f"argument --fused: {error}")
    train_iter, test_iter = read_data(
        command, LOADERS[args.data], args.batch_size, args.data_dir
    )

    if args.weights:
        net.to(args.device)
        print(f"test acc {evaluate_accuracy_gpu(net, test_iter):.3f}")
        return 0

    try:
        out = args.out or new_folder()
        prepare(out)
    except (OSError, ValueError) as error:
        command.error(f"argument --out: {error}")
    curves = training_curves(args.num_epochs, figsize=(6, 4))
    records: list[EpochRecord] = []
    try:
        records = train_ch6(
            net,
            WithProgress(train_iter),
            test_iter,
            args.num_epochs,
            args.lr,
            args.device,
            curves,
        )
    except FloatingPointError as error:
        print(f"{command.prog}: stopped: {error}", file=sys.stderr)
        return 1
    finally:
        if not records:
            with suppress(OSError):  # The folder was not empty
                out.rmdir()
    if records:
        save_run(
            out,
            net,
            records,
            seed=args.seed,
            lr=args.lr,
            batch_size=args.batch_size,
            data=args.data,
            fused=args.fused,
        )
        curves.save(out / "curves.png")
        print(f"records, weights and curves are in {out}")
    return 0 if len(records) == args.num_epochs else 130
