"""``python -m lenet_d2l``: the commands."""

import sys

from .commands import bench, predict, study, train

COMMANDS = {
    "bench": bench.bench,
    "predict": predict.predict,
    "seeds": study.seeds,
    "study": study.study,
}


def main(arguments: list[str] | None = None) -> int:
    """Run the command line, training where it names no command.

    Returns the exit code: 0, 1 where a run failed, 2 where the command line
    is wrong, 130 where Ctrl-C ended it.
    """
    if arguments is None:
        arguments = sys.argv[1:]
    try:
        if arguments and arguments[0] in COMMANDS:
            return COMMANDS[arguments[0]](arguments[1:])
        return train.main(arguments)
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
