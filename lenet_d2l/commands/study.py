"""``study``: many runs of several recipes, in parallel, into a CSV."""

import argparse
import sys
import warnings
from collections.abc import Callable
from contextlib import ExitStack
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .._files import reason
from .arguments import (
    Parser,
    add_data,
    add_device,
    add_plain,
    check_device,
    existing_file,
    new_file,
    read_data,
    seed_range,
    whole_number,
)

if TYPE_CHECKING:
    from ..studies.study import Study

MANY_RUNS = (
    "Each run is appended to the CSV as it ends. Stop the command whenever "
    "you like: started again, it goes on with the runs that are missing."
)
HELP = "train each recipe of a study, such as the book's, from many seeds"
DESCRIPTION = (
    f"Train each recipe of a study from each of many seeds. {MANY_RUNS}"
)


def add_arguments(parser: Parser) -> None:
    """Let ``parser`` take what the command needs."""
    parser.add_argument(
        "file",
        type=existing_file,
        metavar="FILE.py",
        help="a Python file that defines a Study named STUDY, such as the "
        "book's, book/studies/*.py",
    )
    add_run_arguments(parser)


def add_run_arguments(parser: Parser) -> None:
    """Let ``parser`` take what every study takes."""
    add = parser.add_argument
    add(
        "--seeds",
        type=seed_range,
        required=True,
        metavar="FIRST:END",
        help="the seeds from FIRST up to, not with, END, such as 0:100",
    )
    add_out(parser)
    add(
        "--jobs",
        type=whole_number(1),
        metavar="N",
        help="runs at a time, of one thread each (default: one per core)",
    )
    add(
        "--cluster",
        metavar="ADDRESS",
        help="a Dask scheduler, such as tcp://10.0.0.1:8786, whose workers "
        "do the runs; needs pip install 'lenet-d2l[cluster]'",
    )
    add_device(parser)
    add_data(parser)
    add_plain(parser)


def add_out(parser: Parser) -> None:
    """Let ``parser`` take --out."""
    parser.add_argument(
        "--out",
        type=new_file(".csv"),
        required=True,
        metavar="FILE",
        help="the CSV; a JSON beside it keeps versions, device and settings",
    )


def run(parser: Parser, args: argparse.Namespace) -> int:
    """Do the study that a Python file defines; return the exit code."""
    return do_study(parser, args, lambda: load(parser, args.file), args.file)


def load(parser: Parser, file: Path) -> "Study":
    """Return the study that the Python ``file`` defines."""
    from ..studies.study import Study

    # By a name that the processes of the study can import, too
    sys.path.insert(0, str(file.parent.resolve()))
    try:
        if file.suffix != ".py":
            raise ImportError("it does not end in .py")
        module = import_module(file.stem)
        if Path(str(module.__file__)) != file.resolve():
            raise ImportError(f"{module.__file__} has the same name")
        if not isinstance(getattr(module, "STUDY", None), Study):
            raise ImportError("it defines no Study named STUDY")
        if not (
            module.STUDY.recipes and isinstance(module.STUDY.recipes, dict)
        ):
            raise TypeError("its STUDY has no dict of recipes")
    except (Exception, SystemExit) as error:  # It may do anything
        parser.error(f"argument FILE.py: {file}: {error!r}")
    return module.STUDY


def do_study(
    parser: Parser,
    args: argparse.Namespace,
    load: Callable[[], "Study"],
    file: Path | None = None,
) -> int:
    """Do the study that ``load`` brings; return the exit code.

    The workers of a cluster are given ``file`` to import, and what it has
    imported from its folder.
    """
    from joblib import parallel_config

    from ..data import READERS
    from ..speed.fused import arithmetic
    from ..studies.runner import run_study
    from ..studies.table import StudyFileError

    check_device(parser, args.device)
    study = load()
    # Once, before the workers do
    read_data(parser, READERS[args.data], args.data_dir)
    print(arithmetic(args.device, args.plain or study.plain))
    with ExitStack() as stack:
        # joblib counts those, of which nothing is kept
        stack.enter_context(warnings.catch_warnings())
        warnings.filterwarnings("ignore", ".* tasks? which w.* still being")
        failures: tuple = (ImportError, OSError, RuntimeError)
        if args.cluster is not None:
            client, lost = connect(parser, args.cluster)
            stack.enter_context(client)
            stack.enter_context(parallel_config("dask"))
            failures += lost
            if file:
                beside = modules_beside(file)
                # All are there before one that imports another is loaded
                for load_now in False, True:
                    for module in beside:
                        client.upload_file(module, load_now)
        try:
            where = args.device, args.data_dir, args.jobs or -1, args.data
            run_study(study, args.seeds, args.out, *where, args.plain)
        except StudyFileError as error:
            parser.error(f"argument --out: {error}")
        except failures as error:
            said = f"{parser.prog}: stopped: {reason(error)}"
            print(said, file=sys.stderr)
            return 1
        except KeyboardInterrupt:
            print("stopped; the same command goes on from here")
            raise
    return 0


def modules_beside(file: Path) -> list[str]:
    """Return the files of the modules imported from the folder of ``file``.

    Its own is among them, as it has been imported.
    """
    found = [getattr(m, "__file__", None) for m in sys.modules.values()]
    here = file.parent.resolve()
    return [name for name in found if name and Path(name).parent == here]


def connect(parser: Parser, address: str) -> tuple[Any, tuple]:
    """Return a client of the Dask scheduler at ``address``.

    With it come the exceptions of a run that has killed several workers, and
    of a scheduler that has gone.
    """
    try:
        from distributed import Client, KilledWorker
        from distributed.client import FutureCancelledError
        from distributed.comm import get_address_host_port
    except ImportError:
        parser.error(
            "argument --cluster: Dask is missing; "
            "pip install 'lenet-d2l[cluster]'"
        )
    try:
        # A Client that fails for a wrong address would, when it is collected
        # as garbage, hold up for 20 s whatever thread that happens in
        get_address_host_port(address)
        client = Client(address, timeout=10)
    except (OSError, TypeError, ValueError) as error:
        parser.error(f"argument --cluster: {address}: {error}")
    threads = sum(client.nthreads().values())
    if threads < 2:  # joblib would do the runs here, without the cluster
        client.close()
        parser.error(
            f"argument --cluster: the workers at {address} have {threads} "
            f"threads; they need at least 2"
        )
    return client, (KilledWorker, FutureCancelledError)
