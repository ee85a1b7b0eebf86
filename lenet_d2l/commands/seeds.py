"""``seeds``: the post's recipe from many seeds, into a CSV."""

import argparse
from typing import Any

from .arguments import Parser
from .study import MANY_RUNS, add_run_arguments, do_study

HELP = "train the post's recipe once from each of many seeds"
DESCRIPTION = (
    f"Train the post's recipe once from each of many seeds. {MANY_RUNS}"
)


def add_arguments(parser: Parser) -> None:
    """Let ``parser`` take what the command needs."""
    add_run_arguments(parser)


def run(parser: Parser, args: argparse.Namespace) -> int:
    """Train from all seeds; return the exit code."""

    def load() -> Any:
        from ..studies.recipes import Recipe
        from ..studies.study import Study

        return Study({"post": Recipe()})

    return do_study(parser, args, load)
