"""The post's runs, with one of their 61,706 first weights changed a little.

Source: the chapter "One run is not a result". The weight is the middle one of
the first filter of the first convolution: every logit of every image depends
on it.
"""

from functools import partial

import torch
from torch import nn

from lenet_d2l.net import init_weights, lenet
from lenet_d2l.studies.recipes import Recipe, as_made
from lenet_d2l.studies.study import Study

RUNGS = (1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0)


def nudged(by: float) -> nn.Sequential:
    """Return LeNet with Xavier's weights, one of them larger ``by`` so much.

    It draws the same numbers as the post's recipe.
    """
    net = lenet()
    net.apply(init_weights)
    with torch.no_grad():
        net[1].weight[0, 0, 2, 2] += by
    return net


LADDER = {
    f"{by:.0e}": Recipe(partial(nudged, by), init=as_made) for by in RUNGS
}
STUDY = Study(LADDER)
