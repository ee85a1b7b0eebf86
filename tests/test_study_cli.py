"""``seeds`` and ``study`` on the command line; nothing is trained."""

import os
import sys
import time

import cloudpickle
import pandas as pd
import pytest
from command_line import USAGE, run
from distributed import LocalCluster

import lenet_d2l.commands.study as cli
from lenet_d2l.studies import SEEDS, STUDIES, EpochRow, Recipe, Study

# Dask's workers do not find this module, so its functions travel whole
cloudpickle.register_pickle_by_value(sys.modules[__name__])


def invented(recipe, seed, train_iter, test_iter, device):
    """Rows that say from which seed they are, and from which process."""
    pid = float(os.getpid())
    return [EpochRow(e, float(seed), 0.5, pid) for e in range(2)]


TINY = Study({"post": Recipe(num_epochs=2)}, invented)
OTHER = Study({"post": Recipe(num_epochs=2, lr=0.5)}, invented)


@pytest.fixture(autouse=True)
def empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def calls(monkeypatch):
    """The arguments of each study that a command would run."""
    calls = []
    monkeypatch.setattr(cli, "run_study", lambda *args: calls.append(args))
    return calls


@pytest.fixture
def tiny(monkeypatch):
    monkeypatch.setattr(cli, "SEEDS", TINY)


def seeds(*more):
    return run("seeds", "--seeds", "0:2", "--out", "seeds.csv", *more)


def the_error_line(capsys, command="seeds"):
    """The one line on stderr of a command line that is wrong."""
    printed = capsys.readouterr()
    assert printed.out == ""
    (line,) = printed.err.splitlines()
    assert line.startswith(f"python -m lenet_d2l {command}: error: ")
    return line


# What a command asks of a study


def test_seeds_trains_the_posts_recipe(calls, empty_folder):
    out = empty_folder / "new.csv"
    assert run("seeds", "--seeds", "0:100", "--out", out) == 0
    assert calls == [
        (SEEDS, range(100), out, "cpu", None, -1, "fashion-mnist")
    ]


@pytest.mark.parametrize("name", STUDIES)
def test_study_does_the_study_of_the_name(name, calls, empty_folder):
    out = empty_folder / "new.csv"
    options = ["--seeds", "7:9", "--jobs", 3, "--device", "cpu"]
    assert run("study", name, *options, "--out", out) == 0
    asked = STUDIES[name], range(7, 9), out, "cpu", None, 3, "fashion-mnist"
    assert calls == [asked]


def test_a_study_is_done_and_goes_on(tiny, capsys):
    assert seeds("--jobs", 1) == 0
    assert seeds("--jobs", 1, "--seeds", "0:3") == 0
    table = pd.read_csv("seeds.csv")
    assert table.seed.tolist() == [0, 0, 1, 1, 2, 2]
    assert table.train_loss.tolist() == [0, 0, 1, 1, 2, 2]
    assert "runs in seeds.csv: 2, to do: 1" in capsys.readouterr().out


# Input that is wrong

OUT = ["--out", "new.csv"]
RANGES = [
    *("5", "5:1", "a:b", "-1:3", "0:0", "1:2:3", "1.5:3", "3:", ":", ""),
    "0:99999999999999999999",
]


@pytest.mark.parametrize("value", RANGES)
def test_seeds_that_are_no_range_are_one_line(value, calls, capsys):
    assert run("seeds", f"--seeds={value}", *OUT) == USAGE
    line = the_error_line(capsys)
    assert "argument --seeds: must be two whole numbers" in line
    assert line.endswith(f"not {value!r}")
    assert calls == []


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("--out", "new.txt", "new.txt does not end in .csv"),
        ("--out", "new", "new does not end in .csv"),
        ("--out", "none/new.csv", "there is no folder none"),
        ("--data-dir", "nonsense", "'nonsense' is not a folder"),
        ("--jobs", "0", "a whole number of at least 1, not '0'"),
        ("--jobs", "-1", "a whole number of at least 1, not '-1'"),
        ("--jobs", "two", "a whole number of at least 1, not 'two'"),
        ("--device", "nonsense", "'nonsense' is not there"),
        ("--cluster", "nonsense", "nonsense"),
        ("--cluster", "foo://x", "foo://x"),
    ],
)
def test_a_wrong_value_is_one_line(
    option, value, said, calls, empty_folder, capsys
):
    assert seeds(option, value) == USAGE
    line = the_error_line(capsys)
    assert f"argument {option}: " in line
    assert said in line
    assert calls == []
    assert list(empty_folder.iterdir()) == []


