"""The README: short, and what it names is there; its picture is current.

The numbers of its tables are compared by ``test_prose``.
"""

import re
import runpy
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from lenet_d2l.__main__ import COMMANDS, parser
from lenet_d2l.results import post

ROOT = Path(__file__).parents[1]
STATIC = ROOT / "book" / "_static"
README = (ROOT / "README.md").read_text(encoding="utf-8")
SVG = "{http://www.w3.org/2000/svg}"


def test_it_is_short():
    assert len(README.splitlines()) <= 110


def test_its_links_lead_somewhere():
    links = re.findall(r"\]\(([^)#]+)\)", README)
    assert "LICENSE" in links and "book/_static/picture.svg" in links
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_folders_it_names_exist_and_all_of_the_package_are_named():
    named = set(re.findall(r"^\| `([\w/]+/)` \|", README, re.M))
    assert {name for name in named if not (ROOT / name).is_dir()} == set()
    rooms = {
        f"lenet_d2l/{file.parent.name}/"
        for file in ROOT.glob("lenet_d2l/*/__init__.py")
    }
    assert rooms <= named


def test_its_make_targets_exist():
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.M)
    assert set(re.findall(r"\bmake ([a-z]+)\b", README)) <= set(targets)


def test_its_command_lines_are_understood(monkeypatch):
    # The picture is the reader's own
    monkeypatch.setattr(Path, "is_file", lambda path: True)
    lines = re.findall(r"^\| `lenet-d2l ([^`]+)` \|", README, re.M)
    assert [line.split()[0] for line in lines] == list(COMMANDS)
    for line in lines:
        parser("lenet-d2l").parse_args(line.split())


def test_its_code_has_ten_lines_and_runs_to_the_training(fashion_mnist):
    (code,) = re.findall(r"^```python\n(.*?)^```", README, re.M | re.S)
    assert len(code.splitlines()) <= 10
    *lines, training = code.splitlines()
    names = {}
    exec("\n".join(lines), names)
    assert eval(training.partition("(")[0].partition(" = ")[2], names)
    assert names["net"](next(iter(names["test_iter"]))[0]).shape == (256, 10)


@pytest.fixture(scope="module")
def picture():
    return ET.parse(STATIC / "picture.svg")


@pytest.fixture(scope="module")
def redrawn(tmp_path_factory, fashion_mnist):
    folder = tmp_path_factory.mktemp("redrawn")
    runpy.run_path(str(ROOT / "book" / "picture.py"))["write"](folder)
    return folder


def texts(svg):
    return [node.text for node in svg.iter(f"{SVG}text")]


@pytest.mark.parametrize("name", ["picture", "answers", "film"])
def test_picture_says_what_it_would_say_if_it_was_drawn_now(name, redrawn):
    old, new = (ET.parse(f / f"{name}.svg") for f in (STATIC, redrawn))
    assert texts(old) == texts(new)
    images = [len([*svg.iter(f"{SVG}image")]) for svg in (old, new)]
    assert images[0] == images[1] == 10 * (name != "film")


def test_film_ends_with_all_curves_and_shows_them_at_once_without_motion():
    text = (STATIC / "film.svg").read_text(encoding="utf-8")
    assert re.search(
        r"#sheet \{ opacity: 0 \}\n\s*@media \(prefers-red", text
    )
    assert text.count('id="sheet"') == 1 and "infinite" not in text


def test_preview_of_a_shared_link_has_the_size_that_services_ask_for():
    with Image.open(STATIC / "preview.png") as preview:
        assert preview.size == (1200, 630)


def test_picture_has_the_spread_of_the_seeds_and_the_posts_curve(picture):
    study = pd.read_csv(ROOT / "book" / "studies" / "seeds.csv")
    last = study[study.epoch == study.epoch.max()].test_acc
    ends = {  # Of each name in the SVG, what its last epoch has
        f"{inside}": last.quantile([0.5 - inside / 2, 0.5 + inside / 2])
        for inside in (1, 0.9, 0.5)
    } | {"post": [post.LOG[-1].test_acc]}
    x, y = [], []
    for group in picture.iter(f"{SVG}g"):
        if group.get("id") in ends:
            path = group.find(f".//{SVG}path").get("d")
            points = np.array(re.findall(r"[-\d.]+", path), float)
            across, down = points.reshape(-1, 2).T
            at_the_end = down[across == across.max()]
            x += sorted({*ends.pop(group.get("id"))}, reverse=True)
            y += sorted({*at_the_end})
    assert not ends
    # Each end is where its accuracy belongs, on one scale for all
    assert len(x) == len(y) == 7
    assert np.abs(np.polyval(np.polyfit(x, y, 1), x) - y).max() < 0.05


def test_picture_is_light():
    assert (STATIC / "picture.svg").stat().st_size < 150_000
