"""The command line, run in this process."""

from lenet_d2l.__main__ import main

USAGE = 2  # The exit code of a command line that is wrong


def run(*arguments):
    """Run the command line; return its exit code."""
    try:
        return main([str(argument) for argument in arguments])
    except SystemExit as end:
        return end.code
    except KeyboardInterrupt:
        # Else it would end pytest
        return "a traceback of KeyboardInterrupt"