@pytest.mark.parametrize("option", ["--seeds", "--out"])
def test_what_is_missing_is_named(option, calls, capsys):
    given = {"--seeds": "0:2", "--out": "new.csv"}
    del given[option]
    assert run("seeds", *(part for pair in given.items() for part in pair))
    line = the_error_line(capsys)
    assert f"required: {option}" in line
    assert calls == []


def test_an_unknown_study_is_one_line_with_the_known(calls, capsys):
    assert run("study", "none", "--seeds", "0:2", *OUT) == USAGE
    line = the_error_line(capsys, "study")
    assert "argument name: invalid choice: 'none'" in line
    assert all(name in line for name in STUDIES)
    assert calls == []


def test_the_csv_of_another_study_is_refused_and_kept(
    tiny, empty_folder, monkeypatch, capsys
):
    assert seeds("--jobs", 1) == 0
    files = {f: f.read_text() for f in empty_folder.iterdir()}
    capsys.readouterr()
    monkeypatch.setattr(cli, "SEEDS", OTHER)
    assert seeds("--jobs", 1) == USAGE
    line = the_error_line(capsys)
    assert "argument --out: seeds.csv was made with" in line
    assert "recipes.post.lr 0.9, this study has 0.5" in line
    assert {f.name for f in files} >= {"seeds.csv", "seeds.json"}
    assert all(file.read_text() == text for file, text in files.items())


# What goes wrong on the way


def failing_with(error, monkeypatch):
    def fail(*args):
        raise error

    monkeypatch.setattr(cli, "run_study", fail)


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
    assert printed.out == "stopped; the same command goes on from here\n"
    assert printed.err == ""


def test_more_seeds_than_anyone_trains_are_refused(calls, capsys):
    assert run("seeds", "--seeds", "0:1000001", *OUT) == USAGE
    assert "must be at most 1,000,000 seeds" in the_error_line(capsys)
    assert calls == []


# A cluster


def test_a_cluster_does_the_runs(tiny):
    with LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=None
    ) as cluster:
        workers = {worker.pid for worker in cluster.workers.values()}
        assert seeds("--cluster", cluster.scheduler_address) == 0
    table = pd.read_csv("seeds.csv")
    assert sorted(table.seed) == [0, 0, 1, 1]
    assert set(table.test_acc) <= workers


def test_a_cluster_that_does_not_answer_is_one_line(calls, capsys):
    start = time.monotonic()
    assert seeds("--cluster", "tcp://127.0.0.1:9") == USAGE
    assert time.monotonic() - start < 15
    line = the_error_line(capsys)
    assert "argument --cluster: tcp://127.0.0.1:9: Timed out" in line
    assert calls == []


def test_a_cluster_of_one_thread_is_refused(calls, capsys):
    """joblib would leave it alone, and do the runs itself."""
    with LocalCluster(
        n_workers=1, threads_per_worker=1, dashboard_address=None
    ) as cluster:
        assert seeds("--cluster", cluster.scheduler_address) == USAGE
    assert "have 1 threads; they need at least 2" in the_error_line(capsys)
    assert calls == []


def test_a_cluster_without_dask_is_one_line_that_says_what_to_install(
    calls, monkeypatch, capsys
):
    monkeypatch.setitem(sys.modules, "distributed", None)
    assert seeds("--cluster", "tcp://127.0.0.1:9") == USAGE
    line = the_error_line(capsys)
    assert "argument --cluster: Dask is missing" in line
    assert "pip install 'lenet-d2l[cluster]'" in line
    assert calls == []


def test_dask_is_needed_for_a_cluster_only(calls, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    assert seeds() == 0


# Help


def test_the_plain_command_names_the_others(capsys):
    assert run("--help") == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "usage: python -m lenet_d2l [-h]" in text
    assert (
        "each with a --help of its own: bench, predict, seeds, study" in text
    )


@pytest.mark.parametrize("command", ["seeds", "study"])
def test_the_help_of_a_command_has_its_options(command, capsys):
    assert run(command, "--help") == 0
    text = " ".join(capsys.readouterr().out.split())
    assert f"usage: python -m lenet_d2l {command} [-h]" in text
    for option in (
        *("--seeds FIRST:END", "--out FILE", "--jobs N"),
        *("--cluster ADDRESS", "--device DEVICE", "--data-dir FOLDER"),
    ):
        assert f" {option} " in text
    assert command != "study" or all(name in text for name in STUDIES)
