"""How the cost of an epoch grows: one size of the bench at a time.

Source: the chapter "Where the time goes".
"""

from dataclasses import replace

from joblib import cpu_count

from lenet_d2l.speed.ways import DEFAULT, LADDER, PLAIN
from lenet_d2l.studies.bench import Bench

SIZES = {
    "batch_size": (64, 256, 1024, 4096),
    "parts": (1, 2, 4, 8),
    "threads": sorted({1, cpu_count()}),
    "processes": (1, 2, 4),
}


def sized(name: str, what: str, size: int):
    """Return a way of the bench with another size."""
    way = replace(LADDER[name], **{what: size})
    return replace(way, threads=1) if what == "processes" else way


STUDY = Bench(
    {
        f"{name}, {what} {size}": sized(name, what, size)
        for name in (PLAIN, DEFAULT)
        for what, sizes in SIZES.items()
        for size in sizes
    },
    num_epochs=2,
)
