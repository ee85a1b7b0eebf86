"""Fashion-MNIST, or MNIST, as minibatches, from tensors held in memory.

Source: chapter 3 of the book; the post's section 2; d2l, section 3.5.
"""

import os

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import (
    BatchSampler,
    DataLoader,
    RandomSampler,
    SequentialSampler,
    TensorDataset,
)

from .datasets.fashion_mnist import read_fashion_mnist
from .datasets.idx_files import Files
from .datasets.mnist import read_mnist


def as_tensors(files: Files, part: str) -> tuple[Tensor, Tensor]:
    """Return the images and labels of ``part``, "train" or "t10k".

    Images are float32 in [0, 1], shape (N, 1, 28, 28), with the very bits
    that torchvision's ``ToTensor`` gives; labels are int64, shape (N,).
    The files are in the IDX format: a header of 16 bytes before the images,
    of 8 before the labels, then one byte a pixel or label.
    """
    images = np.frombuffer(
        files[f"{part}-images-idx3-ubyte"], np.uint8, offset=16
    )
    labels = np.frombuffer(
        files[f"{part}-labels-idx1-ubyte"], np.uint8, offset=8
    )
    X = torch.from_numpy(images.reshape(-1, 28, 28, 1).astype(np.float32))
    # Told that the channel comes last, convolutions of a CPU are faster
    X = X.div_(255).permute(0, 3, 1, 2)
    return X, torch.from_numpy(labels.astype(np.int64))


def minibatches(
    files: Files, batch_size: int
) -> tuple[DataLoader, DataLoader]:
    """Return the minibatches of training and of test.

    ``files`` are the four of a data set, by their names.

    Each gives pairs ``X, y``: images, float32 in [0, 1], shape
    (batch_size, 1, 28, 28), and class numbers 0 to 9, int64, shape
    (batch_size,); the last minibatch has what is left. Those of training are
    shuffled anew in every epoch by torch's global random number generator.

    Raises:
        ValueError: ``batch_size`` is not a positive whole number.
    """

    def load(part, sampler):
        dataset = TensorDataset(*as_tensors(files, part))
        # One index of the dataset for a whole minibatch, not one an image
        batches = BatchSampler(sampler(dataset), batch_size, drop_last=False)
        return DataLoader(dataset, batch_size=None, sampler=batches)

    return load("train", RandomSampler), load("t10k", SequentialSampler)


def load_data_fashion_mnist(
    batch_size: int, data_dir: str | os.PathLike[str] | None = None
) -> tuple[DataLoader, DataLoader]:
    """Return the ``minibatches`` of Fashion-MNIST: train, test.

    For the same seed they are bit for bit those of d2l's loader.
    ``data_dir`` names a folder with the four files; without it they are
    found or fetched (``lenet_d2l.fashion_mnist`` says where).

    Raises:
        ValueError: ``batch_size`` is not a positive whole number.
        NotADirectoryError, FileNotFoundError: the data cannot be had.
    """
    return minibatches(read_fashion_mnist(data_dir), batch_size)


def load_data_mnist(
    batch_size: int, data_dir: str | os.PathLike[str] | None = None
) -> tuple[DataLoader, DataLoader]:
    """Return the ``minibatches`` of MNIST: train, test.

    ``data_dir`` names a folder with the four files; without it they are
    found or fetched (``lenet_d2l.mnist`` says where).

    Raises:
        ValueError: ``batch_size`` is not a positive whole number.
        NotADirectoryError, FileNotFoundError: the data cannot be had.
    """
    return minibatches(read_mnist(data_dir), batch_size)


# By the name that the command line has for the data
READERS = {"fashion-mnist": read_fashion_mnist, "mnist": read_mnist}
LOADERS = {
    "fashion-mnist": load_data_fashion_mnist,
    "mnist": load_data_mnist,
}
