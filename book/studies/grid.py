"""Twelve first weights, each with twelve orders of the images.

Source: the chapter "One run is not a result". A seed draws both. Here the
recipe has the first weights of one seed, and the run's seed gives the order:
"weights 3" from seed 3 is the post's run from seed 3.
"""

from functools import partial

import torch
from torch import nn

from lenet_d2l.net import init_weights, lenet
from lenet_d2l.studies.recipes import Recipe, as_made
from lenet_d2l.studies.study import Study

WEIGHTS = 12


def with_weights(seed: int) -> nn.Sequential:
    """Return LeNet with the first weights of the post's run from ``seed``.

    Before, it draws its weights as the post's recipe does. So the order of
    the images, which is drawn next, is that of the run's own seed.
    """
    net = lenet()
    net.apply(init_weights)
    with torch.random.fork_rng():
        other, _ = Recipe().start(seed, "cpu")
    net.load_state_dict(other.state_dict())
    return net


GRID = {
    f"weights {seed}": Recipe(partial(with_weights, seed), init=as_made)
    for seed in range(WEIGHTS)
}
STUDY = Study(GRID)
