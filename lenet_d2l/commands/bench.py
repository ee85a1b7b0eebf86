"""``bench``: the package against d2l's own code, in one run."""

import argparse
import sys

from .arguments import (
    Parser,
    add_data_dir,
    add_device,
    check_device,
    file_ending,
    read_data,
    whole_number,
)

HELP = "measure how fast d2l's own code trains, and how fast the package"
DESCRIPTION = (
    "Measure the same training by d2l 0.17.0's own loader and function, by "
    "the package, and by the ways between them, in turn. Nothing else should "
    "run meanwhile. Each measurement is written as it ends. Stop the command "
    "whenever you like: started again, it goes on with the measurements that "
    "are missing."
)


def add_arguments(parser: Parser) -> None:
    """Let ``parser`` take what the command needs."""
    add = parser.add_argument
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
        help="rounds, each of which measures everything once (default: "
        "%(default)s)",
    )
    add(
        "--num-epochs",
        type=whole_number(1),
        default=10,
        metavar="N",
        help="epochs of a training (default: %(default)s)",
    )
    add(
        "--images",
        type=whole_number(2560, 60_000),
        default=60_000,
        metavar="N",
        help="images to train on; a sixth as many test (default: "
        "%(default)s)",
    )
    add_device(parser)
    add_data_dir(parser)


def run(parser: Parser, args: argparse.Namespace) -> int:
    """Measure, and print what came out; return the exit code."""
    check_device(parser, args.device)
    from ..datasets.fashion_mnist import read_fashion_mnist
    from ..speed.bench_file import BenchFileError
    from ..speed.measure import Setting
    from ..speed.report import report
    from ..speed.rounds import run_rounds

    # Once, before the processes do
    read_data(parser, read_fashion_mnist, args.data_dir)
    setting = Setting(args.num_epochs, args.images, args.device)
    try:
        bench = run_rounds(args.out, setting, args.repeats, args.data_dir)
    except BenchFileError as error:
        parser.error(f"argument --out: {error}")
    except (OSError, RuntimeError) as error:
        said = " ".join(str(error).split())
        print(f"{parser.prog}: stopped: {said}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stopped; the same command goes on from here")
        raise
    print(report(bench))
    return 0
