"""LeNet faster on a CPU: its convolutional half computed by ``fused.c``.

Source: the chapter "Where the time goes".
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from ctypes import CDLL, c_int, c_long, c_void_p
from functools import cache
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import platformdirs
import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from .._files import replacing
from ..net import lenet

SOURCE = Path(__file__).with_suffix(".c")
# For this very processor, without a look at errno or traps. The linker does
# not see -fopenmp: one set of threads, PyTorch's own, is enough
COMPILE = ["gcc", "-std=gnu11", "-O3", "-march=native", "-Wp,-fopenmp"]
COMPILE += ["-fno-trapping-math", "-fno-math-errno", "-fPIC", "-shared"]


def source() -> str:
    """Return all C code that is compiled: ``fused.c`` and its header."""
    files = SOURCE.with_name("convolution.h"), SOURCE
    return "".join(file.read_text() for file in files)


def gcc(*arguments: str | Path) -> str:
    """Run ``COMPILE`` with more arguments; return what it says.

    Raises:
        RuntimeError: it failed; the message is the line that says why.
    """
    done = subprocess.run(
        [*COMPILE, *arguments], capture_output=True, errors="replace"
    )
    if done.returncode != 0:
        lines = done.stderr.splitlines() or ["gcc failed"]
        errors = [line for line in lines if "error" in line]
        raise RuntimeError((errors or lines)[0])
    return done.stderr


@cache
def library() -> CDLL:
    """Load ``fused.c``, compiled for this machine, which takes a second once.

    The compiled file is kept in the user's cache. Its name stands for all
    that it depends on: with -###, gcc says its version, and what
    -march=native means here.

    Raises:
        RuntimeError: it cannot be used here; the message says why.
    """
    if sys.platform != "linux":
        raise RuntimeError(f"it needs Linux, and this is {sys.platform}")
    if shutil.which("gcc") is None:
        raise RuntimeError("gcc is not installed")
    try:
        compiler = gcc("-###", "-S", "-x", "c", "/dev/null")
        parts = [source(), compiler, *COMPILE]
        key = sha256("\0".join(parts).encode()).hexdigest()[:32]
        folder = platformdirs.user_cache_path("lenet_d2l") / "compiled"
        file = folder / f"fused-{key}.so"
        return load_kept(file) or compile_and_keep(file)
    except OSError as error:
        raise RuntimeError(str(error)) from error


def load_kept(file: Path) -> CDLL | None:
    """Load ``file``, if it is whole and only this user (or root) wrote it."""
    with suppress(OSError):
        for path in (file.parent, file):
            found = path.lstat()  # Of a link itself: all may write to it
            if found.st_uid != os.geteuid() or found.st_mode & 0o022:
                return None
        content = file.read_bytes()
        if content[-32:] == sha256(content[:-32]).digest():
            return CDLL(str(file))
    return None


def compile_and_keep(file: Path) -> CDLL:
    """Compile ``fused.c`` and check it; keep it as ``file`` if we can.

    A damaged library may crash the process, so its digest stands at its end.
    """
    with TemporaryDirectory(prefix="lenet-d2l-") as folder:
        new = Path(folder, file.name)
        gcc(SOURCE, "-lm", "-o", new)
        code = CDLL(str(new))
        content = new.read_bytes()
    compare_with_plain(code)
    with suppress(OSError):
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with replacing(file) as scratch:
            scratch.touch(mode=0o600)
            scratch.write_bytes(content + sha256(content).digest())
    return code


def compare_with_plain(code: CDLL) -> None:
    """Raise RuntimeError if ``code`` differs from the net's own layers."""
    with torch.inference_mode(False):  # Gradients in any mode of the caller
        pixels = torch.arange(37 * 784, dtype=torch.float32, device="cpu")
        X = pixels.sin().view(37, 1, 28, 28)
        weights = list(LAYERS.parameters())
        ours, plain = (
            [Y, *torch.autograd.grad(Y.square().sum(), weights)]
            for Y in (Features.apply(code, True, X, *weights), LAYERS(X))
        )
    for a, b in zip(ours, plain):
        if not (a - b).norm() <= 1e-4 * b.norm():
            raise RuntimeError("the compiled code computes something else")


def addresses(*tensors: Tensor) -> list[c_void_p]:
    """Return where the numbers of ``tensors`` begin."""
    return [c_void_p(tensor.data_ptr()) for tensor in tensors]


