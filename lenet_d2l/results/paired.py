"""The paired check: a run against the published run of the same seed.

Source: the chapter "How the book is checked". From the same first weights
and the same order of images, the ways of computing that were tried on CPUs
and on one GPU gave the same run but for roundings, which stay far below
``TOLERANCE``. A run of another recipe, or of another seed, goes its own way
within a few epochs. The check can judge only a run that starts as the other
one: ``drawn`` says what a seed draws.
"""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import torch
from torch.utils.data import DataLoader, TensorDataset

from ..net import init_weights, lenet
from .post import EXAMPLES
from .runs import PUBLISHED, load_run

# The largest distance, in any epoch, between two runs that are the same: nats
# of loss, and shares of the images
TOLERANCE = {"train_loss": 5e-4, "train_acc": 5e-3, "test_acc": 5e-3}

DRAWN = "drawn.json"  # What the published run's seed drew

# Where a processor rounds differently, a weight differs in its last bit. The
# weights of another draw differ by about a tenth.
SAME_WEIGHT = 1e-6


class Drawn(NamedTuple):
    """What a training draws first: the fingerprint of a seed.

    ``first_weights`` has the first number of each tensor of the net, in the
    net's order; ``first_images`` the first ten images of the first epoch.
    """

    first_weights: list[float]
    first_images: list[int]

    def same(self, other: "Drawn") -> bool:
        """Return whether ``other`` is this draw, but for roundings."""
        pairs = zip(self.first_weights, other.first_weights, strict=True)
        return self.first_images == other.first_images and all(
            abs(a - b) <= SAME_WEIGHT for a, b in pairs
        )


def drawn(seed: int) -> Drawn:
    """Return what a training by the book's recipe draws first from ``seed``.

    Torch's generator is left as it was.
    """
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        net = lenet()
        net.apply(init_weights)
        weights = [p.flatten()[0].item() for p in net.parameters()]
        # As the recipe's loader draws, which draws a number for itself too
        images = TensorDataset(torch.arange(EXAMPLES))
        (first,) = next(iter(DataLoader(images, batch_size=10, shuffle=True)))
        return Drawn(weights, first.tolist())


class Comparison(NamedTuple):
    """How far two runs are apart.

    ``largest`` has the largest distance in any epoch, by figure. ``apart``
    is the first epoch in which one is beyond its tolerance, if there is one.
    """

    largest: dict[str, float]
    apart: int | None

    def __str__(self) -> str:
        far = ", ".join(f"{n} {d:.1g}" for n, d in self.largest.items())
        verdict = (
            "the same run"
            if self.apart is None
            else f"another run, first seen in epoch {self.apart}"
        )
        return f"{verdict}: largest distances {far}"


def compare(run: pd.DataFrame, other: pd.DataFrame) -> Comparison:
    """Compare two runs, with a row an epoch, from epoch 0 on.

    An epoch that only one of them has, or a figure that is not a finite
    number in both, is apart.
    """
    names = list(TOLERANCE)
    one, two = (r[names].reset_index(drop=True) for r in (run, other))
    distances = (one - two).abs()
    beyond = ~(distances <= pd.Series(TOLERANCE)).all(axis=1)
    apart = int(beyond.idxmax()) if beyond.any() else None
    return Comparison(distances.max(skipna=False).to_dict(), apart)


def check_against_published(
    records: Iterable[Any],
    seed: int,
    device: torch.device | str,
    published: Path = PUBLISHED,
) -> str:
    """Compare a run's ``records`` with the ``published`` ones, in a sentence.

    The run was made from ``seed``; ``published`` is the folder of the
    others. Where the two do not start alike there is nothing to compare, and
    the sentence says why. On a GPU, of which one model has
    been measured, a distance is told only.

    Raises:
        AssertionError: on a CPU it is another run than the published one.
    """
    others, settings = load_run(published)
    if seed != settings["seed"]:
        return (
            f"no comparison: the published run has seed {settings['seed']}, "
            f"this one {seed}"
        )
    kept = Drawn(**json.loads((published / DRAWN).read_text()))
    if not drawn(seed).same(kept):
        return (
            f"no comparison: torch {torch.__version__} draws other weights "
            f"or another order from seed {seed} than torch "
            f"{settings['torch']}, which made the published run"
        )
    run, other = (pd.DataFrame(r) for r in (records, others))
    comparison = compare(run, other)
    if torch.device(device).type == "cpu" and comparison.apart is not None:
        raise AssertionError(
            f"{comparison}. On a CPU the book's recipe gives the published "
            f"run again, so something in this one is different"
        )
    return str(comparison)
