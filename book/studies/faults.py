"""Faults planted in the recipe, to see which of them its checks catch.

Source: the chapter "How the book is checked". People make such mistakes, and
the training runs to its end all the same. A recipe with nine epochs is not
here: it is the first nine of ten. The honest recipe is, so that each broken
run can be compared with the honest one of its seed.
"""

from collections.abc import Iterable
from itertools import islice
from statistics import fmean as mean
from typing import Any

import torch
from torch import nn
from torch.utils.data import DataLoader, SequentialSampler, TensorDataset

from lenet_d2l.data import IndexBatches, Loaders
from lenet_d2l.net import init_weights, lenet
from lenet_d2l.studies.recipes import Recipe
from lenet_d2l.studies.study import Study
from lenet_d2l.training import train_epoch

T_SHIRT, TROUSER = 0, 1


def in_order(dataset: TensorDataset, batch_size: int) -> DataLoader:
    """Return the minibatches of ``dataset``, not shuffled."""
    batches = IndexBatches(SequentialSampler(dataset), batch_size)
    return DataLoader(dataset, batch_size=None, sampler=batches)


def not_shuffled(train_iter: Any, test_iter: Any) -> Loaders:
    """Train on the images in the order of the file, in every epoch."""
    batch_size = train_iter.sampler.batch_size
    return in_order(train_iter.dataset, batch_size), test_iter


def pixels_around_0(train_iter: Any, test_iter: Any) -> Loaders:
    """Scale the pixels to [-1, 1], in training and test."""
    for loader in train_iter, test_iter:
        loader.dataset.tensors[0].mul_(2).sub_(1)
    return train_iter, test_iter


def two_labels_swapped(train_iter: Any, test_iter: Any) -> Loaders:
    """Call T-shirts trousers, and trousers T-shirts, in training only."""
    y = train_iter.dataset.tensors[1]
    shirts, trousers = y == T_SHIRT, y == TROUSER
    y[shirts], y[trousers] = TROUSER, T_SHIRT
    return train_iter, test_iter


def one_percent_of_a_class(train_iter: Any, test_iter: Any) -> Loaders:
    """Call one T-shirt in a hundred a pair of trousers, in training only."""
    y = train_iter.dataset.tensors[1]
    y[(y == T_SHIRT).nonzero()[::100]] = TROUSER
    return train_iter, test_iter


def tested_on_train(train_iter: Any, test_iter: Any) -> Loaders:
    """Measure the test accuracy on the training images."""
    batch_size = train_iter.sampler.batch_size
    return train_iter, in_order(train_iter.dataset, batch_size)


def biases_frozen(module: nn.Module) -> None:
    """Draw the weights as the recipe says, but never train a bias."""
    init_weights(module)
    if isinstance(module, (nn.Linear, nn.Conv2d)):
        module.get_parameter("bias").requires_grad_(False)


def bias_of_c1_frozen(module: nn.Module) -> None:
    """Draw the weights, but never train the bias of the first convolution."""
    init_weights(module)
    if isinstance(module, nn.Conv2d) and module.in_channels == 1:
        module.get_parameter("bias").requires_grad_(False)


def no_xavier(module: nn.Module) -> None:
    """Leave the weights as PyTorch draws them."""


def padded_twice() -> nn.Sequential:
    """Return LeNet with its second convolution padded too: 784, not 400."""
    net = lenet()
    net[4] = nn.Conv2d(6, 16, kernel_size=5, padding=2)
    net[8] = nn.Linear(16 * 7 * 7, 120)
    return net


def max_pooling() -> nn.Sequential:
    """Return LeNet with max pooling instead of average pooling."""
    net = lenet()
    net[3], net[6] = nn.MaxPool2d(2), nn.MaxPool2d(2)
    return net


def of_another_seed() -> nn.Sequential:
    """Return LeNet, after a seed that is one higher than the recipe's."""
    torch.manual_seed(torch.initial_seed() + 1)
    return lenet()


def last_batch_dropped(
    net: nn.Module,
    train_iter: Any,
    loss: nn.Module,
    optimizer: torch.optim.Optimizer,
    device: torch.device | str,
) -> tuple[float, float, int]:
    """Train one epoch, but for its smaller last minibatch."""
    whole = islice(train_iter, len(train_iter) - 1)
    return train_epoch(net, whole, loss, optimizer, device)


def mean_over_batches(
    net: nn.Module,
    train_iter: Iterable,
    loss: nn.Module,
    optimizer: torch.optim.Optimizer,
    device: torch.device | str,
) -> tuple[float, float, int]:
    """Train one epoch; take means over minibatches, not over examples."""
    each = [
        train_epoch(net, [batch], loss, optimizer, device)
        for batch in train_iter
    ]
    return mean(l for l, *_ in each), mean(a for _, a, _ in each), len(each)


HONEST = "none"

FAULTS = {
    "not shuffled": Recipe(data=not_shuffled),
    "pixels in [-1, 1]": Recipe(data=pixels_around_0),
    "biases frozen": Recipe(init=biases_frozen),
    "Xavier left out": Recipe(init=no_xavier),
    "second convolution padded": Recipe(net=padded_twice),
    "max pooling": Recipe(net=max_pooling),
    "lr 0.5": Recipe(lr=0.5),
    "two labels swapped": Recipe(data=two_labels_swapped),
    "tested on train data": Recipe(data=tested_on_train),
    "mean over batches": Recipe(epoch=mean_over_batches),
    # Smaller than a seed's difference, each of them
    "lr 0.89": Recipe(lr=0.89),
    "1 % of a class mislabelled": Recipe(data=one_percent_of_a_class),
    "bias of C1 frozen": Recipe(init=bias_of_c1_frozen),
    "last minibatch dropped": Recipe(epoch=last_batch_dropped),
    "another seed": Recipe(net=of_another_seed),
}
STUDY = Study({HONEST: Recipe()} | FAULTS)
