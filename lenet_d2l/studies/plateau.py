"""The plateau at ln 10: loss and gradients at single steps of training.

Source: the chapter "One run is not a result".
"""

from collections.abc import Iterable
from itertools import islice
from typing import NamedTuple

import torch

from .recipes import Recipe

EVERY = 5  # Steps from one row to the next
STEPS = 3 * 235  # Three epochs of minibatches of 256


class StepRow(NamedTuple):
    """A minibatch's loss, and the norm of its gradient by layer.

    The norm is that of the gradient in the weights of a layer, without its
    bias, before the step is taken.
    """

    step: int
    loss: float
    conv1: float
    conv2: float
    linear1: float
    linear2: float
    linear3: float


def gradient_norms(
    recipe: Recipe,
    seed: int,
    train_iter: Iterable,
    test_iter: Iterable,
    device: torch.device | str,
) -> list[StepRow]:
    """Train from ``seed`` for 705 steps; return every fifth, from step 0."""
    net, optimizer = recipe.start(seed, device)
    weights = [w for name, w in net.named_parameters() if "weight" in name]
    rows: list[StepRow] = []
    step = 0
    while step < STEPS:
        for X, y in islice(train_iter, STEPS - step):
            optimizer.zero_grad()
            l = recipe.loss(net(X.to(device)), y.to(device))
            l.backward()
            if step % EVERY == 0:
                gradients = [w.grad for w in weights if w.grad is not None]
                norms = [float(gradient.norm()) for gradient in gradients]
                rows.append(StepRow(step, l.item(), *norms))
            optimizer.step()
            step += 1
    return rows
