"""What a bench says: its measurements as tables.

Source: the chapter "Where the time goes". Ratios are taken round by round,
so that both of their numbers are of the same minutes.
"""

import math
from typing import Any

import pandas as pd
import torch

from ..net import lenet
from ..paper.counts import layer_counts
from .bench import BEFORE, FEW_EPOCHS
from .phases import PHASES, REST
from .ways import STOCK, WAYS

Bench = dict[str, Any]


def spread(values: pd.Series, digits: int = 2) -> str:
    """Return the median, and the lowest and highest in brackets."""
    low, mid, high = values.min(), values.median(), values.max()
    return f"{mid:.{digits}f} [{low:.{digits}f}, {high:.{digits}f}]"


def measured(bench: Bench, part: str) -> dict[str, list]:
    """Return the results of a part of the bench by what follows its name."""
    start = f"{part}/"
    return {
        name.removeprefix(start): values
        for name, values in bench["results"].items()
        if name.startswith(start) and values
    }


def column(results: list[dict], name: str) -> pd.Series:
    """Return one number of each round."""
    return pd.Series([result[name] for result in results], dtype=float)


def ratio(above: pd.Series, below: pd.Series) -> pd.Series:
    """Divide round by round, as many as both have."""
    rounds = min(len(above), len(below))
    return above[:rounds] / below[:rounds]


def whole(bench: Bench) -> pd.DataFrame:
    """Return seconds, ratio to stock, memory and figures of each way."""
    results = measured(bench, "whole")
    lines = {}
    for way, runs in results.items():
        seconds = column(runs, "seconds")
        times = ratio(column(results[STOCK], "seconds"), seconds)
        memory = column(runs, "memory") / 1e6
        lines[way] = {
            "seconds": spread(seconds, 1),
            "times as fast": spread(times),
            "start-up (s)": spread(column(runs, "start_up"), 1),
            "memory (MB)": spread(memory, 0),
            "loss, train acc, test acc": "; ".join(
                sorted({" ".join(run["figures"]) for run in runs})
            ),
        }
    return pd.DataFrame(lines).T


def split(bench: Bench) -> pd.DataFrame:
    """Return the median seconds of each phase of an epoch, by way.

    The last row is the limit: the multiply-adds alone, at the speed at which
    this machine multiplies large matrices.
    """
    table = pd.DataFrame(
        {
            way: pd.DataFrame(rounds).median()
            for way, rounds in measured(bench, "split").items()
        }
    ).T
    table = table.reindex(columns=[*PHASES, REST])
    table["sum"] = table.sum(axis=1)
    if bench["results"].get("limit"):
        table.loc["limit"] = pd.Series(limit(bench))
    return table


def multiply_adds() -> dict[str, int]:
    """Return those of an image: forward, and backward.

    Backward, each product gives one for the weight and one for the input;
    the first layer's input, the image, needs none.
    """
    counts = [c.multiply_adds for c in layer_counts(lenet(), AN_IMAGE)]
    first = next(count for count in counts if count)
    return {"forward": sum(counts), "backward": 2 * sum(counts) - first}


AN_IMAGE = torch.zeros(1, 1, 28, 28)


def limit(bench: Bench) -> dict[str, float]:
    """Return the seconds of an epoch's multiply-adds, by phase."""
    rate = pd.Series(bench["results"]["limit"]).median()
    images = bench["setting"]["images"]
    each = multiply_adds()
    seconds = {
        "forward": images * each["forward"] / rate,
        "backward": images * each["backward"] / rate,
        "evaluation": math.ceil(images / 6) * each["forward"] / rate,
    }
    return seconds | {"sum": sum(seconds.values())}


def evaluation(bench: Bench) -> dict[str, pd.Series]:
    """Return how many times as fast as stock each way evaluates."""
    results = measured(bench, "split")
    stock = column(results[STOCK], "evaluation")
    return {
        way: ratio(stock, column(rounds, "evaluation"))
        for way, rounds in results.items()
        if way != STOCK
    }


def ladder(bench: Bench) -> pd.DataFrame:
    """Return an epoch's seconds by way, and what its change gained.

    The gain is that in speed over the way before it: 1.50 is half as fast
    again, 1.00 is nothing.
    """
    results = measured(bench, "ladder")
    epochs = min(FEW_EPOCHS, bench["setting"]["num_epochs"])
    lines = {}
    for way, rounds in results.items():
        seconds = column(rounds, "seconds") / epochs
        lines[way] = {
            "kept": "yes" if WAYS[way].kept else "no",
            "s an epoch": spread(seconds),
        }
        before = WAYS[way].before
        if before in results:
            gain = ratio(column(results[before], "seconds") / epochs, seconds)
            lines[way]["changes"] = before
            lines[way]["gain"] = spread(gain)
        lines[way]["start-up (s)"] = spread(column(rounds, "start_up"), 1)
    return pd.DataFrame(lines).T.fillna("")


