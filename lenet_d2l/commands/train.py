"""``train``: the post's script, for people who run scripts."""

import argparse
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path

from .._atomic import replacing
from .arguments import (
    Parser,
    add_data,
    add_device,
    add_plain,
    check_device,
    existing_file,
    learning_rate,
    read_data,
    whole_number,
)

HELP = "train the net, print the post's log, keep the run"
DESCRIPTION = (
    "Train the post's LeNet, print its log, and write the "
    "records, the weights and the curves."
)


def add_arguments(parser: Parser) -> None:
    """Let ``parser`` take what the command needs."""
    add = parser.add_argument
    add(
        "--seed",
        type=whole_number(0, 2**63 - 1),
        default=0,
        metavar="N",
        help="seed of torch's random numbers, which draw the first weights "
        "and shuffle the images (default: %(default)s)",
    )
    add_device(parser, default=None)
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
        help="learning rate of SGD (default: %(default)s)",
    )
    add(
        "--batch-size",
        type=whole_number(1, 60_000),
        default=256,
        metavar="N",
        help="images per minibatch (default: %(default)s)",
    )
    add_data(parser)
    add_plain(parser)
    add(
        "--out",
        type=Path,
        metavar="FOLDER",
        help="where to write records.json, weights.safetensors and "
        "curves.png (default: a new folder, lenet-run-DATE-TIME)",
    )
    add(
        "--weights",
        type=existing_file,
        metavar="FILE",
        help="load these weights (safetensors) and print their test "
        "accuracy; train and write nothing",
    )


class WithProgress:
    """Minibatches whose iteration shows a progress bar on stderr."""

    def __init__(self, batches: Iterable):
        self.batches = batches

    def __iter__(self) -> Iterator:
        from tqdm import tqdm

        return iter(
            tqdm(self.batches, unit="batch", leave=False, disable=None)
        )


def prepare(folder: Path) -> None:
    """Make ``folder``; check that it can be written and holds no run.

    Raises:
        ValueError: it cannot be written, or holds a run already.
    """
    try:
        if (folder / "records.json").exists():
            raise ValueError(
                f"{folder} holds a run already; name another folder, or "
                f"move it"
            )
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise ValueError(
            f"{folder} cannot be written ({error.strerror}); name another "
            f"folder"
        ) from error


def new_folder() -> Path:
    """Make a folder, named after this second, that no other run has."""
    name = time.strftime("lenet-run-%Y%m%d-%H%M%S")
    for i in count(1):
        folder = Path(name if i == 1 else f"{name}-{i}")
        with suppress(FileExistsError):
            folder.mkdir()
            break
    return folder


def run(parser: Parser, args: argparse.Namespace) -> int:
    """Train, or test given weights; return the exit code."""
    if args.weights:
        return test(parser, args)
    try:
        there = args.out is not None and args.out.exists()
        out = args.out or new_folder()
        prepare(out)
    except (OSError, ValueError) as error:
        parser.error(f"argument --out: {error}")
    finished = 0
    try:
        finished = train(parser, args, out)
    finally:
        if not finished and not there:
            with suppress(OSError):  # Something else has been put into it
                out.rmdir()
    return 0 if finished == args.num_epochs else 130


def start(parser: Parser, args: argparse.Namespace) -> tuple:
    """Return the net, the minibatches, and the name of the arithmetic."""
    import torch

    from .. import d2l, lenet
    from ..data import READERS, minibatches
    from ..results.runs import load_weights
    from ..speed.fused import arithmetic, with_arithmetic
    from ..speed.memory import keep_freed_memory

    args.device = args.device or str(d2l.try_gpu())
    check_device(parser, args.device)
    torch.manual_seed(args.seed)
    net = lenet()
    if args.weights:
        try:
            load_weights(net, args.weights)
        except (OSError, ValueError) as error:
            parser.error(f"argument --weights: {error}")
    files = read_data(parser, READERS[args.data], args.data_dir)
    loaders = minibatches(files, args.batch_size)
    keep_freed_memory()
    chosen = arithmetic(args.device, args.plain)
    print(chosen)
    return with_arithmetic(net, chosen.name), *loaders, chosen.name


def test(parser: Parser, args: argparse.Namespace) -> int:
    """Print the test accuracy of given weights; return the exit code."""
    from .. import evaluate_accuracy_gpu

    net, _, test_iter, _ = start(parser, args)
    net.to(args.device)
    print(f"test acc {evaluate_accuracy_gpu(net, test_iter):.3f}")
    return 0


def train(parser: Parser, args: argparse.Namespace, out: Path) -> int:
    """Train and write the run to ``out``; return the finished epochs."""
    from .. import train_ch6
    from ..results.runs import save_run
    from ..training import training_curves

    net, train_iter, test_iter, arithmetic = start(parser, args)
    curves = training_curves(args.num_epochs, figsize=(6, 4))
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
        print(f"{parser.prog}: stopped: {error}", file=sys.stderr)
        raise SystemExit(1) from None
    if records:
        save_run(
            out,
            net,
            records,
            seed=args.seed,
            lr=args.lr,
            batch_size=args.batch_size,
            data=args.data,
            arithmetic=arithmetic,
        )
        with replacing(out / "curves.png") as file:
            curves.save(file)
        print(f"records, weights and curves are in {out}")
    return len(records)
