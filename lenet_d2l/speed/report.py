"""What a bench says: its measurements as tables.

Source: the chapter "Where the time goes". Ratios are taken round by round,
so that both of their numbers are of the same minutes.
"""

from itertools import pairwise
from typing import Any

import pandas as pd
import torch

from ..net import lenet
from ..paper.counts import layer_counts
from .bench_file import Bench
from .phases import PHASES
from .rounds import FEW_EPOCHS
from .ways import LADDER, STOCK


def ranged(values: pd.Series, digits: int = 2) -> str:
    """Return the median, and the lowest and highest in brackets."""
    low, mid, high = values.min(), values.median(), values.max()
    return f"{mid:.{digits}f} [{low:.{digits}f}, {high:.{digits}f}]"


def measured(bench: Bench, part: str) -> dict[str, pd.DataFrame]:
    """Return by way the numbers of a part of the bench, a row per round."""
    start = f"{part}/"
    return {
        name.removeprefix(start): pd.DataFrame(entries)
        for name, entries in bench["results"].items()
        if name.startswith(start) and entries
    }


def times_stock(bench: Bench, part: str, name: str) -> dict[str, pd.Series]:
    """Return by way, round by round, how many times as fast as stock it is.

    ``name`` is the number that is compared, in the rounds that both have.
    """
    ways = measured(bench, part)
    if STOCK not in ways:
        return {}
    stock = ways[STOCK][name]
    return {way: (stock / ways[way][name]).dropna() for way in ways}


def whole(bench: Bench) -> pd.DataFrame:
    """Return seconds, ratio to stock, memory and metrics of each way."""
    times = times_stock(bench, "whole", "seconds")
    rows = {
        way: {
            "seconds": ranged(rounds.seconds, 1),
            "times as fast": ranged(times[way]) if times else "",
            "start-up (s)": ranged(rounds.start_up, 1),
            "memory (MB)": ranged(rounds.memory.astype(float) / 1e6, 0),
            "loss, train acc, test acc": "; ".join(
                sorted(set(rounds.metrics))
            ),
        }
        for way, rounds in measured(bench, "whole").items()
    }
    return pd.DataFrame(rows).T


def split(bench: Bench) -> pd.DataFrame:
    """Return the median seconds of each phase of an epoch, by way.

    The last row is the yardstick: the multiply-adds alone, at the speed at
    which PyTorch multiplies large matrices on this machine.
    """
    ways = measured(bench, "split")
    medians = {way: rounds.median() for way, rounds in ways.items()}
    if bench["results"].get("yardstick"):
        medians["yardstick"] = yardstick(bench)
    table = pd.DataFrame(medians).T.reindex(columns=PHASES)
    return table.assign(sum=table.sum(axis=1))


def multiply_adds() -> dict[str, int]:
    """Return the multiply-adds of an image: forward, and backward.

    Backward, each product gives one for the weight and one for the input;
    the first layer's input, the image, needs none.
    """
    image = torch.zeros(1, 1, 28, 28)
    counts = [count.multiply_adds for count in layer_counts(lenet(), image)]
    first = next(count for count in counts if count)
    return {"forward": sum(counts), "backward": 2 * sum(counts) - first}


def yardstick(bench: Bench) -> pd.Series:
    """Return the seconds of an epoch's multiply-adds, by phase."""
    rate = pd.DataFrame(bench["results"]["yardstick"])["a second"].median()
    each = pd.Series(multiply_adds())
    each["evaluation"] = each["forward"] / 6
    return each * bench["setting"]["images"] / rate


def ladder(bench: Bench) -> pd.DataFrame:
    """Return an epoch's seconds by way, and what its change gained.

    The gain is in speed over the row before: 1.50 is half as fast again,
    1.00 is nothing.
    """
    ways = measured(bench, "ladder")
    epochs = min(FEW_EPOCHS, bench["setting"]["num_epochs"])
    rows = {
        way: {
            "s an epoch": ranged(rounds.seconds / epochs),
            "gain": "",
            "start-up (s)": ranged(rounds.start_up, 1),
        }
        for way, rounds in ways.items()
    }
    for before, way in pairwise(name for name in LADDER if name in ways):
        gain = (ways[before].seconds / ways[way].seconds).dropna()
        rows[way]["gain"] = ranged(gain)
    return pd.DataFrame(rows).T


def scale(bench: Bench, what: str) -> pd.DataFrame:
    """Return the median seconds of an epoch, by way, as ``what`` grows.

    ``what`` is "batch" (images in a minibatch), "share" (the training images
    divided by it), "threads", or "seeds" (that train at once).
    """
    points = {
        (name.partition("/")[0], int(size)): seconds
        for name, rounds in measured(bench, f"scale/{what}").items()
        for size, seconds in rounds.median().items()
    }
    table = pd.Series(points, dtype=float).unstack(0)
    return table.sort_index().rename_axis(what)


def seeds_an_hour(bench: Bench) -> dict[str, pd.Series]:
    """Return by way, round by round, how many seeds an hour trains.

    Of ``num_epochs`` epochs each, by one process of one thread on each core.
    """
    cores, epochs = bench["machine"]["cores"], bench["setting"]["num_epochs"]
    return {
        name.partition("/")[0]: 3600 * cores / (epochs * rounds[str(cores)])
        for name, rounds in measured(bench, "scale/seeds").items()
        if str(cores) in rounds
    }


def reached(bench: Bench) -> dict[str, pd.Series]:
    """Return what the book has goals for, round by round."""
    result = {
        f"{what}, {way}, times stock": times
        for what, part, name in (
            ("ten epochs", "whole", "seconds"),
            ("evaluation", "split", "evaluation"),
        )
        for way, times in times_stock(bench, part, name).items()
        if way != STOCK
    }
    for way, seeds in seeds_an_hour(bench).items():
        result[f"seeds an hour, {way}"] = seeds
    return result


def report(bench: Bench) -> str:
    """Return all tables of a bench as text."""
    tables: dict[str, Any] = {
        f"{bench['setting']['num_epochs']} epochs": whole(bench),
        "seconds an epoch by phase, median": split(bench),
        "one change at a time": ladder(bench),
    }
    for what in ("batch", "share", "threads", "seeds"):
        tables[f"seconds an epoch by {what}"] = scale(bench, what)
    tables["in each round, median [range]"] = pd.Series(
        {what: ranged(values, 1) for what, values in reached(bench).items()}
    )
    text = [f"{name:<11}{value}" for name, value in bench["machine"].items()]
    for title, table in tables.items():
        if len(table):
            text += ["", title, table.to_string(float_format="{:.3f}".format)]
    return "\n".join(text)
