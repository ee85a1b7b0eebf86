"""The paper's net with its two losses, trained by plain SGD.

Source: the chapter "LeNet-5, 1998".
"""

from dataclasses import replace
from functools import partial

import torch
from torch import nn

from lenet_d2l import discriminative_map, lenet5_1998, mean_square
from lenet_d2l.studies.recipes import Recipe, as_made, falling
from lenet_d2l.studies.study import Study


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
STUDY = Study(LENET5)
