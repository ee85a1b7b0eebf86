"""Where the four files of MNIST come from, each one verified.

Source: LeCun, Cortes, Burges, The MNIST database of handwritten digits, 1998.
Its files have the names and the format of Fashion-MNIST's, which was made to
take its place.
"""

import os

from .idx_files import Files, IdxFiles, digests

MNIST = IdxFiles(
    "MNIST",
    "MNIST",
    digests(
        "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    ),
)


def read_mnist(data_dir: str | os.PathLike[str] | None = None) -> Files:
    """Return the four files, decompressed and verified, by their names.

    Tried in order: ``data_dir`` if given, the cache, torchvision's mirrors.
    What is fetched goes to the cache.

    It warns and raises as ``read_fashion_mnist`` does.
    """
    sources = {
        "the cache": lambda: MNIST.read_folder(MNIST.cache_folder()),
        "torchvision's mirrors": lambda: MNIST.fetch(MNIST.download),
    }
    return MNIST.read(data_dir, sources, "if you have MNIST")
