"""LeNet-5 as the paper has it, trained by plain SGD with each of its losses.

Source: the chapter "LeNet-5, 1998". For the paper's stochastic diagonal
Levenberg-Marquardt stands SGD, for its single images minibatches of 64, for
its falling steps a learning rate that falls in a line, and for its 20 passes
the post's ten epochs.
"""

from dataclasses import replace
from functools import partial

import torch
from torch import nn

from ..paper.lenet5 import discriminative_map, lenet5_1998, mean_square
from .baselines import as_made
from .departures import falling
from .recipes import Recipe

# The paper gives no value. A net that has learnt has penalties of about this
# size for the right class: with a much smaller j the loss is the mean square,
# with a much larger one cross entropy
J = 10.0


def lenet5_channels_last() -> nn.Sequential:
    """Return ``lenet5_1998`` with its weights laid out for a faster CPU."""
    return lenet5_1998().to(memory_format=torch.channels_last)


PLAIN_SGD = Recipe(
    lenet5_channels_last,
    as_made,
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
