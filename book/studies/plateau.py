"""The gradients of the first three epochs, step by step.

Source: the chapter "One run is not a result".
"""

from collections.abc import Iterable
from itertools import chain, islice, repeat
from typing import NamedTuple

import torch

from lenet_d2l.studies.recipes import Recipe
from lenet_d2l.studies.study import Study

STEPS = 3 * 235  # Three epochs of minibatches of 256
EVERY = 5  # Steps from one row to the next
RECORDED = STEPS // EVERY


class StepRow(NamedTuple):
    """A minibatch's loss, and the norm of its gradient in each layer.

    The gradient is in the weights of a layer, without its bias, before the
    step is taken.
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
    arithmetic: str = "plain",
) -> list[StepRow]:
    """Train from ``seed`` for 705 steps; return every fifth, from step 0."""
    net, optimizer = recipe.start(seed, device, arithmetic)
    weights = [w for name, w in net.named_parameters() if "weight" in name]
    rows: list[StepRow] = []
    batches = chain.from_iterable(repeat(train_iter, STEPS))
    for step, (X, y) in enumerate(islice(batches, STEPS)):
        optimizer.zero_grad()
        l = recipe.loss(net(X.to(device)), y.to(device))
        l.backward()
        if step % EVERY == 0:
            gradients = [w.grad for w in weights if w.grad is not None]
            norms = [float(gradient.norm()) for gradient in gradients]
            rows.append(StepRow(step, l.item(), *norms))
        optimizer.step()
    return rows


STUDY = Study({"post": Recipe()}, gradient_norms, StepRow, RECORDED, ".4g")
