"""``seeds`` and ``study`` on the command line; nothing is trained."""

import sys

import pandas as pd
import pytest
from command_line import USAGE, run, the_error_line
from conftest import STUDIES, defined_study
from distributed import LocalCluster

from lenet_d2l.studies import runner

# A study whose rows say from which seed they are, and from which process
TINY = """
import os

from lenet_d2l.results.runs import EpochRow
from lenet_d2l.studies.recipes import Recipe
from lenet_d2l.studies.study import Study


def invented(recipe, seed, *others):
    pid = float(os.getpid())
    return [EpochRow(e, float(seed), 0.5, pid) for e in range(2)]


STUDY = Study({"post": Recipe(num_epochs=2, lr=0.9)}, invented)
"""


@pytest.fixture(autouse=True)
def empty_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def calls(monkeypatch):
    """The arguments of each study that a command would run."""
    calls = []
    monkeypatch.setattr(runner, "run_study", lambda *args: calls.append(args))
    return calls


@pytest.fixture
def tiny(empty_folder):
    """A file that defines a study; its name is new, as modules are kept."""
    file = empty_folder / f"tiny_{empty_folder.name}.py"
    file.write_text(TINY)
    yield file
    sys.modules.pop(file.stem, None)


def seeds(*more):
    return run("seeds", "--seeds", "0:2", "--out", "seeds.csv", *more)


def study(file, *more):
    return run("study", file, "--seeds", "0:2", "--out", "seeds.csv", *more)


def cluster(workers):
    return LocalCluster(
        n_workers=workers, threads_per_worker=1, dashboard_address=None
    )


# What a command asks of a study


def test_seeds_trains_the_posts_recipe(calls, empty_folder):
    out = empty_folder / "new.csv"
    assert run("seeds", "--seeds", "0:100", "--out", out, "--plain") == 0
    asked = range(100), out, "cpu", None, -1, "fashion-mnist", True
    assert calls == [(defined_study("seeds"), *asked)]


@pytest.mark.parametrize("file", sorted(STUDIES.glob("*.py")))
def test_study_does_the_study_of_the_file(file, calls, empty_folder):
    out = empty_folder / "new.csv"
    options = ["--seeds", "7:9", "--jobs", 3, "--device", "cpu"]
    assert run("study", file, *options, "--out", out) == 0
    asked = range(7, 9), out, "cpu", None, 3, "fashion-mnist", False
    assert calls == [(defined_study(file.stem), *asked)]


@pytest.mark.slow
def test_a_study_is_done_by_processes_and_goes_on(tiny, capsys):
    assert study(tiny, "--jobs", 2) == 0
    assert study(tiny, "--jobs", 1, "--seeds", "0:3") == 0
    table = pd.read_csv("seeds.csv")
    assert sorted(table.seed) == [0, 0, 1, 1, 2, 2]
    assert (table.train_loss == table.seed).all()
    assert "runs in seeds.csv: 2, to do: 1" in capsys.readouterr().out


# What goes wrong


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.py", "raise SystemExit", "a.py: SystemExit()"),
        ("a.py", "1 / 0", "a.py: ZeroDivisionError('division by zero')"),
        ("a.py", "STUDY = 1", "ImportError('it defines no Study named STUDY"),
        (
            *("a.py", TINY.replace("Study({", "Study([]) or ({")),
            "TypeError('its STUDY has no dict of recipes')",
        ),
        ("a.py", "", "ImportError('it defines no Study named STUDY')"),
        ("a.txt", TINY, "ImportError('it does not end in .py')"),
        ("statistics.py", TINY, "statistics.py has the same name"),
    ],
)
def test_a_file_that_defines_no_study_is_one_line(
    name, text, said, calls, empty_folder, capsys
):
    (empty_folder / name).write_text(text)
    assert study(name) == USAGE
    sys.modules.pop("a", None)
    line = the_error_line(capsys, "study")
    assert "argument FILE.py: " in line
    assert said in line
    assert calls == []


@pytest.mark.parametrize(
    ("error", "code", "out", "err"),
    [
        (KeyboardInterrupt, 130, "stopped; the same command goes on", ""),
        (RuntimeError("a\n b"), 1, "", "lenet_d2l seeds: stopped: a b\n"),
    ],
)
def test_what_ends_a_study_is_one_line(
    error, code, out, err, monkeypatch, capsys
):
    def fail(*args):
        raise error

    monkeypatch.setattr(runner, "run_study", fail)
    assert seeds() == code
    printed = capsys.readouterr()
    assert out in printed.out
    assert printed.err in (err, f"python -m {err}")


# A cluster


@pytest.mark.slow
def test_a_cluster_does_the_runs(tiny):
    beside = tiny.with_stem(f"{tiny.stem}_epochs")
    beside.write_text("EPOCHS = range(2)\n")
    text = TINY.replace("range(2)", "EPOCHS")
    tiny.write_text(f"from {beside.stem} import EPOCHS\n{text}")
    with cluster(2) as two:
        workers = {worker.pid for worker in two.workers.values()}
        assert study(tiny, "--cluster", two.scheduler_address) == 0
    table = pd.read_csv("seeds.csv")
    assert sorted(table.seed) == [0, 0, 1, 1]
    assert set(table.test_acc) <= workers


@pytest.mark.slow
def test_a_cluster_that_cannot_do_the_runs_is_one_line(
    calls, monkeypatch, capsys
):
    """One of one thread joblib would leave alone, and do the runs itself."""
    with cluster(1) as one:
        assert seeds("--cluster", one.scheduler_address) == USAGE
    line = the_error_line(capsys, "seeds")
    assert "have 1 threads; they need at least 2" in line
    away = "tcp://127.0.0.1:9"
    assert seeds("--cluster", away) == USAGE
    line = the_error_line(capsys, "seeds")
    assert f"argument --cluster: {away}: Timed out" in line
    monkeypatch.setitem(sys.modules, "distributed", None)
    assert seeds("--cluster", away) == USAGE
    line = the_error_line(capsys, "seeds")
    assert "argument --cluster: Dask is missing; pip install 'lenet" in line
    assert calls == []
    assert seeds() == 0  # It is needed for a cluster only
