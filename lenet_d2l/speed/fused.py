"""LeNet faster on a CPU: its convolutional half computed by ``fused.c``.

Source: the chapter "Where the time goes".
"""

import os
import subprocess
import sys
import tempfile
from collections import OrderedDict
from contextlib import suppress
from copy import deepcopy
from ctypes import CDLL, c_int, c_long, c_void_p
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import platformdirs
import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn.modules.module import _has_any_global_hook

from .._atomic import replacing
from ..net import lenet

SOURCE = Path(__file__).with_suffix(".c")
SHAPES = [(6, 1, 5, 5), (6,), (16, 6, 5, 5), (16,)]  # Both convolutions
# For this very processor, without a look at errno or traps. Sums stay in the
# order of the source, where a product and a sum are one instruction
COMPILE = ["gcc", "-std=gnu11", "-O3", "-march=native", "-fopenmp", "-fPIC"]
COMPILE += ["-fno-trapping-math", "-fno-math-errno"]
# Without -fopenmp: the threads are those of PyTorch's own OpenMP, as two
# sets of threads would be in each other's way
LINK = ["gcc", "-shared"]


def run(*command: str | Path) -> str:
    """Run the compiler; return what it says."""
    return subprocess.run(
        command, check=True, capture_output=True, text=True, errors="replace"
    ).stderr


def kept_file() -> Path:
    """Return where the compiled code is kept in the user's cache.

    The name stands for all that it depends on. With -###, gcc says its
    version, and every flag into which it translates -march=native here.
    """
    compiler = run(*COMPILE, "-###", "-S", "-x", "c", "/dev/null")
    parts = [SOURCE.read_text(), compiler, *COMPILE, *LINK]
    key = sha256("\0".join(parts).encode()).hexdigest()[:32]
    folder = platformdirs.user_cache_path("lenet_d2l") / "compiled"
    return folder / f"fused-{key}.so"


def only_ours(path: Path) -> bool:
    """Can nobody but this user (and root) have written ``path``?"""
    found = path.lstat()  # All may write to a link, so no link is ours
    return found.st_uid == os.geteuid() and not found.st_mode & 0o022


def kept_code(file: Path) -> CDLL | None:
    """Load what ``keep`` has written, if it is safe and whole."""
    with suppress(OSError):
        if only_ours(file.parent) and only_ours(file):
            content = file.read_bytes()
            if content[-32:] == sha256(content[:-32]).digest():
                return CDLL(str(file))
    return None


def keep(compiled: Path, file: Path) -> None:
    """Copy ``compiled`` and its digest to ``file``, if that can be done."""
    with suppress(OSError):
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if only_ours(file.parent):
            content = compiled.read_bytes()
            with replacing(file) as scratch:
                scratch.touch(mode=0o600)
                scratch.write_bytes(content + sha256(content).digest())


@cache
def library() -> CDLL:
    """Load ``fused.c``, compiled for this machine, which takes a second once.

    Raises:
        RuntimeError: it cannot be used here; the message says why.
    """
    try:
        if sys.platform != "linux":
            raise RuntimeError(f"only Linux compiles, not {sys.platform}")
        file = kept_file()
        if (code := kept_code(file)) is not None:
            return code
        with tempfile.TemporaryDirectory(prefix="lenet-d2l-") as folder:
            compiled, linked = Path(folder, "fused.o"), Path(folder, "new.so")
            run(*COMPILE, "-c", SOURCE, "-o", compiled)
            run(*LINK, compiled, "-lm", "-o", linked)
            code = CDLL(str(linked))
            compare_with_plain(code)
            keep(linked, file)
            return code
    except FileNotFoundError as error:
        reason = f"{error.filename} is not installed"
    except subprocess.CalledProcessError as error:
        lines = [*error.stderr.strip().splitlines(), str(error)]
        reason = next((line for line in lines if "error" in line), lines[0])
    except OSError as error:
        reason = str(error)
    raise RuntimeError(reason)


def addresses(*tensors: Tensor) -> list[c_void_p]:
    """Return where the numbers of ``tensors`` begin."""
    return [c_void_p(tensor.data_ptr()) for tensor in tensors]


