"""Baselines: what simpler classifiers reach with the same data and budget.

Source: the chapter "One run is not a result"; d2l, sections 3.7 and 4.3,
where a linear classifier and a net with one hidden layer of 256 units are
trained on Fashion-MNIST at a learning rate of 0.1. Here they are trained at
the post's, 0.9, too.
"""

from torch import nn

from .recipes import Recipe


def as_made(module: nn.Module) -> None:
    """Leave the weights as PyTorch draws them."""


def softmax_regression() -> nn.Sequential:
    """Return a linear classifier: 7,850 parameters, no hidden layer."""
    return nn.Sequential(nn.Flatten(), nn.Linear(784, 10))


def one_hidden_layer() -> nn.Sequential:
    """Return 784-256-10 with ReLU: 203,530 parameters."""
    return nn.Sequential(
        nn.Flatten(), nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 10)
    )


BASELINES = {
    f"{name}, lr {lr}": Recipe(net, as_made, lr=lr)
    for name, net in [
        ("softmax regression", softmax_regression),
        ("one hidden layer", one_hidden_layer),
    ]
    for lr in (0.1, 0.9)
}
