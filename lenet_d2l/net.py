"""The network: thirteen steps from an image to ten logits.

Source: chapter 3 of the book; the post's section 2; d2l, section 6.6.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn


class Reshape(nn.Module):
    """Let a batch of shape (N, 1, 28, 28) through and refuse any other.

    The post's reshapes to (-1, 1, 28, 28) instead, which silently takes a
    batch of N colour images (N, 3, 28, 28) for 3N grey ones.

    Raises:
        ValueError: the batch has another shape; the message names it.
    """

    def forward(self, X: Tensor) -> Tensor:
        if X.ndim != 4 or X.shape[1:] != (1, 28, 28):
            raise ValueError(
                f"LeNet takes a batch of shape (N, 1, 28, 28), "
                f"not {tuple(X.shape)}"
            )
        return X


def lenet() -> nn.Sequential:
    """Return the post's LeNet: 61,706 parameters in thirteen steps.

    It maps a batch of images, shape (N, 1, 28, 28), to logits, shape
    (N, 10). The comments give the output for one image. There is no softmax
    at the end: ``nn.CrossEntropyLoss`` contains it.
    """
    return nn.Sequential(
        Reshape(),  # 1 x 28 x 28
        nn.Conv2d(1, 6, kernel_size=5, padding=2),  # 6 x 28 x 28
        nn.Sigmoid(),
        nn.AvgPool2d(kernel_size=2, stride=2),  # 6 x 14 x 14
        nn.Conv2d(6, 16, kernel_size=5),  # 16 x 10 x 10
        nn.Sigmoid(),
        nn.AvgPool2d(kernel_size=2, stride=2),  # 16 x 5 x 5
        nn.Flatten(),  # 400
        nn.Linear(16 * 5 * 5, 120),
        nn.Sigmoid(),
        nn.Linear(120, 84),
        nn.Sigmoid(),
        nn.Linear(84, 10),
    )


def init_weights(layer: nn.Module) -> None:
    """Draw the weights of a Linear or Conv2d layer from Xavier's uniform.

    For ``net.apply``. Biases keep PyTorch's default, other layers are left
    alone. The draw uses torch's global random number generator.
    """
    if isinstance(layer, (nn.Linear, nn.Conv2d)):
        nn.init.xavier_uniform_(layer.weight)


class LayerShape(NamedTuple):
    """One line of the walkthrough; as a string, in the post's own format."""

    name: str
    shape: torch.Size

    def __str__(self) -> str:
        return f"{self.name}\toutput shape: {self.shape}"


def layer_shapes(net: nn.Sequential, X: Tensor) -> list[LayerShape]:
    """Pass ``X`` through ``net``; return the shape of each layer's output.

    ``X`` is a batch that the first layer takes, (N, 1, 28, 28) for LeNet.
    Gives one ``LayerShape(name, shape)`` a layer, N included in the shape.
    """
    shapes = []
    with torch.no_grad():
        for layer in net:
            X = layer(X)
            shapes.append(LayerShape(type(layer).__name__, X.shape))
    return shapes
