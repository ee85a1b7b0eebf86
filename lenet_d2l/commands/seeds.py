"""``seeds``: the post's recipe from many seeds, into a CSV."""

import argparse

from .arguments import Parser
from .study import MANY_RUNS, add_run_arguments, run_study_by_name

HELP = "train the post's recipe once from each of many seeds"
DESCRIPTION = (
    f"Train the post's recipe once from each of many seeds. {MANY_RUNS}"
)


def add_arguments(parser: Parser) -> None:
    """Let ``parser`` take what the command needs."""
    add_run_arguments(parser)


def run(parser: Parser, args: argparse.Namespace) -> int:
    """Train from all seeds; return the exit code."""
    return run_study_by_name(parser, args, "seeds")