class Features(torch.autograd.Function):
    """The 400 features of each image, by ``fused.c``, with gradients.

    ``keep`` says if gradients will be wanted; the images get none.
    """

    @staticmethod
    def forward(ctx: Any, code: CDLL, keep: bool, *inputs: Tensor) -> Tensor:
        X, *parameters = (tensor.contiguous() for tensor in inputs)
        threads = torch.get_num_threads()
        groups = -(-len(X) // c_long.in_dll(code, "lanes").value)
        size = c_long.in_dll(code, "saved_floats").value
        saved = X.new_empty(groups if keep else threads, size)
        features = X.new_empty(len(X), 400)
        tensors = addresses(X, *parameters, saved, features)
        code.features(c_long(len(X)), *tensors, c_int(keep), c_int(threads))
        ctx.code = code
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
        tensors = addresses(gradient, parameters[2], saved, sums)
        ctx.code.gradients(c_long(len(gradient)), *tensors, c_int(threads))
        parts = sums.sum(dim=0).split(sizes)
        return None, None, None, *map(Tensor.view_as, parts, parameters)


def settings(layer: nn.Module) -> tuple[type, dict[str, Any]]:
    """Return all that says what a layer computes, but its weights' values."""
    kinds = [
        (type(p), p.shape, p.dtype, p.device.type) for p in layer.parameters()
    ]
    return type(layer), vars(layer) | {"_parameters": kinds, "training": None}


# What ``fused.c`` computes
with torch.random.fork_rng([]):
    LAYERS = lenet()[:8].to("cpu", torch.float32)
SETTINGS = [settings(layer) for layer in LAYERS]


def begins_as_lenet(layers: Sequence[nn.Module]) -> bool:
    """Return whether the first eight layers are ``lenet()``'s, unhooked."""
    return [settings(layer) for layer in layers[:8]] == SETTINGS


def can_fuse(layers: Sequence[nn.Module], X: Tensor) -> bool:
    """Return whether ``fused.c`` gives what ``layers`` give for ``X``."""
    return (
        type(X) is Tensor
        and not torch.compiler.is_compiling()
        and not torch._C._are_functorch_transforms_active()
        and not torch.is_autocast_enabled("cpu")
        and not nn.modules.module._has_any_global_hook()
        and not (X.requires_grad and torch.is_grad_enabled())
        and X.shape[1:] == (1, 28, 28)
        and X.dtype == torch.float32
        and X.device.type == "cpu"
        and begins_as_lenet(layers)
    )


class FusedLeNet(nn.Sequential):
    """A ``lenet()`` computed faster on a CPU.

    The layers stay the net's own. ``fused.c`` computes the first eight, from
    images (N, 1, 28, 28) to features (N, 400), in one go. Where that is not
    what they would give (another type or device, a layer exchanged or
    changed, a hook on it), they compute one by one as ever.

    Raises:
        ValueError: ``net`` does not begin as ``lenet()`` does.
        RuntimeError: ``fused.c`` cannot be used here.
    """

    def __init__(self, net: nn.Sequential):
        if type(net) is not nn.Sequential or not begins_as_lenet([*net]):
            raise ValueError(f"only lenet() can be fused, not {net}")
        super().__init__(*net)
        library()

    def __getitem__(self, index: Any) -> Any:
        return nn.Sequential(*self)[index]  # A part of it is not fused

    def forward(self, X: Tensor) -> Tensor:
        layers = list(self)
        if can_fuse(layers, X):
            weights = [p for l in layers[:8] for p in l.parameters()]
            X = Features.apply(
                library(), torch.is_grad_enabled(), X, *weights
            )
            layers = layers[8:]
        for layer in layers:
            X = layer(X)
        return X


class Arithmetic(NamedTuple):
    """How the convolutions are computed: "fused" or "plain", and why."""

    name: str
    reason: str

    def __str__(self) -> str:
        return f"arithmetic: {self.name} ({self.reason})"


def arithmetic(device: torch.device | str, plain: bool = False) -> Arithmetic:
    """Choose "plain" if asked for, or if nothing else works on ``device``."""
    kind = torch.device(device).type
    if plain or kind != "cpu":
        reason = "as asked" if plain else f"the device is {kind}"
        return Arithmetic("plain", reason)
    try:
        library()
    except RuntimeError as error:
        return Arithmetic("plain", str(error))
    return Arithmetic(
        "fused", "convolutions by the package's own C; --plain turns it off"
    )


def with_arithmetic(net: nn.Module, name: str) -> nn.Module:
    """Return ``net``, fused if ``name`` is "fused" and ``net`` can be."""
    if name == "fused" and isinstance(net, nn.Sequential):
        with suppress(ValueError):
            return FusedLeNet(net)
    return net
