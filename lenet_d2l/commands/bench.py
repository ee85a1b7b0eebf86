"""``bench``: the package against d2l's own code, in turn."""

import argparse
from typing import Any

from .arguments import Parser, add_data_dir, add_device, whole_number
from .study import MANY_RUNS, add_out, do_study

HELP = "compare the speed of d2l's own code with this package's"
DESCRIPTION = (
    "Measure the same training by d2l 0.17.0's own loader and function, by "
    "the package, and by the ways between them, in turn. Nothing else should "
    f"run meanwhile. {MANY_RUNS}"
)


def add_arguments(parser: Parser) -> None:
    """Let ``parser`` take what the command needs."""
    add_out(parser)
    parser.add_argument(
        "--repeats",
        type=whole_number(1),
        default=5,
        metavar="N",
        help="rounds, each of which measures every way once (default: "
        "%(default)s)",
    )
    add_device(parser)
    add_data_dir(parser)
    parser.set_defaults(
        data="fashion-mnist", plain=False, jobs=None, cluster=None
    )


def run(parser: Parser, args: argparse.Namespace) -> int:
    """Measure, and print what came out; return the exit code."""
    args.seeds = range(args.repeats)

    def load() -> Any:
        from ..speed.ways import available
        from ..studies.bench import Bench

        return Bench(available(args.device))

    code = do_study(parser, args, load)
    if code == 0:
        import pandas as pd
        from joblib import cpu_count

        from ..speed.report import report

        print(report(pd.read_csv(args.out), cpu_count()))
    return code