class Features(torch.autograd.Function):
    """``features`` and its gradient; ``keep`` says if one will be needed."""

    @staticmethod
    def forward(
        ctx: Any, code: CDLL, keep: bool, X: Tensor, *parameters: Tensor
    ) -> Tensor:
        X, *parameters = (t.contiguous() for t in (X, *parameters))
        threads = torch.get_num_threads()
        groups = -(-len(X) // c_long.in_dll(code, "lanes").value)
        size = c_long.in_dll(code, "saved_floats").value
        saved = X.new_empty(groups if keep else threads, size)
        features = X.new_empty(len(X), 400)
        code.features(
            c_long(len(X)),
            *addresses(X, *parameters, saved, features),
            c_int(keep),
            c_int(threads),
        )
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
        ctx.code.gradients(
            c_long(len(gradient)),
            *addresses(gradient, parameters[2], saved, sums),
            c_int(threads),
        )
        parts = sums.sum(dim=0).split(sizes)
        return None, None, None, *map(Tensor.view_as, parts, parameters)


def features(code: CDLL, X: Tensor, *convolutions: Any) -> Tensor:
    """Return the 400 features of each image, shape (N, 400).

    ``X`` has shape (N, 1, 28, 28), in float32 on the CPU, and gets no
    gradient. Of the two convolutions only weights and biases are used.
    """
    parameters = [
        p for conv in convolutions for p in (conv.weight, conv.bias)
    ]
    return Features.apply(code, torch.is_grad_enabled(), X, *parameters)


def compare_with_plain(code: CDLL) -> None:
    """Compare features and gradients with those of the net's own layers.

    Raises:
        RuntimeError: they differ.
    """
    draw = torch.Generator().manual_seed(0)
    with torch.inference_mode(False), torch.enable_grad():
        with torch.device("meta"):
            layers = lenet()[:8]
        layers = layers.float().to_empty(device="cpu")
        for p in layers.parameters():
            p.data.normal_(0, 0.2, generator=draw)
        X = torch.empty(37, 1, 28, 28, dtype=torch.float32, device="cpu")
        X.uniform_(generator=draw)
        exact = deepcopy(layers).double()
        results = []
        for net, made in (
            (layers, features(code, X, layers[1], layers[4])),
            (exact, exact(X.double())),
        ):
            made.square().sum().backward()
            results.append([made, *(p.grad for p in net.parameters())])
    for ours, right in zip(*results, strict=True):
        if not (ours - right).norm() <= 1e-4 * right.norm():
            raise RuntimeError("the compiled code computes something else")


def settings(layer: nn.Module) -> tuple[type, dict[str, Any]]:
    """Return all that says what a layer computes, hooks too, but weights."""
    others = ("_parameters", "_modules", "training")
    return type(layer), {
        name: value
        for name, value in vars(layer).items()
        if name not in others
    }


@cache
def lenets_settings() -> list[tuple[type, dict[str, Any]]]:
    """Return the settings of the layers that ``fused.c`` computes."""
    with torch.device("meta"):  # No random number is drawn for it
        return [settings(layer) for layer in lenet()[:8]]


def begins_as_lenet(layers: list[nn.Module]) -> bool:
    """Are the first eight layers those of ``lenet()``, without a hook?"""
    return [settings(layer) for layer in layers[:8]] == lenets_settings()


def can_fuse(layers: list[Any], X: Tensor) -> bool:
    """Does ``fused.c`` give what the layers give for the images ``X``?"""
    if torch.compiler.is_compiling() or not begins_as_lenet(layers):
        return False
    first, second = layers[1], layers[4]
    tensors = [X, first.weight, first.bias, second.weight, second.bias]
    shapes = [(len(X), 1, 28, 28) if X.ndim else (), *SHAPES]
    return all(
        type(t) in (Tensor, nn.Parameter)
        and t.dtype == torch.float32
        and t.device.type == "cpu"
        and t.layout == torch.strided
        and t.shape == shape
        for t, shape in zip(tensors, shapes)
    ) and not (
        (X.requires_grad and torch.is_grad_enabled())
        or torch.is_autocast_enabled("cpu")
        or _has_any_global_hook()
        or torch._C._are_functorch_transforms_active()
        or torch._C._len_torch_dispatch_stack()
    )


class FusedLeNet(nn.Sequential):
    """A ``lenet()`` computed faster on a CPU.

    The layers stay the net's own, with their weights and names. The first
    eight, from the images, shape (N, 1, 28, 28), to the 400 features, are
    computed by ``fused.c`` in one go, in float32 on the CPU. Wherever that
    is not what the layers would give (another type or device, a layer
    exchanged or changed, a hook on it), they compute one by one as ever.

    Raises:
        ValueError: the first eight layers of ``net`` are not ``lenet()``'s.
        RuntimeError: ``fused.c`` cannot be compiled here.
    """

    def __init__(self, net: nn.Sequential):
        if not begins_as_lenet(list(net)):
            raise ValueError(f"only lenet() can be fused, not {net}")
        super().__init__(OrderedDict(net._modules))
        library()

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, int):
            return super().__getitem__(index)
        return nn.Sequential(OrderedDict(self._modules))[index]  # Not fused

    def forward(self, X: Tensor) -> Tensor:
        layers = list(self)
        if can_fuse(layers, X):
            X = features(library(), X, layers[1], layers[4])
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
    """Choose "fused" wherever it works, and "plain" if asked for ``plain``."""
    kind = torch.device(device).type
    try:
        if plain or kind != "cpu":
            raise RuntimeError(
                "as asked" if plain else f"the device is {kind}"
            )
        library()
    except RuntimeError as error:
        return Arithmetic("plain", str(error))
    return Arithmetic(
        "fused", "convolutions by the package's own C; --plain turns it off"
    )


def with_arithmetic(net: nn.Module, name: str) -> nn.Module:
    """Return ``net`` fused if ``name`` is "fused" and it can be, else ``net``.

    Only a plain ``nn.Sequential`` without hooks of its own can be.
    """
    if (
        name == "fused"
        and settings(net) == settings(nn.Sequential())
        and begins_as_lenet([*net.children()])
    ):
        return FusedLeNet(net)
    return net
