"""Fashion-MNIST, or MNIST, as minibatches from tensors held in memory.

Source: chapter 4 of the book; the post's section 2; d2l, section 3.5.
"""

import os
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import (
    DataLoader,
    RandomSampler,
    Sampler,
    SequentialSampler,
    TensorDataset,
)

from .datasets.fashion_mnist import read_fashion_mnist
from .datasets.idx_files import HEADER, Files
from .datasets.mnist import read_mnist

# Minibatches of training and test, as load_data_fashion_mnist returns them
Loaders = tuple[Any, Any]


def as_tensors(files: Files, part: str) -> tuple[Tensor, Tensor]:
    """Return the images and labels of ``part``, "train" or "t10k".

    Images are float32 in [0, 1], shape (N, 1, 28, 28), with the very bits
    that torchvision's ``ToTensor`` gives; labels are int64, shape (N,).
    """
    images, labels = (
        np.frombuffer(files[f"{part}-{kind}"], np.uint8, offset=offset)
        for kind, offset in HEADER.items()
    )
    X = torch.from_numpy(images.reshape(-1, 28, 28, 1).astype(np.float32))
    # A CPU's convolutions are faster if told that the channel comes last
    X = X.div_(255).permute(0, 3, 1, 2)
    return X, torch.from_numpy(labels.astype(np.int64))


class IndexBatches(Sampler[Tensor]):
    """The indices that ``sampler`` draws, as tensors of ``batch_size``.

    PyTorch's BatchSampler gives lists, which take longer to index with.
    """

    def __init__(
        self, sampler: RandomSampler | SequentialSampler, batch_size: int
    ):
        if not isinstance(batch_size, int) or batch_size < 1:
            raise ValueError(
                f"batch_size must be a positive whole number, "
                f"not {batch_size!r}"
            )
        self.sampler, self.batch_size = sampler, batch_size

    def __iter__(self) -> Iterator[Tensor]:
        yield from torch.tensor(list(self.sampler)).split(self.batch_size)

    def __len__(self) -> int:
        return -(-len(self.sampler) // self.batch_size)  # Rounded up


def minibatches(
    files: Files, batch_size: int
) -> tuple[DataLoader, DataLoader]:
    """Return the minibatches of training and of test.

    ``files`` are the four of a data set, by their names. Each loader gives
    pairs ``X, y``: images, float32 in [0, 1], shape (batch_size, 1, 28, 28),
    and class numbers 0 to 9, int64, shape (batch_size,); the last minibatch
    has what is left. Those of training are shuffled anew in every epoch by
    torch's global random number generator.

    Raises:
        ValueError: ``batch_size`` is not a positive whole number.
    """

    def load(part, sampler):
        dataset = TensorDataset(*as_tensors(files, part))
        # One index of the dataset for a whole minibatch, not one an image
        batches = IndexBatches(sampler(dataset), batch_size)
        return DataLoader(dataset, batch_size=None, sampler=batches)

    return load("train", RandomSampler), load("t10k", SequentialSampler)


def load_data_fashion_mnist(
    batch_size: int, data_dir: str | os.PathLike[str] | None = None
) -> tuple[DataLoader, DataLoader]:
    """Return the ``minibatches`` of Fashion-MNIST: train, test.

    For the same seed they are bit for bit those of d2l's loader.
    ``data_dir`` names a folder with the four files; without it they are
    found or fetched (``datasets.fashion_mnist`` says where).

    Raises:
        ValueError: ``batch_size`` is not a positive whole number.
        NotADirectoryError, FileNotFoundError: the data cannot be found.
    """
    return minibatches(read_fashion_mnist(data_dir), batch_size)


def load_data_mnist(
    batch_size: int, data_dir: str | os.PathLike[str] | None = None
) -> tuple[DataLoader, DataLoader]:
    """Return the ``minibatches`` of MNIST: train, test.

    ``data_dir`` names a folder with the four files; without it they are
    found or fetched (``datasets.mnist`` says where).

    Raises:
        ValueError: ``batch_size`` is not a positive whole number.
        NotADirectoryError, FileNotFoundError: the data cannot be found.
    """
    return minibatches(read_mnist(data_dir), batch_size)


# By the names that the command line has for them
READERS = {"fashion-mnist": read_fashion_mnist, "mnist": read_mnist}
