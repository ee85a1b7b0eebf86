"""What a bench says: its table of timings, summed up.

Source: the chapter "Where the time goes". Ratios are taken round by round,
so that both of their numbers are of the same minutes.
"""

from itertools import pairwise

import pandas as pd
import torch

from ..net import lenet
from ..paper.counts import layer_counts
from .phases import PHASES
from .ways import AVX2, DEFAULT, LADDER, ON_EACH_CORE, PLAIN, STOCK

NUM_EPOCHS, IMAGES = 10, 60_000  # Of the bench


def ranged(values: pd.Series, digits: int = 2) -> str:
    """Return the median, and the lowest and highest in brackets."""
    low, mid, high = values.min(), values.median(), values.max()
    return f"{mid:.{digits}f} [{low:.{digits}f}, {high:.{digits}f}]"


def by_way(bench: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return the timings of each way, indexed by round."""
    ways = bench.set_index("seed").groupby("variant", sort=False)
    return {str(way): rounds for way, rounds in ways}


def times_stock(bench: pd.DataFrame, column: str) -> dict[str, pd.Series]:
    """Return by way, round by round, how many times as fast as stock it is.

    ``column`` is what is compared: "seconds", or a phase.
    """
    ways = by_way(bench)
    return {
        way: (ways[STOCK][column] / rounds[column]).dropna()
        for way, rounds in ways.items()
        if way not in ON_EACH_CORE
    }


def gains(bench: pd.DataFrame) -> dict[str, pd.Series]:
    """Return for each way and round its speed over the way before it.

    1.50 is half as fast again, 1.00 no gain.
    """
    ways = by_way(bench)
    return {
        way: (ways[before].seconds / ways[way].seconds).dropna()
        for before, way in pairwise(way for way in LADDER if way in ways)
    }


def whole(bench: pd.DataFrame) -> pd.DataFrame:
    """Return the results of each way that trains alone, one row per way.

    Numbers are the median [lowest, highest] of the rounds.
    """
    ways, gained = by_way(bench), gains(bench)
    rows = {
        way: {
            "seconds": ranged(ways[way].seconds, 1),
            "times stock": ranged(times),
            "gain": ranged(gained[way]) if way in gained else "",
            "start-up (s)": ranged(ways[way].start_up, 1),
        }
        for way, times in times_stock(bench, "seconds").items()
    }
    return pd.DataFrame(rows).T


def multiply_adds() -> dict[str, int]:
    """Return the multiply-adds of an image: forward, and backward.

    Backward, each product gives one for the weight and one for the input;
    the first layer's input, the image, needs none.
    """
    image = torch.zeros(1, 1, 28, 28)
    counts = [count.multiply_adds for count in layer_counts(lenet(), image)]
    first = next(count for count in counts if count)
    return {"forward": sum(counts), "backward": 2 * sum(counts) - first}


def split(bench: pd.DataFrame) -> pd.DataFrame:
    """Return the median seconds of each phase of an epoch, by way.

    The last row is the yardstick: the multiply-adds alone, at the speed at
    which PyTorch multiplies large matrices on this machine.
    """
    ways = by_way(bench)
    phases = list(PHASES)
    medians = {
        way: rounds[phases].median() / NUM_EPOCHS
        for way, rounds in ways.items()
        if way not in ON_EACH_CORE
    }
    each = pd.Series(multiply_adds())
    each["evaluation"] = each["forward"] / 6
    medians["yardstick"] = each * IMAGES / ways[STOCK].multiply_adds.median()
    table = pd.DataFrame(medians, index=phases).T
    return table.assign(sum=table.sum(axis=1))


def reached(bench: pd.DataFrame, cores: int) -> dict[str, pd.Series]:
    """Return what the book has goals for, round by round.

    A study draws nothing, so drawing is left out of its seeds an hour.
    """
    result = {
        f"{what}, {way}, times stock": times
        for what, column in (
            ("training", "seconds"),
            ("evaluation", "evaluation"),
        )
        for way, times in times_stock(bench, column).items()
        if way in (PLAIN, DEFAULT, AVX2)
    }
    for way, rounds in by_way(bench).items():
        if way in ON_EACH_CORE:
            result[f"seeds an hour, {way}"] = (
                3600 * cores / (rounds.seconds - rounds.drawing)
            )
    return result


def report(bench: pd.DataFrame, cores: int) -> str:
    """Return all tables of a bench as text."""
    goals = reached(bench, cores).items()
    return "\n\n".join(
        [
            f"{bench.seed.nunique()} rounds; median [lowest, highest]",
            whole(bench).to_string(),
            "seconds of an epoch by phase, median",
            split(bench).to_string(float_format="{:.3f}".format),
            "\n".join(f"{what}: {ranged(v, 1)}" for what, v in goals),
        ]
    )
