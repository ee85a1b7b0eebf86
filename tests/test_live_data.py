"""The data of the book's live parts: what live.py would write now."""

import base64
import gzip

import live
import numpy as np
import pytest
import torch
from conftest import live_data
from facts import printed


@pytest.mark.parametrize(
    "make",
    [live.weights, live.images, live.boot, live.spread],
    ids=lambda make: make.__name__,
)
def test_data_are_what_the_book_has(make):
    written, made = live_data(make.__name__), make()
    if make is live.images:  # The last bits may differ on another processor
        pairs = zip(written["images"]["list"], made["images"]["list"])
        for row, again in pairs:
            logits = row.pop("logits"), again.pop("logits")
            assert logits[0] == pytest.approx(logits[1], abs=1e-5)
    assert written == made, "make live"


def test_accuracies_are_those_of_chapter_9():
    measured = live_data("measured")["measured"]
    shifts, right, down = printed("09", "{}: to the right {}, down {}")
    for shift, *accuracies in zip(shifts, right, down):
        at = f"{shift:.0f}"
        here = measured["right"][at], measured["down"][at]
        assert here == pytest.approx(accuracies)
    for name, line in (("angle", "{} degrees: {}"), ("noise", "sd {}: {}")):
        for at, accuracy in zip(*printed("09", line)):
            assert measured[name][f"{at:g}"] == pytest.approx(accuracy)


def test_a_map_that_is_off_is_zero(fashion_mnist):
    """Not its mean, as in an exercise of chapter 9."""
    measured = live_data("measured")["measured"]
    X, y = fashion_mnist[1].dataset.tensors
    net = live.published()
    with torch.no_grad():
        maps = net[:3](X)
        maps[:, 0] = 0
        right = net[3:](maps).argmax(1) == y
    assert measured["off"]["C1 0"] == right.double().mean().item()


def test_the_part_holds_the_first_images(fashion_mnist):
    part = live_data("part")["part"]
    for loader, (name, count) in zip(
        fashion_mnist, (("train", live.TRAIN), ("test", live.TEST))
    ):
        X, y = loader.dataset[:count]
        content = gzip.decompress(base64.b64decode(part[name]["images"]))
        pixels = np.frombuffer(content, np.uint8) / np.float32(255)
        assert (pixels == X.numpy().ravel()).all()
        labels = np.frombuffer(base64.b64decode(part[name]["labels"]), "u1")
        assert labels.tolist() == y.tolist()
        assert part[name]["count"] == count
