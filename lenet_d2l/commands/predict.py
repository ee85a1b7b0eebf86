"""``predict``: what the net takes a picture for."""

import argparse
import logging
import sys
from contextlib import suppress
from typing import Any

from .._files import reason
from .arguments import (
    Parser,
    add_device,
    check_device,
    existing_file,
    read_weights,
)

BLOCKS, ASCII = " ░▒▓█", " .:-=+*#%@"  # From black to white

HELP = "show a picture as the net sees it, and what the net takes it for"
DESCRIPTION = (
    "Show a picture as the net sees it, and how probable the net finds each "
    "class. The net knows ten kinds of clothing and nothing else."
)


def add_arguments(parser: Parser) -> None:
    """Let ``parser`` take what the command needs."""
    parser.add_argument(
        "image",
        type=existing_file,
        metavar="IMAGE",
        help="a picture of one item on a plain background: PNG, JPEG, WebP, "
        "GIF, BMP, TIFF",
    )
    parser.add_argument(
        "--weights",
        type=existing_file,
        metavar="FILE",
        help="the net's weights (safetensors; default: those of the run "
        "that the book shows)",
    )
    add_device(parser)


def text_art(X: Any, encoding: str | None) -> str:
    """Draw an image, a tensor (1, 1, h, w) in [0, 1], as text.

    A pixel is two blocks, or two of ASCII where ``encoding`` has no blocks.
    """
    greys = ASCII
    with suppress(UnicodeEncodeError):
        BLOCKS.encode(encoding or "ascii")
        greys = BLOCKS
    steps = (X[0, 0] * (len(greys) - 1)).round().int().tolist()
    return "\n".join(
        "".join(2 * greys[step] for step in row).rstrip() for row in steps
    )


def run(parser: Parser, args: argparse.Namespace) -> int:
    """Classify a picture; return the exit code."""
    import torch

    from ..datasets.fashion_mnist import CLASSES
    from ..datasets.pictures import read_picture
    from ..net import lenet
    from ..results.runs import PUBLISHED, WEIGHTS

    check_device(parser, args.device)
    # Its errors are ours to tell, in one line
    logging.getLogger("PIL").setLevel(logging.CRITICAL)
    net = lenet()
    read_weights(parser, net, args.weights or PUBLISHED / WEIGHTS)
    try:
        X = read_picture(args.image)
    except OSError as error:
        parser.error(f"argument IMAGE: {args.image}: {reason(error)}")
    except ValueError as error:
        parser.error(f"argument IMAGE: {error}")

    net.to(args.device).eval()
    with torch.no_grad():
        probabilities = net(X.to(args.device)).softmax(dim=1)[0].cpu()
    print(text_art(X, sys.stdout.encoding), end="\n\n")
    order = probabilities.argsort(descending=True, stable=True).tolist()
    for i in order:
        print(f"{CLASSES[i]:<12}{probabilities[i]:.3f}")
    print(f"\nThe net's answer: {CLASSES[order[0]]}")
    print(
        "It knows only these ten kinds of clothing, and answers with one of "
        "them whatever it sees."
    )
    return 0
