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
from lenet_d2l.studies.runner import Study


def invented(recipe, seed, *others):
    pid = float(os.getpid())
    return [EpochRow(e, float(seed), 0.5, pid) for e in range(2)]


STUDY = Study({"post": Recipe(num_epochs=2, lr=0.9)}, invented)
"""


@pytest.fixture(autouse=True)
def empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def calls(monkeypatch):
    """The arguments of each study that a command would run."""
    calls = []
    monkeypatch.setattr(runner, "run_study", lambda *args: calls.append(args))
    return calls


@pytest.fixture
def tiny(empty_folder, monkeypatch):
    """A file that defines a study; its name is new, as modules are kept."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    file = empty_folder / f"tiny_{empty_folder.name}.py"
    file.write_text(TINY)
    yield file
    sys.modules.pop(file.stem, None)


def seeds(*more):
    return run("seeds", "--seeds", "0:2", "--out", "seeds.csv", *more)


def study(file, *more):
    return run("study", file, "--seeds", "0:2", "--out", "seeds.csv", *more)


# What a command asks of a study


def test_seeds_trains_the_posts_recipe(calls, empty_folder):
    out = empty_folder / "new.csv"
    assert run("seeds", "--seeds", "0:100", "--out", out, "--plain") == 0
    ((study, *others),) = calls
    assert study == defined_study("seeds")
    asked = [range(100), out, "cpu", None, -1, "fashion-mnist", True]
    assert others == asked


@pytest.mark.parametrize("file", sorted(STUDIES.glob("*.py")))
def test_study_does_the_study_of_the_file(
    file, calls, empty_folder, monkeypatch
):
    monkeypatch.setattr(sys, "path", [*sys.path])
    out = empty_folder / "new.csv"
    options = ["--seeds", "7:9", "--jobs", 3, "--device", "cpu"]
    assert run("study", file, *options, "--out", out) == 0
    asked = range(7, 9), out, "cpu", None, 3, "fashion-mnist", False
    assert calls == [(defined_study(file.stem), *asked)]


def test_a_study_is_done_by_processes_and_goes_on(tiny, capsys):
    assert study(tiny, "--jobs", 2) == 0
    assert study(tiny, "--jobs", 1, "--seeds", "0:3") == 0
    table = pd.read_csv("seeds.csv")
    assert sorted(table.seed) == [0, 0, 1, 1, 2, 2]
    assert (table.train_loss == table.seed).all()
    assert "runs in seeds.csv: 2, to do: 1" in capsys.readouterr().out


# Input that is wrong


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "there is no file 'my_study.py'"),
        ("raise SystemExit", "my_study.py: SystemExit()"),
        ("1 / 0", "my_study.py: ZeroDivisionError('division by zero')"),
        ("x = 1", "ImportError('it defines no Study named STUDY')"),
        ("STUDY = 1", "ImportError('it defines no Study named STUDY')"),
    ],
)
def test_a_file_that_defines_no_study_is_one_line(
    text, said, calls, empty_folder, monkeypatch, capsys
):
    monkeypatch.setattr(sys, "path", [*sys.path])
    if text is not None:
        (empty_folder / "my_study.py").write_text(text)
    assert study("my_study.py") == USAGE
    sys.modules.pop("my_study", None)
    line = the_error_line(capsys, "study")
    assert "argument FILE.py: " in line
    assert said in line
    assert calls == []


def test_a_file_with_the_name_of_another_module_is_one_line(
    calls, empty_folder, monkeypatch, capsys
):
    monkeypatch.setattr(sys, "path", [*sys.path])
    (empty_folder / "statistics.py").write_text(TINY)
    assert study("statistics.py") == USAGE
    assert "statistics.py has the same name" in the_error_line(
        capsys, "study"
    )
    assert calls == []


def test_the_csv_of_another_study_is_refused_and_kept(
    tiny, empty_folder, capsys
):
    assert study(tiny, "--jobs", 1) == 0
    files = {f: f.read_text() for f in empty_folder.glob("*seeds*")}
    capsys.readouterr()
    tiny.write_text(TINY.replace("lr=0.9", "lr=0.55"))
    del sys.modules[tiny.stem]
    assert study(tiny, "--jobs", 1) == USAGE
    line = the_error_line(capsys, "study")
    assert "argument --out: seeds.csv was made with" in line
    assert "recipes.post.lr 0.9, this study has 0.55" in line
    assert {f.name for f in files} >= {"seeds.csv", "seeds.json"}
    assert all(file.read_text() == text for file, text in files.items())


# What goes wrong on the way


def failing_with(error, monkeypatch):
    def fail(*args):
        raise error

    monkeypatch.setattr(runner, "run_study", fail)


def test_a_run_that_cannot_be_done_is_one_line_and_exit_code_1(
    monkeypatch, capsys
):
    failing_with(RuntimeError("a worker has other versions"), monkeypatch)
    assert seeds() == 1
    assert capsys.readouterr().err.splitlines() == [
        "python -m lenet_d2l seeds: stopped: a worker has other versions"
    ]


def test_ctrl_c_says_how_to_go_on_and_exits_130(monkeypatch, capsys):
    failing_with(KeyboardInterrupt, monkeypatch)
    assert seeds() == 130
    printed = capsys.readouterr()
    assert printed.out.endswith(
        "\nstopped; the same command goes on from here\n"
    )
    assert printed.err == ""


# A cluster


def test_a_cluster_does_the_runs(tiny):
    with LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=None
    ) as cluster:
        workers = {worker.pid for worker in cluster.workers.values()}
        assert study(tiny, "--cluster", cluster.scheduler_address) == 0
    table = pd.read_csv("seeds.csv")
    assert sorted(table.seed) == [0, 0, 1, 1]
    assert set(table.test_acc) <= workers


def test_a_cluster_that_does_not_answer_is_one_line(calls, capsys):
    assert seeds("--cluster", "tcp://127.0.0.1:9") == USAGE
    line = the_error_line(capsys, "seeds")
    assert "argument --cluster: tcp://127.0.0.1:9: Timed out" in line
    assert calls == []


def test_a_cluster_of_one_thread_is_refused(calls, capsys):
    """joblib would leave it alone, and do the runs itself."""
    with LocalCluster(
        n_workers=1, threads_per_worker=1, dashboard_address=None
    ) as cluster:
        assert seeds("--cluster", cluster.scheduler_address) == USAGE
    assert "have 1 threads; they need at least 2" in the_error_line(
        capsys, "seeds"
    )
    assert calls == []


def test_a_cluster_without_dask_is_one_line_that_says_what_to_install(
    calls, monkeypatch, capsys
):
    monkeypatch.setitem(sys.modules, "distributed", None)
    assert seeds("--cluster", "tcp://127.0.0.1:9") == USAGE
    line = the_error_line(capsys, "seeds")
    assert "argument --cluster: Dask is missing" in line
    assert "pip install 'lenet-d2l[cluster]'" in line
    assert calls == []


def test_dask_is_needed_for_a_cluster_only(calls, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    assert seeds() == 0
