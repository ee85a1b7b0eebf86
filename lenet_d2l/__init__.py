"""LeNet with PyTorch and d2l: the package behind the book.

Each public name is introduced, with its code, in a chapter of ``book/``.
"""

from .accuracy import evaluate_accuracy_gpu
from .animator import Animator
from .counts import LayerCount, layer_counts
from .data import load_data_fashion_mnist, load_data_mnist, minibatches
from .fused import FusedLeNet
from .lenet5 import (
    RBF,
    PaperInput,
    PartialConv2d,
    ScaledTanh,
    Subsampling,
    discriminative_map,
    init_lenet5,
    lenet5_1998,
    mean_square,
)
from .mended_d2l import d2l
from .net import LayerShape, Reshape, init_weights, layer_shapes, lenet
from .pictures import read_picture
from .training import EpochRecord, train_ch6, train_epoch

__all__ = [
    "RBF",
    "Animator",
    "EpochRecord",
    "FusedLeNet",
    "LayerCount",
    "LayerShape",
    "PaperInput",
    "PartialConv2d",
    "Reshape",
    "ScaledTanh",
    "Subsampling",
    "d2l",
    "discriminative_map",
    "evaluate_accuracy_gpu",
    "init_lenet5",
    "init_weights",
    "layer_counts",
    "layer_shapes",
    "lenet",
    "lenet5_1998",
    "load_data_fashion_mnist",
    "load_data_mnist",
    "mean_square",
    "minibatches",
    "read_picture",
    "train_ch6",
    "train_epoch",
]
