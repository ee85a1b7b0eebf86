"""What several tests share: the data, loaded once, and a small part of it."""

import hashlib
import json
import os
import re
import shutil
import sys
from importlib import import_module
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from bs4 import BeautifulSoup
from hypothesis import HealthCheck, settings
from torch.utils.data import DataLoader, TensorDataset

from lenet_d2l import load_data_fashion_mnist
from lenet_d2l.datasets.fashion_mnist import FASHION_MNIST
from lenet_d2l.datasets.mnist import MNIST
from lenet_d2l.studies.recipes import Recipe
from lenet_d2l.studies.study import Study

BOOK = Path(__file__).parents[1] / "book"
CHAPTERS = sorted(BOOK.glob("*.ipynb"))
SOLUTIONS = sorted(BOOK.glob("solutions/*.ipynb"))
NOTEBOOKS = CHAPTERS + SOLUTIONS
STUDIES = BOOK / "studies"
LIVE = BOOK / "_extra/live"
# Where the book's studies are defined, and what its live parts show
sys.path += [str(STUDIES), str(BOOK), str(BOOK / "zh"), str(BOOK / "_ext")]

# The same examples at each run, however slow the machine
settings.register_profile(
    "same",
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
settings.load_profile("same")

each_chapter = pytest.mark.parametrize(
    "chapter", CHAPTERS, ids=lambda path: path.name
)
each_notebook = pytest.mark.parametrize(
    "notebook",
    NOTEBOOKS,
    ids=lambda path: path.relative_to(BOOK).as_posix(),
)


def files_of_toc():
    """The pages of the table of contents, by their names in it, in order."""
    toc = yaml.safe_load((BOOK / "_toc.yml").read_text())
    rows = [row for part in toc["parts"] for row in part["chapters"]]
    rows += [page for row in rows for page in row.get("sections", [])]
    return [row["file"] for row in rows]


def live_data(name):
    """What a script of the live parts' data sets, by the names in it."""
    script = (LIVE / f"data/{name}.js").read_text(encoding="utf-8")
    found = re.findall(r"^live\.data\.(\w+) = (.*);$", script, re.M)
    return {key: json.loads(value) for key, value in found}


@pytest.fixture(scope="session")
def fashion_mnist():
    """The minibatches of the whole data: train_iter, test_iter."""
    return load_data_fashion_mnist(256)


@pytest.fixture(scope="session")
def some_images(fashion_mnist):
    """600 training examples as minibatches of 256, 256 and 88."""
    X, y = fashion_mnist[0].dataset[:600]
    return DataLoader(TensorDataset(X, y), batch_size=256)


@pytest.fixture(scope="session")
def small_files():
    """Four files in the format of the data sets', by name, of random bytes.

    They hold 300 training examples and 100 of test.
    """
    rng, files = np.random.default_rng(0), {}
    for part, n in ("train", 300), ("t10k", 100):
        for kind, magic, shape, stop in (
            ("images-idx3-ubyte", 2051, (n, 28, 28), 256),
            ("labels-idx1-ubyte", 2049, (n,), 10),
        ):
            header = np.array((magic, *shape), ">u4").tobytes()
            content = rng.integers(0, stop, shape, "u1").tobytes()
            files[f"{part}-{kind}"] = header + content
    return files


@pytest.fixture
def small_data(small_files, tmp_path, monkeypatch):
    """A folder with the small files, which pass for both data sets' own."""
    folder = tmp_path / "small"
    folder.mkdir()
    for name, content in small_files.items():
        (folder / name).write_bytes(content)
        digest = hashlib.sha256(content).hexdigest()
        for files in FASHION_MNIST, MNIST:
            monkeypatch.setitem(files.sha256, name, digest)
    return folder


@pytest.fixture(scope="session")
def read_study():
    """How to read a study of the book, by its name."""
    return lambda name: pd.read_csv(STUDIES / f"{name}.csv")


def defined_study(name):
    """A study of the book as its file, or the command seeds, defines it."""
    if name in ("seeds", "plain", "avx2"):
        return Study({"post": Recipe()})
    return import_module(name).STUDY


@pytest.fixture(scope="session")
def browser():
    """Chromium without a window."""
    api = pytest.importorskip("playwright.sync_api")
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if not chromium:
        pytest.skip("Chromium is not installed")
    with api.sync_playwright() as playwright:
        options = {"executable_path": chromium, "args": ["--no-sandbox"]}
        with playwright.chromium.launch(**options) as launched:
            yield launched


@pytest.fixture
def open_live(browser, tmp_path):
    """How to open, from disk, a page with some of the live scripts.

    No error may reach the page's console while the test runs. `words` is a
    dictionary of their texts in Chinese.
    """
    errors, opened = [], []

    def open_page(scripts, body="", words=None, **settings):
        file = tmp_path / f"live{len(opened)}.html"
        sources = [
            f'<script src="{LIVE.as_uri()}/{name}.js"></script>'
            for name in scripts.split()
        ]
        if words:
            code = f"live.data.words = {json.dumps(words)}"
            sources.insert(1, f"<script>{code}</script>")
        file.write_text(
            f'<!doctype html><html lang="{"zh-CN" if words else "en"}">'
            f'<meta charset="utf-8"><title>Live</title>'
            f'<link rel="stylesheet" href="{LIVE.as_uri()}/live.css">'
            f"<main>{body}</main>{''.join(sources)}",
            encoding="utf-8",
        )
        opened.append(browser.new_page(**settings))
        opened[-1].on("pageerror", lambda error: errors.append(str(error)))
        opened[-1].on(
            "console",
            lambda said: said.type == "error" and errors.append(said.text),
        )
        opened[-1].goto(file.as_uri())
        return opened[-1]

    yield open_page
    for page in opened:
        page.close()
    assert not errors


@pytest.fixture
def closed_pipe():
    """A file whose reader has gone."""
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as file:
        yield file


@pytest.fixture(scope="session")
def site():
    """The folder of the book's HTML, as `make book` has built it."""
    built = BOOK / "_build/html/zh/searchindex.js"  # Which comes last
    since = built.stat().st_mtime if built.exists() else 0
    kinds = {".md", ".ipynb", ".yml", ".bib", ".html", ".py"}
    kinds |= {".css", ".js", ".svg", ".toml"}
    newer = [
        file.name
        for file in BOOK.rglob("*")
        if file.suffix in kinds
        and not {"_build", "runs"} & {*file.parts}
        and file.stat().st_mtime > since
    ]
    assert not newer, "the HTML is not of this book: make book"
    return built.parents[1]


@pytest.fixture(scope="session")
def pages(site):
    """Each page's address within the site, with its HTML parsed."""
    return {
        path.relative_to(site).as_posix(): BeautifulSoup(
            path.read_text(encoding="utf-8"), "html.parser"
        )
        for path in sorted(site.rglob("*.html"))
        if "_static" not in path.parts  # The theme's templates
    }


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)


@pytest.fixture(autouse=True)
def no_window():
    plt.switch_backend("agg")
    yield
    plt.close("all")


@pytest.fixture(autouse=True, scope="session")
def one_thread():
    """More threads mostly wait for each other where the machine is busy."""
    torch.set_num_threads(1)
