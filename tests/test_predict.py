"""``python -m lenet_d2l predict``."""

import math
import os
import re

import pytest
import torch
from command_line import USAGE, run
from PIL import Image

from lenet_d2l import d2l, lenet
from lenet_d2l.commands import predict as cli
from lenet_d2l.datasets.fashion_mnist import CLASSES
from lenet_d2l.results.runs import (
    PUBLISHED,
    WEIGHTS,
    load_weights,
    save_run,
)

LABELS = d2l.get_fashion_mnist_labels(range(10))


@pytest.fixture
def example(fashion_mnist, tmp_path):
    """A test image, shape (1, 1, 28, 28), and a file of it."""
    X = fashion_mnist[1].dataset.tensors[0][:1]
    pixels = (255 * X[0, 0]).round().byte().numpy()
    Image.fromarray(pixels).save(tmp_path / "boot.png")
    return X, tmp_path / "boot.png"


def shown(output):
    """The picture, the classes, and the lines after them."""
    lines = output.splitlines()
    assert lines[28] == ""
    rows = [re.fullmatch(r"(.+?) +([01]\.\d{3})", r) for r in lines[29:39]]
    assert lines[39] == ""
    return lines[:28], [(row[1], float(row[2])) for row in rows], lines[40:]


def test_the_ten_probabilities_are_the_published_nets(example, capsys):
    X, file = example
    assert run("predict", file) == 0
    _, rows, (answer, limits) = shown(capsys.readouterr().out)
    net = lenet()
    load_weights(net, PUBLISHED / WEIGHTS)
    with torch.no_grad():
        expected = net(X).softmax(dim=1)[0].tolist()
    assert sorted(name for name, _ in rows) == sorted(LABELS)
    for name, probability in rows:
        true = expected[LABELS.index(name)]
        assert probability == pytest.approx(true, abs=6e-4)
    assert rows == sorted(rows, key=lambda row: -row[1])
    best = max(range(10), key=expected.__getitem__)
    assert answer == f"The net's answer: {LABELS[best]}"
    assert rows[0][0] == LABELS[best]
    assert "whatever it sees" in limits


def test_other_weights_give_other_answers(example, tmp_path, capsys):
    net = lenet()
    with torch.no_grad():
        net[-1].weight.zero_()
        net[-1].bias.copy_(torch.arange(10.0))
    save_run(tmp_path, net, [])
    weights = tmp_path / "weights.safetensors"
    assert run("predict", example[1], "--weights", weights) == 0
    _, rows, _ = shown(capsys.readouterr().out)
    assert [name for name, _ in rows] == LABELS[::-1]


def test_the_picture_is_drawn_as_the_net_sees_it(example, capsys):
    X, file = example
    assert run("predict", file) == 0
    art, _, _ = shown(capsys.readouterr().out)
    for row, pixels in zip(art, X[0, 0], strict=True):
        row = row.ljust(56)
        assert row[::2] == row[1::2]
        steps = [cli.BLOCKS.index(block) / 4 for block in row[::2]]
        assert (torch.tensor(steps) - pixels).abs().max() <= 0.126


@pytest.mark.parametrize(
    ("encoding", "greys"),
    [
        ("utf-8", cli.BLOCKS),
        ("cp437", cli.BLOCKS),
        ("ascii", cli.ASCII),
        ("cp1252", cli.ASCII),
        (None, cli.ASCII),
    ],
)
def test_text_art_in_what_the_encoding_has(encoding, greys):
    ramp = torch.linspace(0, 1, len(greys)).reshape(1, 1, 1, -1)
    art = cli.text_art(ramp, encoding)
    assert art == "".join(2 * grey for grey in greys)
    assert cli.text_art(1 - ramp, encoding) == art[::-1].rstrip()


# What the name of a picture brings; none has an answer
WRONG = {
    "none.png": "there is no file .*none.png",
    "folder": "'.*folder' is a folder",
    "pipe": "'.*pipe' is a pipe or a device",
    "text.png": "text.png is no picture in PNG, JPEG",
    "cut.png": "cut.png is damaged: .*truncated",
    "white.png": "white.png is empty",
    "bomb.png": "bomb.png has more than 50,000 pixels",
    # Pillow would have Ghostscript run what is in it
    "program.eps": "program.eps is no picture in PNG, JPEG",
    "nan.tif": "nan.tif is damaged: not all pixels are finite numbers",
    "n" * 256: "File name too long",
    "\x1b[2Jred\n.png": r"there is no file .*\\x1b\[2Jred\\n.png",
    os.fsdecode(b"\xff.png"): r"there is no file .*\\udcff.png",
}


@pytest.mark.parametrize("name", WRONG)
@pytest.mark.filterwarnings("error")
def test_a_picture_that_cannot_be_read_is_one_line(
    tmp_path, monkeypatch, capsys, name
):
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "text.png").write_text("no picture\n" * 99)
    noise = (255 * torch.rand(100, 100)).byte().numpy()
    Image.fromarray(noise).save(tmp_path / "cut.png")
    half = (tmp_path / "cut.png").read_bytes()[:5000]
    (tmp_path / "cut.png").write_bytes(half)
    Image.new("L", (28, 28), 255).save(tmp_path / "white.png")
    Image.new("L", (300, 300), 255).save(tmp_path / "bomb.png")
    Image.new("L", (28, 28)).save(tmp_path / "program.eps")
    Image.new("F", (28, 28), math.nan).save(tmp_path / "nan.tif")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 50_000)
    assert run("predict", tmp_path / name) == USAGE
    out, err = capsys.readouterr()
    assert out == ""
    (line,) = err.splitlines()
    assert line.isprintable()
    assert re.fullmatch(f".*error: argument IMAGE: .*{WRONG[name]}.*", line)


def test_the_classes_are_those_of_d2l():
    assert list(CLASSES) == LABELS
