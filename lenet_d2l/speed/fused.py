"""LeNet faster on a CPU: its convolutional half computed by ``fused.c``.

Source: the chapter "Where the time goes".
"""

import subprocess
import tempfile
from ctypes import CDLL, c_int, c_long, c_void_p
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from ..net import lenet

SOURCE = Path(__file__).with_suffix(".c")
SHAPES = [(6, 1, 5, 5), (6,), (16, 6, 5, 5), (16,)]  # Both convolutions
# -march=native: for this very processor, so what is compiled is not kept.
# What is left of -ffast-math: sums in any order, no look at errno or traps
COMPILE = ["gcc", "-std=gnu11", "-O3", "-march=native", "-fopenmp", "-fPIC"]
COMPILE += ["-fassociative-math", "-fno-signed-zeros", "-fno-trapping-math"]
COMPILE += ["-fno-math-errno"]
# Without -fopenmp: the threads are those of PyTorch's own OpenMP, as two
# sets of threads would be in each other's way
LINK = ["gcc", "-shared"]


@cache
def library() -> CDLL:
    """Compile ``fused.c`` for this machine, which takes about a second.

    Raises:
        RuntimeError: it cannot be compiled here.
    """
    with tempfile.TemporaryDirectory(prefix="lenet-d2l-") as folder:
        compiled, linked = f"{folder}/fused.o", f"{folder}/fused.so"
        try:
            for command in (
                [*COMPILE, "-c", str(SOURCE), "-o", compiled],
                [*LINK, compiled, "-lm", "-o", linked],
            ):
                subprocess.run(
                    command, check=True, capture_output=True, text=True
                )
            return CDLL(linked)
        except FileNotFoundError as error:
            reason = f"there is no {error.filename}"
        except subprocess.CalledProcessError as error:
            reason = (error.stderr.strip() or str(error)).splitlines()[0]
        except OSError as error:
            reason = str(error)
    raise RuntimeError(
        f"the fused net cannot be compiled: {reason}. It needs gcc on Linux "
        f"(Debian: apt-get install gcc); the plain net needs neither"
    )


def addresses(*tensors: Tensor) -> list[c_void_p]:
    """Return where the numbers of ``tensors`` begin."""
    return [c_void_p(tensor.data_ptr()) for tensor in tensors]


class Features(torch.autograd.Function):
    """The 400 features of each image: both convolutions, sigmoids, poolings.

    Takes images, float32, shape (N, 1, 28, 28), and the weights and biases
    of both convolutions; gives shape (N, 400). There is no gradient in the
    images.
    """

    @staticmethod
    def forward(ctx: Any, X: Tensor, *parameters: Tensor) -> Tensor:
        code = library()
        X = X.contiguous()
        parameters = tuple(p.contiguous() for p in parameters)
        groups = -(-len(X) // c_long.in_dll(code, "lanes").value)
        size = c_long.in_dll(code, "saved_floats").value
        saved, features = X.new_empty(groups, size), X.new_empty(len(X), 400)
        code.features(
            c_long(len(X)),
            *addresses(X, *parameters, saved, features),
            c_int(torch.get_num_threads()),
        )
        ctx.save_for_backward(saved, *parameters)
        return features

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple:
        saved, *parameters = ctx.saved_tensors
        sizes = [parameter.numel() for parameter in parameters]
        threads = torch.get_num_threads()
        sums = gradient.new_zeros(threads, sum(sizes))
        gradient = gradient.contiguous()
        library().gradients(
            c_long(len(gradient)),
            *addresses(gradient, parameters[2], saved, sums),
            c_int(threads),
        )
        parts = sums.sum(dim=0).split(sizes)
        return None, *(
            part.view_as(parameter)
            for part, parameter in zip(parts, parameters)
        )


class FusedLeNet(nn.Sequential):
    """The layers of a ``lenet()``, computed faster.

    They stay the net's own, with their weights and names. Only the way from
    the images, shape (N, 1, 28, 28), to the 400 features is computed by
    ``fused.c``, in one go, with the same sums in another order. For a CPU
    and float32; hooks on the layers of that half are not called.

    Raises:
        ValueError: ``net`` is not the post's, or a batch is not in float32
            on the CPU.
        RuntimeError: ``fused.c`` cannot be compiled here.
    """

    def __init__(self, net: nn.Sequential):
        with torch.device("meta"):  # No random number is drawn for it
            posts = str(lenet())
        if str(net) != posts:
            raise ValueError(f"only lenet() can be fused, not {net}")
        super().__init__(*net)
        library()

    def __getitem__(self, index: Any) -> Any:
        return nn.Sequential(*self)[index]  # A part of it is not fused

    def forward(self, X: Tensor) -> Tensor:
        parameters = [p for i in (1, 4) for p in self[i].parameters()]
        for tensor in (X, *parameters):
            if tensor.dtype != torch.float32 or tensor.device.type != "cpu":
                raise ValueError(
                    f"the fused net computes float32 on the CPU, and got "
                    f"{tensor.dtype} on {tensor.device}"
                )
        if [tuple(p.shape) for p in parameters] != SHAPES:
            raise ValueError(f"only lenet() can be fused, not {self}")
        X = Features.apply(self[0](X), *parameters)
        for layer in islice(self, 8, None):
            X = layer(X)
        return X


def fused_lenet() -> FusedLeNet:
    """Return a new ``lenet()``, fused.

    Raises:
        RuntimeError: ``fused.c`` cannot be compiled here.
    """
    return FusedLeNet(lenet())
