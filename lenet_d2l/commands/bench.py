"""``bench``: the package against d2l's own, in one run."""

import sys
from pathlib import Path

from ..data import READERS
from ..speed.bench import PARTS, BenchFileError, Setting, run_bench
from ..speed.report import report
from .arguments import (
    Parser,
    device_here,
    file_ending,
    read_data,
    whole_number,
)


def bench(arguments: list[str]) -> int:
    """Measure, and print what came out; return the exit code."""
    command = Parser(
        prog="python -m lenet_d2l bench",
        description="Measure the same training by d2l 0.17.0's own loader "
        "and function, and by the package, in turn; take both apart; see how "
        "the cost grows. Nothing else should run meanwhile. Each measurement "
        "is written as it ends; stopped and started again, the command goes "
        "on with those that are missing.",
    )
    add = command.add_argument
    add(
        "--out",
        type=file_ending(".json"),
        required=True,
        metavar="FILE",
        help="the JSON of all measurements, with versions and processor",
    )
    add(
        "--repeats",
        type=whole_number(1),
        default=5,
        metavar="N",
        help="rounds, in each of which everything is measured once "
        "(default: %(default)s)",
    )
    add(
        "--parts",
        nargs="+",
        choices=PARTS,
        default=PARTS,
        metavar="PART",
        help=f"of {', '.join(PARTS)} (default: all)",
    )
    add(
        "--num-epochs",
        type=whole_number(1),
        default=10,
        metavar="N",
        help="epochs of a whole training (default: %(default)s)",
    )
    add(
        "--images",
        type=whole_number(2560, 60_000),
        default=60_000,
        metavar="N",
        help="images to train on, and a sixth of it to test with "
        "(default: %(default)s)",
    )
    add(
        "--device",
        type=device_here,
        default="cpu",
        help="where to train (default: %(default)s)",
    )
    add(
        "--data-dir",
        type=Path,
        metavar="FOLDER",
        help="with the four files of Fashion-MNIST (default: found, or "
        "fetched once and cached)",
    )
    args = command.parse_args(arguments)
    # Once, before the processes do
    read_data(command, READERS["fashion-mnist"], args.data_dir)
    try:
        result = run_bench(
            args.out,
            Setting(args.num_epochs, args.images, args.device),
            args.repeats,
            tuple(args.parts),
            args.data_dir,
        )
    except BenchFileError as error:
        command.error(f"argument --out: {error}")
    except (OSError, RuntimeError) as error:
        said = " ".join(str(error).split())
        print(f"{command.prog}: stopped: {said}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stopped; the same command goes on from here")
        raise
    print(report(result))
    return 0
