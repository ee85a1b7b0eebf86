"""``predict``: what the net takes a picture for."""

import sys
from pathlib import Path

import torch
from torch import Tensor

from .._d2l import d2l
from ..datasets.pictures import read_picture
from ..net import lenet
from ..results.runs import PUBLISHED as PUBLISHED_RUN
from ..results.runs import WEIGHTS, load_weights
from .arguments import Parser, device_here

BLOCKS, ASCII = " ░▒▓█", " .:-=+*#%@"  # From black to white
PUBLISHED = PUBLISHED_RUN / WEIGHTS


def parser() -> Parser:
    """Return the parser of the command line."""
    result = Parser(
        prog="python -m lenet_d2l predict",
        description="Show a picture as the net sees it, and how probable "
        "the net finds each class. It knows ten kinds of clothing and "
        "nothing else.",
    )
    add = result.add_argument
    add(
        "image",
        type=Path,
        metavar="IMAGE",
        help="a picture of one item on a plain background, any format that "
        "Pillow reads",
    )
    add(
        "--weights",
        type=Path,
        metavar="FILE",
        help="the net's weights (safetensors; default: those of the run "
        "that the book shows)",
    )
    add(
        "--device",
        type=device_here,
        default="cpu",
        help="where to compute (default: %(default)s)",
    )
    return result


def text_art(X: Tensor, encoding: str | None) -> str:
    """Draw images (1, 1, h, w) in [0, 1] as text, two characters a pixel.

    In block characters, or in ASCII where ``encoding`` has no blocks.
    """
    try:
        BLOCKS.encode(encoding or "ascii")
        greys = BLOCKS
    except UnicodeEncodeError:
        greys = ASCII
    steps = (X[0, 0] * (len(greys) - 1)).round().int().tolist()
    return "\n".join(
        "".join(2 * greys[step] for step in row).rstrip() for row in steps
    )


def predict(arguments: list[str]) -> int:
    """Classify a picture; return the exit code."""
    command = parser()
    args = command.parse_args(arguments)
    if args.weights is None and not PUBLISHED.is_file():
        command.error(
            f"the book's weights are not at {PUBLISHED}; name others with "
            f"--weights"
        )
    net = lenet()
    try:
        load_weights(net, args.weights or PUBLISHED)
    except (OSError, ValueError) as error:
        command.error(f"argument --weights: {error}")
    try:
        X = read_picture(args.image)
    except OSError as error:
        command.error(f"argument IMAGE: {args.image}: {error.strerror}")
    except ValueError as error:
        command.error(f"argument IMAGE: {error}")

    net.to(args.device).eval()
    with torch.no_grad():
        probabilities = net(X.to(args.device)).softmax(dim=1)[0].cpu()
    labels = d2l.get_fashion_mnist_labels(range(10))
    print(text_art(X, sys.stdout.encoding), end="\n\n")
    order = probabilities.argsort(descending=True, stable=True).tolist()
    for i in order:
        print(f"{labels[i]:<12}{probabilities[i]:.3f}")
    print(f"\nThe net's answer: {labels[order[0]]}")
    print(
        "It knows these ten kinds of clothing alone, and answers with one "
        "of them whatever it sees."
    )
    return 0
