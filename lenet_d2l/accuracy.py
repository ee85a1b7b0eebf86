"""Accuracy on whatever device the net is on.

Source: chapter 5 of the book; the post's section 2; d2l, section 6.6.
"""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from ._d2l import d2l


def evaluate_accuracy_gpu(
    net: nn.Module,
    data_iter: Iterable[tuple[Tensor, Tensor]],
    device: torch.device | str | None = None,
) -> float:
    """Return the share of examples that ``net`` gets right.

    ``data_iter`` gives minibatches ``X, y``: images (N, 1, 28, 28) and class
    numbers (N,). N may differ from batch to batch; examples are counted, not
    batches. ``device`` is where the batches are sent; without it, the device
    of the net's parameters. No graph is kept, and every module of the net is
    left in the mode (training or evaluation) that it was in.

    Raises:
        ValueError: ``data_iter`` gives no example.
    """
    if device is None:
        device = next(net.parameters()).device
    modes = [(module, module.training) for module in net.modules()]
    correct = d2l.Accumulator(2)  # Right answers, examples
    net.eval()
    try:
        with torch.no_grad():
            for X, y in data_iter:
                X, y = X.to(device), y.to(device)
                correct.add(d2l.accuracy(net(X), y), y.numel())
    finally:
        for module, training in modes:
            module.training = training
    if correct[1] == 0:
        raise ValueError("data_iter gives no example to count")
    return correct[0] / correct[1]
