"""Studies: many runs of some recipes, and what is measured in each.

Source: the chapter "One run is not a result".
"""

import csv
from collections.abc import Callable
from dataclasses import dataclass
from io import StringIO
from typing import Any, NamedTuple

from ..data import minibatches
from ..datasets.idx_files import Files
from ..results.runs import EpochRow, digest, environment, own_sources
from ..speed.fused import arithmetic
from .recipes import Recipe, train_recipe


class Key(NamedTuple):
    """What names a run: its recipe's name in the study, and its seed."""

    variant: str
    seed: int


@dataclass(frozen=True)
class Study:
    """Recipes by name, and what is measured in a run of one.

    ``measure(recipe, seed, train_iter, test_iter, device, arithmetic)``
    trains, and returns named tuples of the type ``row``: ``rows`` of them,
    or one per epoch, whose number comes first. ``digits`` is the format of
    fractions. A ``plain`` study never fuses its nets. One that measures time
    says how many ``jobs`` there may be at a time.
    """

    recipes: dict[str, Recipe]
    measure: Callable[..., list] = train_recipe
    row: Any = EpochRow
    rows: int | None = None
    digits: str = ".6f"
    plain: bool = False
    jobs: int | None = None

    @property
    def columns(self) -> list[str]:
        """The columns of the CSV; a single recipe needs no name."""
        names = [*Key._fields, *self.row._fields]
        return names if len(self.recipes) > 1 else names[1:]

    def length(self, variant: str) -> int:
        """Return how many rows a run of the recipe ``variant`` has."""
        recipe = self.recipes[variant]
        return self.rows or recipe.num_epochs

    def lines(self, key: Key, rows: list) -> str:
        """Return the lines of the CSV for a run."""
        lines = StringIO()
        table = csv.writer(lines, lineterminator="\n")
        for row in rows:
            values = [*key, *row][-len(self.columns) :]
            table.writerow(
                format(value, self.digits if isinstance(value, float) else "")
                for value in values
            )
        return lines.getvalue()

    def environment(self, device: str, plain: bool) -> dict[str, Any]:
        """Return where and how this process would do a run."""
        name = arithmetic(device, plain or self.plain).name
        here = environment(device)
        del here["processor"]  # Those of a cluster may differ
        return here | {"threads": 1, "device": device, "arithmetic": name}

    def settings(self, device: str, data: str, plain: bool) -> dict[str, Any]:
        """Return what the rows depend on besides the seed.

        Of functions that are not the package's, a digest of their code.
        """
        recipes = {}
        for name, recipe in self.recipes.items():
            recipes[name] = recipe.settings()
            parts = self.measure, *vars(recipe).values()
            own = [text for part in parts for text in own_sources(part)]
            if own:
                recipes[name]["code"] = digest(*own)
        return {
            "data": data,
            "environment": self.environment(device, plain),
            "recipes": recipes,
        }

    def run(self, key: Key, files: Files, device: str, name: str) -> list:
        """Return the rows of a run, whose arithmetic is ``name``."""
        recipe = self.recipes[key.variant]
        loaders = recipe.data(*minibatches(files, recipe.batch_size))
        return self.measure(recipe, key.seed, *loaders, device, name)
