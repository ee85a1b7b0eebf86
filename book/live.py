"""Write the data of the book's live parts, and their compiled code.

``python book/live.py`` writes into ``book/_extra/live/data`` what the scripts
beside that folder show: the weights of the run that the book shows, images
with PyTorch's logits, accuracies on changed images, the spread of the study's
seeds, a part of the data to train on. ``python book/live.py engine`` compiles
``page.c`` instead. A page from a disk can load nothing but scripts, so each
file is a script that sets one name, bytes being in base64.
"""

import gzip
import hashlib
import json
import sys
from base64 import b64encode
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from torch import Tensor, nn
from torchvision.transforms import InterpolationMode
from torchvision.transforms.functional import affine

from lenet_d2l import lenet, load_data_fashion_mnist
from lenet_d2l.datasets.fashion_mnist import CLASSES, FASHION_MNIST
from lenet_d2l.results.runs import PUBLISHED, WEIGHTS, load_run, load_weights
from lenet_d2l.speed import page

BOOK = Path(__file__).parent
DATA = BOOK / "_extra/live/data"
EACH, MISTAKES = 3, 12  # Images of each class; mistakes
MEASURED = 1000  # Images, as chapter 9 measures
TRAIN, TEST = 6000, 1000  # Images of the part
LOW, HIGH = 0.05, 0.95  # Quantiles of the spread
STEPS = 235  # Of an epoch


def base64(content: bytes) -> str:
    """Return bytes as text that stands for them."""
    return b64encode(content).decode()


@cache
def published() -> nn.Sequential:
    """Return the net that the book shows."""
    net = lenet()
    load_weights(net, PUBLISHED / WEIGHTS)
    return net


@cache
def datasets() -> tuple[Any, Any]:
    """Return the images and labels of training and of the test."""
    return tuple(loader.dataset for loader in load_data_fashion_mnist(256))


def pixels(X: Tensor) -> bytes:
    """Return images in [0, 1] as bytes."""
    return (X * 255).round().to(torch.uint8).numpy().tobytes()


@torch.no_grad()
def logits_of(X: Tensor) -> Tensor:
    """Return the published net's logits, shape (N, 10)."""
    return torch.cat([published()(part) for part in X.split(500)])


def weights() -> dict[str, Any]:
    """Return the published weights, in the order of their layers."""
    flat = torch.cat([p.detach().flatten() for p in published().parameters()])
    content = (PUBLISHED / WEIGHTS).read_bytes()
    return {
        "weights": base64(flat.numpy().tobytes()),
        "weightsSha256": hashlib.sha256(content).hexdigest(),
    }


def images() -> dict[str, Any]:
    """Return the first test images of each class, and confident mistakes."""
    X, y = datasets()[1].tensors
    logits = logits_of(X)
    confidence, answers = logits.softmax(1).max(1)
    firsts = [(y == c).nonzero()[:EACH, 0] for c in range(len(CLASSES))]
    wrong = torch.where(answers == y, -1, confidence).argsort(descending=True)
    chosen = torch.cat([*firsts, wrong[:MISTAKES]])
    rows = [
        {
            "index": index,
            "label": int(y[index]),
            "kind": "class" if i < EACH * len(CLASSES) else "mistake",
            "logits": logits[index].tolist(),
        }
        for i, index in enumerate(chosen.tolist())
    ]
    return {
        "images": {"pixels": base64(pixels(X[chosen])), "list": rows},
        "classes": list(CLASSES),
    }


def boot() -> dict[str, Any]:
    """Return the first test image, an ankle boot."""
    return {"boot": base64(pixels(datasets()[1].tensors[0][:1]))}


def measured() -> dict[str, Any]:
    """Return accuracies on changed images, and with one map switched off.

    Images are changed as in chapter 9, the first thousand of the test; maps
    are switched off for all.
    """
    X, y = datasets()[1].tensors
    some = X[:MEASURED]
    noise = torch.randn(
        some.shape, generator=torch.Generator().manual_seed(0)
    )

    def accuracy(X: Tensor) -> float:
        right = logits_of(X).argmax(1) == y[: len(X)]
        return right.double().mean().item()

    def moved(angle: int = 0, right: int = 0, down: int = 0) -> Tensor:
        bilinear = InterpolationMode.BILINEAR
        return affine(some, angle, [right, down], 1, [0.0], bilinear)

    def without(layer: int, which: int) -> float:
        def switch_off(module: nn.Module, args: Any, output: Tensor) -> None:
            output[:, which] = 0

        # Behind the sigmoid of the layer
        handle = published()[layer + 1].register_forward_hook(switch_off)
        try:
            return accuracy(X)
        finally:
            handle.remove()

    sds = [i / 20 for i in range(11)]
    result = {
        "images": MEASURED,
        "right": {s: accuracy(moved(right=s)) for s in range(-6, 7)},
        "down": {s: accuracy(moved(down=s)) for s in range(-6, 7)},
        "angle": {a: accuracy(moved(angle=a)) for a in range(-45, 46, 5)},
        "noise": {
            f"{s:g}": accuracy((some + s * noise).clamp(0, 1)) for s in sds
        },
        "all": accuracy(X),
        "off": {
            f"{name} {i}": without(layer, i)
            for name, layer, maps in (("C1", 1, 6), ("C3", 4, 16))
            for i in range(maps)
        },
    }
    return {"measured": result}


def spread() -> dict[str, Any]:
    """Return the spread of the study's seeds, and the published run."""
    seeds = pd.read_csv(BOOK / "studies/seeds.csv")
    columns = ("train_loss", "train_acc", "test_acc")
    epochs = seeds.groupby("epoch")
    bands = {
        column: {
            name: epochs[column].quantile(q).round(5).tolist()
            for name, q in (("low", LOW), ("median", 0.5), ("high", HIGH))
        }
        for column in columns
    }
    run = load_run(PUBLISHED)
    steps = [STEPS * (1 + epoch) for epoch in range(len(run.records))]
    return {
        "spread": {
            "seeds": int(seeds.seed.nunique()),
            "steps": steps,
            **bands,
            "published": [
                {column: getattr(record, column) for column in columns}
                for record in run.records
            ],
        },
        "digests": FASHION_MNIST.sha256,
    }


def part() -> dict[str, Any]:
    """Return the first images of training and of the test, made smaller."""
    result = {}
    for name, data, count in zip(
        ("train", "test"), datasets(), (TRAIN, TEST), strict=True
    ):
        X, y = data[:count]
        result[name] = {
            "count": count,
            "images": base64(gzip.compress(pixels(X), mtime=0)),
            "labels": base64(y.to(torch.uint8).numpy().tobytes()),
        }
    return {"part": result}


def engine() -> dict[str, Any]:
    """Return the compiled code, and the digest of its source."""
    return {
        "engine": base64(page.compile_page()),
        "engineSource": page.digest(),
    }


def write(name: str, values: dict[str, Any]) -> None:
    """Write a script that sets names of ``live.data``."""
    lines = ['"use strict";', "", f"// Written by book/live.py: {name}"]
    lines += [f"live.data.{k} = {json.dumps(v)};" for k, v in values.items()]
    DATA.mkdir(exist_ok=True)
    (DATA / f"{name}.js").write_text("\n".join(lines) + "\n")


WRITTEN = (weights, images, boot, measured, spread, part)

if __name__ == "__main__":
    for make in (engine,) if "engine" in sys.argv[1:] else WRITTEN:
        write(make.__name__, make())