def scale(bench: Bench, what: str) -> pd.DataFrame:
    """Return the median seconds of an epoch, by way, as ``what`` grows.

    ``what`` is "batch" (images in a minibatch), "share" (the training images
    divided by it), "threads", or "seeds" (that train at once).
    """
    columns: dict[str, dict[int, float]] = {}
    for name, seconds in measured(bench, f"scale/{what}").items():
        way, _, size = name.rpartition("/")
        columns.setdefault(way, {})[int(size)] = pd.Series(seconds).median()
    return pd.DataFrame(columns).sort_index().rename_axis(what)


def expected(bench: Bench, what: str) -> pd.DataFrame:
    """Return the line that ``scale`` should follow, from one of its points.

    The cost of an epoch is one for each image and one for each minibatch,
    which the largest and the smallest minibatch tell apart; shares take
    their part; threads and processes share the work until each core has one.
    """
    table = scale(bench, what)
    images = bench["setting"]["images"]
    cores = bench["machine"]["cores"]
    lines = table.copy()
    for way in table:
        seconds = table[way]
        sizes = table.index.to_series()
        if what == "batch":
            steps = sizes.map(lambda size: math.ceil(images / size))
            a_step = (seconds.iloc[0] - seconds.iloc[-1]) / (
                steps.iloc[0] - steps.iloc[-1]
            )
            rest = seconds.iloc[-1] - a_step * steps.iloc[-1]
            lines[way] = rest + a_step * steps
        elif what == "share":
            lines[way] = seconds.iloc[0] / sizes
        elif what == "threads":
            lines[way] = seconds.iloc[0] / sizes.clip(upper=cores)
        else:
            lines[way] = seconds.iloc[0] * (sizes / cores).clip(lower=1)
    return lines


def seeds_an_hour(bench: Bench) -> pd.DataFrame:
    """Return how many seeds an hour trains, at ``num_epochs`` each.

    One process a core, before the package was made fast, and as it is; and
    nets of several seeds trained as one, without their evaluation.
    """
    cores = bench["machine"]["cores"]
    epochs = bench["setting"]["num_epochs"]

    def rate(seeds: int, seconds: list[float]) -> pd.Series:
        return seeds * 3600 / (epochs * pd.Series(seconds))

    rates = {}
    for name, seconds in measured(bench, "scale/seeds").items():
        way, _, at_once = name.rpartition("/")
        if int(at_once) == cores:
            title = f"before ({way})" if way == BEFORE else way
            rates[title] = rate(cores, seconds)
    for name, seconds in measured(bench, "scale/batched").items():
        rates[f"{name} as one net"] = rate(int(name), seconds)
    return pd.DataFrame(
        {
            way: {"seeds an hour": spread(rate, 0)}
            for way, rate in rates.items()
        }
    ).T


def report(bench: Bench) -> str:
    """Return all tables of a bench as text."""
    parts = []
    for name, value in bench["machine"].items():
        parts.append(f"{name:<11}{value}")
    parts = ["\n".join(parts)]

    def add(title: str, table: pd.DataFrame) -> None:
        if len(table):
            text = table.to_string(float_format="{:.3f}".format, na_rep="")
            parts.append(f"{title}\n{text}")

    epochs = bench["setting"]["num_epochs"]
    if measured(bench, "whole"):
        add(f"{epochs} epochs, median [range]", whole(bench))
    if measured(bench, "split"):
        add("seconds an epoch by phase, median", split(bench))
        parts += [
            f"evaluation, {way}: {spread(times)} times as fast as stock"
            for way, times in evaluation(bench).items()
        ]
    if measured(bench, "ladder"):
        add("one change at a time", ladder(bench))
    for what in ("batch", "share", "threads", "seeds"):
        if measured(bench, f"scale/{what}"):
            table, line = scale(bench, what), expected(bench, what)
            both = table.join(line.add_suffix(", expected"))
            add(f"seconds an epoch by {what}", both)
    if measured(bench, "scale/seeds"):
        add("seeds of a study", seeds_an_hour(bench))
    return "\n\n".join(parts)
