"""MNIST where a reader has it. Its real files are not part of the tests."""

import gzip
import hashlib
import json

import numpy as np
import pytest
import torch
from command_line import run
from conftest import STUDIES

from lenet_d2l import load_data_mnist
from lenet_d2l.datasets.fashion_mnist import FASHION_MNIST
from lenet_d2l.datasets.idx_files import IdxFiles
from lenet_d2l.datasets.mnist import MNIST, read_mnist
from lenet_d2l.studies.recipes import Recipe
from lenet_d2l.studies.runner import Study, StudyFileError, run_study

SIZES = {"train": 300, "t10k": 100}


@pytest.fixture(autouse=True)
def no_source(tmp_path, monkeypatch):
    """An empty cache, and mirrors that are away."""

    def unreachable(self, scratch):
        raise OSError("the network is away")

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(IdxFiles, "download", unreachable)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Four files like MNIST's but small, whose digests pass for its own."""
    rng = np.random.default_rng(0)
    folder = tmp_path / "digits"
    folder.mkdir()
    for part, n in SIZES.items():
        images = bytes(16) + rng.integers(0, 256, n * 784, "u1").tobytes()
        labels = bytes(8) + rng.integers(0, 10, n, "u1").tobytes()
        for kind, content in [
            ("images-idx3-ubyte", images),
            ("labels-idx1-ubyte", labels),
        ]:
            name = f"{part}-{kind}"
            (folder / name).write_bytes(content)
            digest = hashlib.sha256(content).hexdigest()
            monkeypatch.setitem(MNIST.sha256, name, digest)
    return folder


def test_a_folder_with_the_files_is_read_and_made_minibatches(folder):
    train_iter, test_iter = load_data_mnist(64, folder)
    assert [len(y) for _, y in test_iter] == [64, 36]
    X, y = next(iter(train_iter))
    assert X.shape == (64, 1, 28, 28) and X.dtype == torch.float32
    assert y.dtype == torch.int64
    assert X.min() >= 0 and X.max() == 1


def test_files_are_read_from_torchvisions_folder_and_from_gz(
    folder, tmp_path
):
    raw = tmp_path / "root" / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for file in folder.iterdir():
        zipped = gzip.compress(file.read_bytes())
        (raw / f"{file.name}.gz").write_bytes(zipped)
    assert read_mnist(tmp_path / "root") == read_mnist(folder)


def test_what_the_mirrors_bring_is_verified_and_kept(folder, monkeypatch):
    monkeypatch.setattr(IdxFiles, "download", lambda self, scratch: folder)
    files = read_mnist()
    monkeypatch.setattr(IdxFiles, "download", None)
    assert read_mnist() == files
    assert MNIST.cache_folder().name == "mnist"


def test_a_file_that_is_not_mnists_is_refused_by_name(folder):
    file = folder / "t10k-labels-idx1-ubyte"
    file.write_bytes(file.read_bytes()[:-1] + b"\x0b")
    with (
        pytest.warns(UserWarning, match="t10k-labels-idx1-ubyte is damaged"),
        pytest.raises(FileNotFoundError, match="MNIST was not found"),
    ):
        read_mnist(folder)


def test_the_digests_are_not_fashion_mnists():
    ours, theirs = MNIST.sha256, FASHION_MNIST.sha256
    assert ours.keys() == theirs.keys()
    assert not set(ours.values()) & set(theirs.values())


@pytest.mark.parametrize(
    "command",
    [
        ["--out", "run"],
        [
            "study",
            STUDIES / "lenet5.py",
            "--seeds",
            "0:5",
            "--out",
            "new.csv",
        ],
    ],
    ids=["train", "study"],
)
def test_without_the_files_the_command_says_what_helps(
    command, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    assert run(*command, "--data", "mnist") == 1
    said = capsys.readouterr().err
    assert said.startswith("MNIST was not found. Tried:")
    assert "the network is away" in said
    assert "--data-dir FOLDER" in said
    assert not list(tmp_path.glob("*.csv"))


def test_a_study_says_its_data_and_mixes_no_two(folder, tmp_path):
    one = Study({"post": Recipe(num_epochs=1)})
    file = tmp_path / "digits.csv"
    run_study(one, [0], file, data_dir=folder, n_jobs=1, data="mnist")
    assert (
        json.loads(file.with_suffix(".json").read_text())["data"] == "mnist"
    )
    assert len(file.read_text().splitlines()) == 2
    with pytest.raises(StudyFileError, match="was made with data mnist"):
        run_study(one, [1], file, n_jobs=1)
    assert len(file.read_text().splitlines()) == 2
