"""``lenet-d2l``, or ``python -m lenet_d2l``: the command line."""

import sys
from functools import partial
from importlib.metadata import version
from pathlib import Path

from ._files import reason
from .commands import bench, predict, seeds, study, train
from .commands.arguments import Parser
from .commands.shell import STOPPED, stopped_once, streams

COMMANDS = {
    module.__name__.rpartition(".")[2]: module
    for module in (train, predict, seeds, study, bench)
}


def parser(prog: str) -> Parser:
    """Return the parser of all commands, each with its ``run``."""
    result = Parser(
        prog=prog,
        description="LeNet on Fashion-MNIST, as the book has it. Without a "
        "command it trains.",
        epilog=f"'{prog} COMMAND --help' lists the options of a command.",
    )
    result.add_argument(
        "--version", action="version", version=version("lenet-d2l")
    )
    commands = result.add_subparsers(
        title="commands", metavar="COMMAND", required=True
    )
    for name, module in COMMANDS.items():
        command = commands.add_parser(
            name, help=module.HELP, description=module.DESCRIPTION
        )
        module.add_arguments(command)
        command.set_defaults(parser=command, run=partial(module.run, command))
    return result


def main(arguments: list[str] | None = None) -> int:
    """Run the command line, training if it names no command.

    Returns the exit code: 0, 1 if a run failed, 2 if the command line is
    wrong, 130 if Ctrl-C, or another signal to stop, ended it.
    """
    is_program = arguments is None
    arguments = sys.argv[1:] if arguments is None else arguments
    installed = Path(sys.argv[0]).stem == "lenet-d2l"
    whole = parser("lenet-d2l" if installed else "python -m lenet_d2l")
    if not arguments or (
        arguments[0].startswith("-")
        and arguments[0] not in ("-h", "--help", "--version")
    ):
        arguments = ["train", *arguments]
    with stopped_once(to_the_end=is_program), streams() as out:
        args, unknown = whole.parse_known_args(arguments)
        if [] in vars(args).values():  # What argparse makes of it
            args.parser.error("the value of an option cannot be '--'")
        if unknown:
            args.parser.error(f"unknown: {' '.join(unknown)}")
        try:
            code = args.run(args)
        except KeyboardInterrupt:
            code = STOPPED
        except OSError as error:
            where = f"{error.filename!r}: " if error.filename else ""
            said = f"{args.parser.prog}: stopped: {where}{reason(error)}"
            print(said, file=sys.stderr)
            code = 1
        out.flush()
        if out.error and not isinstance(out.error, BrokenPipeError):
            said = f"{args.parser.prog}: stdout: {reason(out.error)}"
            print(said, file=sys.stderr)
            code = code or 1
    return code


if __name__ == "__main__":
    sys.exit(main())
