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


def the_error_line(capsys, command="train"):
    """The one line on stderr of a command line that is wrong."""
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"python -m lenet_d2l {command}: error: ")
    assert line.isprintable()
    return line
