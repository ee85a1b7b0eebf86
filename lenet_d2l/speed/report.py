"""What a bench says: its measurements as tables.

Source: the chapter "Where the time goes". Ratios are taken round by round,
so that both of their numbers are of the same minutes.
"""

from itertools import pairwise

import pandas as pd
import torch

from ..net import lenet
from ..paper.counts import layer_counts
from .bench_file import Bench
from .phases import PHASES
from .ways import AVX2, DEFAULT, LADDER, PLAIN, STOCK


def ranged(values: pd.Series, digits: int = 2) -> str:
    """Return the median, and the lowest and highest in brackets."""
    low, mid, high = values.min(), values.median(), values.max()
    return f"{mid:.{digits}f} [{low:.{digits}f}, {high:.{digits}f}]"


def measured(bench: Bench, part: str) -> dict[str, pd.DataFrame]:
    """Return by way the numbers of a part of the bench, a row per round."""
    return {
        name.removeprefix(f"{part}/"): pd.DataFrame(entries)
        for name, entries in bench["results"].items()
        if name.startswith(f"{part}/")
    }


def times_stock(bench: Bench, name: str) -> dict[str, pd.Series]:
    """Return by way, round by round, how many times as fast as stock it is.

    ``name`` is the number of a training that is compared.
    """
    ways = measured(bench, "whole")
    return {way: ways[STOCK][name] / ways[way][name] for way in ways}


def gains(bench: Bench) -> dict[str, pd.Series]:
    """Return by way, round by round, what its change gained.

    That is its speed over the speed of the way before: 1.50 is half as fast
    again, 1.00 is nothing.
    """
    ways = measured(bench, "whole")
    return {
        way: ways[before].seconds / ways[way].seconds
        for before, way in pairwise(way for way in LADDER if way in ways)
    }


def whole(bench: Bench) -> pd.DataFrame:
    """Return seconds, speed, start-up and metrics of each way."""
    times, gained = times_stock(bench, "seconds"), gains(bench)
    rows = {
        way: {
            "seconds": ranged(rounds.seconds, 1),
            "times stock": ranged(times[way]),
            "gain": ranged(gained[way]) if way in gained else "",
            "start-up (s)": ranged(rounds.start_up, 1),
            "loss, train acc, test acc": "; ".join(rounds.metrics.unique()),
        }
        for way, rounds in measured(bench, "whole").items()
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


def split(bench: Bench) -> pd.DataFrame:
    """Return the median seconds of each phase of an epoch, by way.

    The last row is the yardstick: the multiply-adds alone, at the speed at
    which PyTorch multiplies large matrices on this machine.
    """
    setting, results = bench["setting"], bench["results"]
    medians = {
        way: rounds[list(PHASES)].median() / setting["num_epochs"]
        for way, rounds in measured(bench, "whole").items()
    }
    each = pd.Series(multiply_adds())
    each["evaluation"] = each["forward"] / 6
    rate = pd.DataFrame(results["yardstick"])["a second"].median()
    medians["yardstick"] = each * setting["images"] / rate
    table = pd.DataFrame(medians, index=PHASES).T
    return table.assign(sum=table.sum(axis=1))


def reached(bench: Bench) -> dict[str, pd.Series]:
    """Return what the book has goals for, round by round.

    Seeds an hour are those of a study: one process of one thread per core.
    """
    result = {
        f"{what}, {way}, times stock": times
        for what, name in (
            ("training", "seconds"),
            ("evaluation", "evaluation"),
        )
        for way, times in times_stock(bench, name).items()
        if way in (PLAIN, DEFAULT, AVX2)
    }
    hour = 3600 * bench["machine"]["cores"]
    for way, rounds in measured(bench, "seeds").items():
        result[f"seeds an hour, {way}"] = hour / rounds.seconds
    return result


def report(bench: Bench) -> str:
    """Return all tables of a bench as text."""
    text = [f"{name:<11}{value}" for name, value in bench["machine"].items()]
    for title, table in (
        (f"{bench['setting']['num_epochs']} epochs", whole(bench)),
        ("seconds an epoch by phase, median", split(bench)),
    ):
        text += ["", title, table.to_string(float_format="{:.3f}".format)]
    text += ["", *(f"{k}: {ranged(v, 1)}" for k, v in reached(bench).items())]
    return "\n".join(text)
