"""LeNet with PyTorch and d2l: the package behind the book.

Each public name is introduced, with its code, in a chapter of ``book/``.
"""

from .accuracy import evaluate_accuracy_gpu
from .animator import Animator
from .data import load_data_fashion_mnist
from .mended_d2l import d2l
from .net import LayerShape, Reshape, init_weights, layer_shapes, lenet
from .training import EpochRecord, train_ch6, train_epoch

__all__ = [
    "Animator",
    "EpochRecord",
    "LayerShape",
    "Reshape",
    "d2l",
    "evaluate_accuracy_gpu",
    "init_weights",
    "layer_shapes",
    "lenet",
    "load_data_fashion_mnist",
    "train_ch6",
    "train_epoch",
]
