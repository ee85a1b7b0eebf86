"""MNIST where a reader has it. Its real files are not part of the tests."""

import json

import pytest
from command_line import run
from conftest import STUDIES

from lenet_d2l.datasets.idx_files import IdxFiles
from lenet_d2l.datasets.mnist import MNIST, read_mnist
from lenet_d2l.studies.recipes import Recipe
from lenet_d2l.studies.runner import run_study
from lenet_d2l.studies.study import Study
from lenet_d2l.studies.table import StudyFileError


@pytest.fixture(autouse=True)
def no_source(tmp_path, monkeypatch):
    """An empty cache, and mirrors that are away."""

    def unreachable(self, scratch):
        raise OSError("the network is away")

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(IdxFiles, "download", unreachable)


def test_what_the_mirrors_bring_is_verified_and_kept(
    small_data, small_files, monkeypatch
):
    monkeypatch.setattr(IdxFiles, "download", lambda *args: small_data)
    assert read_mnist() == small_files
    monkeypatch.setattr(IdxFiles, "download", None)
    assert read_mnist() == small_files
    assert MNIST.cache_folder().name == "mnist"


def test_a_file_that_is_not_mnists_is_refused_by_name(small_data):
    (small_data / "t10k-labels-idx1-ubyte").write_bytes(b"another")
    with (
        pytest.warns(UserWarning, match="t10k-labels-idx1-ubyte is damaged"),
        pytest.raises(FileNotFoundError) as error,
    ):
        read_mnist(small_data)
    first, _, cache, mirrors, remedy = str(error.value).splitlines()
    assert first == "MNIST was not found. Tried:"
    assert cache.startswith("  - the cache: no train-images-idx3-ubyte")
    assert mirrors == "  - torchvision's mirrors: the network is away"
    assert remedy.startswith("To mend this: if you have MNIST, put the four")


@pytest.mark.parametrize(
    "command",
    [
        ["--out", "run"],
        ["study", STUDIES / "lenet5.py", "--seeds=0:5", "--out=new.csv"],
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
    assert "--data-dir FOLDER" in said
    assert not list(tmp_path.glob("*.csv"))


def test_a_study_says_its_data_and_mixes_no_two(small_data, tmp_path):
    one = Study({"post": Recipe(num_epochs=1)})
    file = tmp_path / "digits.csv"
    run_study(one, [0], file, data_dir=small_data, n_jobs=1, data="mnist")
    settings = json.loads(file.with_suffix(".json").read_text())
    assert settings["data"] == "mnist"
    with pytest.raises(StudyFileError, match="was made with data mnist"):
        run_study(one, [1], file, n_jobs=1)
    assert len(file.read_text().splitlines()) == 2
