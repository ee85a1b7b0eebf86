"""The post's run with convolutions as coarse as a GPU's TF32.

Source: the chapter "How the book is checked". By default PyTorch lets a GPU
convolve in TF32: the operands are rounded to 10 bits after the binary point
of their mantissa, products are summed in float32. Here a CPU does the same.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import grad

from lenet_d2l.net import lenet
from lenet_d2l.studies.recipes import Recipe
from lenet_d2l.studies.study import Study

BITS = 10  # Of the mantissa, after the binary point
DROPPED = 23 - BITS  # Those that float32 has besides


def rounded(X: Tensor) -> Tensor:
    """Return ``X``, float32, rounded to TF32: to nearest, ties to even."""
    bits = X.detach().contiguous().view(torch.int32)
    odd = (bits >> DROPPED) & 1
    half = (1 << (DROPPED - 1)) - 1
    return (((bits + half + odd) >> DROPPED) << DROPPED).view(torch.float32)


class RoundedConvolution(torch.autograd.Function):
    """A convolution whose operands are rounded, forward and backward."""

    @staticmethod
    def forward(
        ctx: Any, X: Tensor, weight: Tensor, bias: Tensor, padding: int
    ) -> Tensor:
        X, weight = rounded(X), rounded(weight)
        ctx.save_for_backward(X, weight)
        ctx.padding = padding
        return nn.functional.conv2d(X, weight, bias, padding=padding)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple:
        X, weight = ctx.saved_tensors
        coarse, padding = rounded(gradient), ctx.padding
        to_X = grad.conv2d_input(X.shape, weight, coarse, padding=padding)
        to_weight = grad.conv2d_weight(
            X, weight.shape, coarse, padding=padding
        )
        return to_X, to_weight, gradient.sum(dim=(0, 2, 3)), None


class TF32Conv2d(nn.Conv2d):
    """A convolution as in TF32, with the first weights of ``Conv2d``."""

    def forward(self, X: Tensor) -> Tensor:
        padding = self.padding[0]
        return RoundedConvolution.apply(X, self.weight, self.bias, padding)


def lenet_in_tf32() -> nn.Sequential:
    """Return ``lenet()`` with convolutions as in TF32."""
    net = lenet()
    with torch.random.fork_rng():  # Else these draws would move the order
        for i in 1, 4:
            old = net[i]
            new = TF32Conv2d(
                old.in_channels,
                old.out_channels,
                old.kernel_size,
                padding=old.padding,
            )
            new.load_state_dict(old.state_dict())
            net[i] = new
    return net


STUDY = Study({"TF32": Recipe(lenet_in_tf32)})
