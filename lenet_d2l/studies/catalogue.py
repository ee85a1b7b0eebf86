"""All studies by name, and the recipes of those that need only a few lines.

Source: the chapters "One run is not a result" and "LeNet-5, 1998".
"""

from dataclasses import replace
from functools import partial

import torch
from torch import nn

from ..paper.lenet5 import discriminative_map, lenet5_1998, mean_square
from .departures import DEPARTURES
from .faults import FAULTS
from .recipes import Recipe, as_made, falling
from .runner import Study
from .steps import (
    RECORDED,
    SecondsRow,
    StepRow,
    gradient_norms,
    seconds_an_epoch,
)

POST = {"post": Recipe()}


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

# Two ways to a steadier last epoch
STEADIER = {
    # The net is trained as the post's; the mean of its weights is tested
    "mean of the weights": Recipe(average_from=5),
    # From 0.9 in the first epoch down to 0.09 in the tenth
    "falling lr": Recipe(schedule=falling(10)),
}


def lenet5_channels_last() -> nn.Sequential:
    """Return ``lenet5_1998`` with its weights laid out for a faster CPU."""
    return lenet5_1998().to(memory_format=torch.channels_last)


# The paper gives no value. In a trained net the penalty of the right class is
# about as large: with a much smaller j the loss is the mean square, with a
# much larger one cross entropy
J = 10.0

# The paper has its stochastic diagonal Levenberg-Marquardt method instead of
# SGD, single images, a learning rate that falls in steps, and 20 epochs
PLAIN_SGD = Recipe(
    *(lenet5_channels_last, as_made),
    lr=0.005,
    schedule=falling(10),
    batch_size=64,
)
LENET5 = {
    "mean square": replace(PLAIN_SGD, loss=mean_square),
    "discriminative": replace(
        PLAIN_SGD, loss=partial(discriminative_map, j=J)
    ),
}

STUDIES = {
    "seeds": Study(POST),
    "faults": Study(FAULTS),
    "baselines": Study(BASELINES),
    "steadier": Study(STEADIER),
    "departures": Study(DEPARTURES),
    "seconds": Study(
        DEPARTURES, seconds_an_epoch, SecondsRow, 1, ".3f", plain=True
    ),
    "lenet5": Study(LENET5),
    "plateau": Study(POST, gradient_norms, StepRow, RECORDED, ".4g"),
}
