"""The page's compiled net, run here: how tests call its functions."""

from base64 import b64decode

import numpy as np
import torch
import wasmtime
from conftest import live_data

WEIGHTS, TRAIN = 61706, 60_000


def committed():
    """The compiled code that the page loads, and the digest of its source."""
    code, source = live_data("engine").values()
    return b64decode(code), source


class Engine:
    """``page.c`` in a WebAssembly runtime.

    ``arrays`` are its memory: what is written there, it reads.
    """

    def __init__(self, code):
        self.store = wasmtime.Store()
        module = wasmtime.Module(self.store.engine, code)
        instance = wasmtime.Instance(self.store, module, [])
        self.exports = instance.exports(self.store)
        self.net = self.array("net", np.float32, WEIGHTS)
        self.gradient = self.array("gradient", np.float32, WEIGHTS)
        self.images = self.array("images", np.uint8, 70_000 * 784)
        self.labels = self.array("labels", np.uint8, 70_000)
        self.order = self.array("order", np.uint32, 70_000)

    def view(self, address, dtype, size):
        buffer = self.exports["memory"].get_buffer_ptr(
            self.store, size=size * np.dtype(dtype).itemsize, offset=address
        )
        return np.frombuffer(buffer, dtype)

    def array(self, name, dtype, size):
        return self.view(self.exports[name].value(self.store), dtype, size)

    def __call__(self, name, *arguments):
        return self.exports[name](self.store, *arguments)

    def set_data(self, first, X, y):
        """Put images (N, 1, 28, 28) and labels, from ``first`` on."""
        pixels = (X * 255).round().to(torch.uint8).numpy().ravel()
        self.images[784 * first :][: len(pixels)] = pixels
        self.labels[first:][: len(y)] = y.numpy()

    def set_kind(self, activation, pooling):
        kinds = {"activation": activation, "pooling": pooling}
        order = ("sigmoid", "tanh", "relu", "mean", "max")
        for name, kind in kinds.items():
            self.array(name, np.int32, 1)[0] = order.index(kind) % 3

    def logits(self, first, n):
        """The logits of n images from ``first`` on, shape (n, 10)."""
        parts = []
        for at in range(first, first + n, 16):
            parts.append(self.view(self("predict", at), np.float32, 160))
            parts[-1] = parts[-1].reshape(16, 10).copy()
        return torch.from_numpy(np.concatenate(parts)[:n])

    def epoch(self, examples, rate, batch_size=256):
        """Train for an epoch; return mean loss and accuracy."""
        self("shuffle", examples)
        loss = right = 0
        for first in range(0, examples, batch_size):
            size = min(batch_size, examples - first)
            loss += self("minibatch", first, size)
            right += int(self.array("right", np.int32, 1)[0])
            self("step", rate)
        self("begin_pass")
        return loss / examples, right / examples
