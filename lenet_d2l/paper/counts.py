"""How much a layer holds and does: parameters, connections, multiply-adds.

Source: the chapter "LeNet-5, 1998"; the paper's section II.B states the
first two for each layer of its net.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from .lenet5 import RBF, PartialConv2d, Subsampling


class LayerCount(NamedTuple):
    """What a layer holds, and what it does for one image.

    A connection joins an output with an input, or with its bias. A
    multiply-add is a product with a weight, added to a sum; a squashing
    function, a plain mean and a maximum have none.
    """

    name: str
    shape: torch.Size
    parameters: int
    connections: int
    multiply_adds: int


def layer_counts(net: nn.Module, X: Tensor) -> list[LayerCount]:
    """Pass one image ``X`` through ``net``; return the counts by layer.

    ``X`` has the shape (1, ...) that ``net`` takes. Containers are opened;
    a layer's shape is that of its output, without the batch.

    Raises:
        ValueError: a layer has parameters and is of a kind unknown here.
    """
    counts = []

    def count(layer: nn.Module, _: object, output: Tensor) -> None:
        parameters = sum(p.numel() for p in layer.parameters())
        shape = output.shape[1:]
        connections = multiply_adds = 0
        if isinstance(layer, Subsampling):  # Adds four inputs, then scales
            connections, multiply_adds = 5 * shape.numel(), shape.numel()
        elif isinstance(layer, RBF):
            connections = multiply_adds = layer.codes.numel()
        elif parameters:
            if not isinstance(layer, (nn.Linear, nn.Conv2d, PartialConv2d)):
                raise ValueError(f"cannot count a {type(layer).__name__}")
            # Each weight, and each bias, works once at each place of a map
            places = shape[1:].numel()
            connections = places * parameters
            multiply_adds = places * layer.get_parameter("weight").numel()
        does = parameters, connections, multiply_adds
        counts.append(LayerCount(type(layer).__name__, shape, *does))

    leaves = [m for m in net.modules() if not list(m.children())]
    hooks = [leaf.register_forward_hook(count) for leaf in leaves]
    try:
        with torch.no_grad():
            net(X)
    finally:
        for hook in hooks:
            hook.remove()
    return counts
