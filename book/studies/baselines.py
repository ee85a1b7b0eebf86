"""Simpler classifiers, with the post's data, minibatches and epochs.

Source: the chapter "One run is not a result".
"""

from torch import nn

from lenet_d2l.studies.recipes import Recipe, as_made
from lenet_d2l.studies.study import Study


def softmax_regression() -> nn.Sequential:
    """Return a linear classifier: 7,850 parameters, no hidden layer."""
    return nn.Sequential(nn.Flatten(), nn.Linear(784, 10))


def one_hidden_layer() -> nn.Sequential:
    """Return 784-256-10 with ReLU: 203,530 parameters."""
    return nn.Sequential(
        nn.Flatten(), nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 10)
    )


# What simpler classifiers reach with the same data and minibatches, at the
# learning rate of d2l's sections 3.7 and 4.3, and at the post's
BASELINES = {
    f"{name}, lr {lr}": Recipe(net, as_made, lr=lr)
    for name, net in [
        ("softmax regression", softmax_regression),
        ("one hidden layer", one_hidden_layer),
    ]
    for lr in (0.1, 0.9)
}
STUDY = Study(BASELINES)
