"""``seeds`` and ``study``: many runs, in parallel, into a CSV."""

import sys
from contextlib import ExitStack
from typing import Any

from joblib import parallel_config

from ..data import READERS
from ..studies import SEEDS, STUDIES, Study, StudyFileError, run_study
from .arguments import (
    Parser,
    add_data,
    device_here,
    file_ending,
    read_data,
    seed_range,
    whole_number,
)


def parser(command: str, description: str) -> Parser:
    """Return the parser of what every study takes."""
    result = Parser(
        prog=f"python -m lenet_d2l {command}",
        description=f"{description} Rows are appended to the CSV run by run; "
        f"stopped at any moment and started again, the command goes on with "
        f"the runs that are missing.",
    )
    add = result.add_argument
    add(
        "--seeds",
        type=seed_range,
        required=True,
        metavar="FIRST:END",
        help="the seeds from FIRST up to, not with, END, such as 0:100",
    )
    add(
        "--out",
        type=file_ending(".csv"),
        required=True,
        metavar="FILE",
        help="the CSV; a JSON beside it keeps versions, device and settings",
    )
    add(
        "--jobs",
        type=whole_number(1),
        metavar="N",
        help="runs at a time, of one thread each (default: one a core)",
    )
    add(
        "--cluster",
        metavar="ADDRESS",
        help="of a Dask scheduler, such as tcp://10.0.0.1:8786, whose "
        "workers do the runs; needs pip install 'lenet-d2l[cluster]'",
    )
    add(
        "--device",
        type=device_here,
        default="cpu",
        help="where each run trains (default: %(default)s)",
    )
    add_data(result)
    return result


def seeds(arguments: list[str]) -> int:
    """Train the post's recipe from many seeds; return the exit code."""
    command = parser(
        "seeds", "Train the post's recipe once from each of many seeds."
    )
    return run(command, SEEDS, arguments)


def study(arguments: list[str]) -> int:
    """Do one of the book's other studies; return the exit code."""
    command = parser(
        "study", "Train each recipe of one of the book's studies."
    )
    command.add_argument("name", choices=STUDIES, help="the study")
    name = command.parse_args(arguments).name
    return run(command, STUDIES[name], arguments)


def run(command: Parser, study: Study, arguments: list[str]) -> int:
    """Do ``study`` as the command line says; return the exit code."""
    args = command.parse_args(arguments)
    # Once, before the workers do
    read_data(command, READERS[args.data], args.data_dir)
    with ExitStack() as stack:
        failures: tuple[type[Exception], ...] = (OSError, RuntimeError)
        if args.cluster is not None:
            client, killed = connect(command, args.cluster)
            stack.enter_context(client)
            stack.enter_context(parallel_config("dask"))
            failures += (killed,)
        try:
            run_study(
                study,
                args.seeds,
                args.out,
                args.device,
                args.data_dir,
                args.jobs or -1,
                args.data,
            )
        except StudyFileError as error:
            command.error(f"argument --out: {error}")
        except failures as error:
            said = " ".join(str(error).split())
            print(f"{command.prog}: stopped: {said}", file=sys.stderr)
            return 1
        except KeyboardInterrupt:
            print("stopped; the same command goes on from here")
            raise
    return 0


def connect(command: Parser, address: str) -> tuple[Any, type[Exception]]:
    """Return a client of the Dask scheduler at ``address``.

    Beside it, the exception of a run that has killed several workers.
    """
    try:
        from distributed import Client, KilledWorker
        from distributed.comm import get_address_host_port
    except ImportError:
        command.error(
            "argument --cluster: Dask is missing; "
            "pip install 'lenet-d2l[cluster]'"
        )
    try:
        # A Client that fails for this alone would, when it is collected as
        # garbage, hold up for 20 s whatever thread that happens in
        get_address_host_port(address)
        client = Client(address, timeout=10)
    except (OSError, TypeError, ValueError) as error:
        command.error(f"argument --cluster: {address}: {error}")
    threads = sum(client.nthreads().values())
    if threads < 2:  # joblib would do the runs here, without the cluster
        client.close()
        command.error(
            f"argument --cluster: the workers at {address} have {threads} "
            f"threads; they need at least 2"
        )
    return client, KilledWorker
