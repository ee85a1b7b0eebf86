"""``train``: the post's script, for people who run scripts."""

import argparse
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, suppress
from itertools import count
from pathlib import Path
from typing import Any

from .._files import alone, reason, replacing, spare_folder
from .arguments import (
    Parser,
    add_data,
    add_device,
    add_plain,
    check_device,
    existing_file,
    learning_rate,
    path,
    read_data,
    read_weights,
    whole_number,
)
from .shell import STOPPED, hold_signals

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
        type=path,
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


def new_folder() -> Path:
    """Make a folder, named after this second, that no other run has."""
    name = time.strftime("lenet-run-%Y%m%d-%H%M%S")
    for i in count(1):
        folder = Path(name if i == 1 else f"{name}-{i}")
        with suppress(FileExistsError):
            folder.mkdir()
            break
    return folder


def quietly(do: Callable[[], Any]) -> None:
    """Do it if it can be done."""
    with suppress(OSError):
        do()


def prepare(out: Path, new: bool, stack: ExitStack) -> None:
    """Make the folder ``out`` ready for a run, and lock it in ``stack``.

    At the end of ``stack`` it is removed if it is ``new`` and empty.

    Raises:
        OSError: it cannot be written, or holds a run already.
    """
    if out.exists() and not out.is_dir():
        raise OSError("it is not a folder")
    out.mkdir(parents=True, exist_ok=True)
    if new:
        stack.callback(quietly, out.rmdir)
    records = out / "records.json"
    stack.enter_context(alone(records))
    # Once there are records, they say that the folder is taken
    stack.callback(quietly, out.joinpath(".records.json.lock").unlink)
    if records.exists():
        raise OSError("it holds a run already")


def run(parser: Parser, args: argparse.Namespace) -> int:
    """Train, or test given weights; return the exit code."""
    if args.weights:
        return test(parser, args)
    with ExitStack() as stack:
        try:
            new = args.out is None or not args.out.exists()
            out = args.out or new_folder()
            prepare(out, new, stack)
        except OSError as error:
            parser.error(
                f"argument --out: {args.out or Path.cwd()} cannot be "
                f"written: {reason(error)}; name another folder"
            )
        return train(parser, args, out)


def start(parser: Parser, args: argparse.Namespace) -> tuple:
    """Return the net, the minibatches, and the name of the arithmetic."""
    import torch

    from .. import d2l, lenet
    from ..data import READERS, minibatches
    from ..speed.fused import arithmetic, with_arithmetic
    from ..speed.memory import keep_freed_memory

    args.device = args.device or str(d2l.try_gpu())
    check_device(parser, args.device)
    torch.manual_seed(args.seed)
    net = lenet()
    if args.weights:
        read_weights(parser, net, args.weights)
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


def keep(folder: Path, write: Callable[[Path], None]) -> Path:
    """Have ``write`` write to ``folder``, else elsewhere; return where."""
    try:
        write(folder)
        return folder
    except OSError as error:
        spare = spare_folder()
        print(f"{folder}: {reason(error)}; using {spare}", file=sys.stderr)
        write(spare)
        return spare


def train(parser: Parser, args: argparse.Namespace, out: Path) -> int:
    """Train, and keep what was finished; return the exit code."""
    from .. import train_ch6
    from ..results.runs import RECORDS, save_run
    from ..training import EpochRecord, training_curves

    net, train_iter, test_iter, arithmetic = start(parser, args)
    curves = training_curves(args.num_epochs, figsize=(6, 4))
    records: list[EpochRecord] = []
    names = "seed", "lr", "batch_size", "num_epochs", "data"
    settings = {name: vars(args)[name] for name in names}

    def save(folder: Path) -> None:
        if (folder / RECORDS).exists():  # Someone else's, of this minute
            raise OSError("it holds a run by now")
        save_run(folder, net, records, **settings, arithmetic=arithmetic)

    def draw(folder: Path) -> None:
        with replacing(folder / "curves.png") as file:
            curves.save(file)

    code = 0
    try:
        try:  # Twice, as a signal may come before it is held
            train_ch6(
                net,
                WithProgress(train_iter),
                test_iter,
                args.num_epochs,
                args.lr,
                args.device,
                curves,
                records,
            )
        finally:
            hold_signals()
        if len(records) < args.num_epochs:
            code = STOPPED
    except (ArithmeticError, MemoryError, OSError, RuntimeError) as error:
        print(f"{parser.prog}: stopped: {reason(error)}", file=sys.stderr)
        code = 1
    finally:
        if records:
            kept = keep(out, save)
            print(f"records, weights and curves are in {kept}")
            if keep(kept, draw) != out:
                code = code or 1
    return code
