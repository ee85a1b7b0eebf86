"""Studies: whole, resumed, refused; killed processes are real ones."""

import json
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial

import cloudpickle
import pandas as pd
import pytest
from distributed import Client, LocalCluster
from joblib import parallel_config

from lenet_d2l.results.runs import EpochRow
from lenet_d2l.speed.fused import Arithmetic, arithmetic
from lenet_d2l.studies import runner
from lenet_d2l.studies.recipes import Recipe
from lenet_d2l.studies.runner import Study, StudyFileError, run_study

HEADER = "seed,epoch,train_loss,train_acc,test_acc\n"

# Dask's workers do not find this module, so its functions travel whole
cloudpickle.register_pickle_by_value(sys.modules[__name__])


def invented(recipe, seed, train_iter, test_iter, device, name):
    """Rows that say from which seed they are; nothing is trained."""
    epochs = range(recipe.num_epochs)
    return [
        EpochRow(e, seed + e / 10, 0.5, float(os.getpid())) for e in epochs
    ]


def slow(recipe, seed, train_iter, test_iter, device, name):
    time.sleep(1)
    return invented(recipe, seed, train_iter, test_iter, device, name)


STUDY = Study({"post": Recipe(num_epochs=2)}, invented)
SLOW = Study({"post": Recipe(num_epochs=2)}, slow)
TWO = Study(
    {"one, two": Recipe(num_epochs=1), "three": Recipe(num_epochs=2)},
    invented,
)


def seeds_of(file):
    return pd.read_csv(file).seed.tolist()


def test_the_csv_has_a_row_an_epoch_and_the_json_says_how_it_was_made(
    tmp_path, capsys
):
    file = tmp_path / "seeds.csv"
    run_study(STUDY, range(3, 6), file, n_jobs=1)
    table = pd.read_csv(file)
    assert file.read_text().startswith(HEADER)
    assert table.seed.tolist() == [3, 3, 4, 4, 5, 5]
    assert table.epoch.tolist() == [0, 1] * 3
    assert table.train_loss.tolist() == [3, 3.1, 4, 4.1, 5, 5.1]
    made = json.loads(file.with_suffix(".json").read_text())
    assert made["recipes"]["post"]["lr"] == 0.9
    assert made["recipes"]["post"]["net"] == "lenet"
    assert made["environment"]["device"] == "cpu"
    assert made["environment"]["threads"] == 1
    assert "3 of 3, about 0 min left" in capsys.readouterr().out
    assert {f.name for f in tmp_path.iterdir()} == {
        *("seeds.csv", "seeds.json", ".seeds.csv.lock")
    }


def test_more_recipes_than_one_have_a_column_of_their_names(tmp_path):
    file = tmp_path / "study.csv"
    run_study(TWO, range(2), file, n_jobs=1)
    table = pd.read_csv(file)
    assert table.columns[0] == "variant"
    assert table.variant.tolist() == ["one, two", "three", "three"] * 2


def test_several_processes_do_the_runs(tmp_path):
    file = tmp_path / "seeds.csv"
    run_study(SLOW, range(4), file, n_jobs=2)
    table = pd.read_csv(file)
    assert sorted(table.seed) == [0, 0, 1, 1, 2, 2, 3, 3]
    assert table.test_acc.nunique() == 2  # Processes
    assert float(os.getpid()) not in table.test_acc.tolist()


def test_what_is_finished_is_not_repeated(tmp_path, capsys):
    file = tmp_path / "seeds.csv"
    run_study(STUDY, range(2), file, n_jobs=1)
    before = file.read_text()
    run_study(STUDY, range(4), file, n_jobs=1)
    assert file.read_text().startswith(before)
    assert seeds_of(file) == [0, 0, 1, 1, 2, 2, 3, 3]
    assert "seeds.csv: 2, to do: 2" in capsys.readouterr().out


@pytest.mark.parametrize("cut", [1, 3, 17, 20, 30, 55])
def test_a_run_written_in_part_is_cut_off_said_and_done_again(
    cut, tmp_path, capsys
):
    file = tmp_path / "seeds.csv"
    run_study(STUDY, range(2), file, n_jobs=1)
    whole = file.read_text()
    file.write_text(whole[:-cut])
    capsys.readouterr()
    run_study(STUDY, range(2), file, n_jobs=1)
    assert file.read_text() == whole
    out = capsys.readouterr().out
    assert "cut off what was left of an unfinished run" in out
    assert "seeds.csv: 1, to do: 1" in out


def test_a_header_written_in_part_is_no_obstacle(tmp_path):
    file = tmp_path / "seeds.csv"
    run_study(STUDY, range(1), file, n_jobs=1)
    whole = file.read_text()
    file.write_text(HEADER[:-5])
    run_study(STUDY, range(1), file, n_jobs=1)
    assert file.read_text() == whole


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda text: text.replace("0,1,0.1", "9,1,0.1"), "have 2 rows"),
        (lambda text: text + text[len(HEADER) :], "seed 0 .* have 2 rows"),
        (lambda text: text.replace("0,1,0.1", "0,0,0.1"), "rows in order"),
        (lambda text: "a,b\n1,2\n", "its first line is not seed,epoch"),
        (lambda text: text.replace("\n1,0", "\nx,0"), "has the line 'x,0"),
        (lambda text: text.replace("\n1,0", "\n-1,0"), "has the line '-1,0"),
        (lambda text: text.replace(",", ",,", 9), "its first line"),
        (lambda text: text + "1,2,3,4,5,6\n", "line '1,2,3,4,5,6'"),
        (lambda text: text.replace("\n1,0", "\n1.5,0"), "the line '1.5,0"),
        (
            lambda text: text.replace("\n1,0", f"\n{10**30},0"),
            "the line '1000",
        ),
        (lambda text: text.replace("\n1,0", "\n,0"), "has the line ',0"),
        (lambda text: text.replace("1,1,", "1,1e999,"), "rows in order"),
        (lambda text: text.replace("1,1,", "1,nan,"), "rows in order"),
        (lambda text: text.replace("1,1,", "1,2,"), "rows in order"),
        (lambda text: text.replace("1,1,", "1,\0,"), "not of this study"),
        (
            lambda text: text.replace("\n1,0", "\n\udcff,0"),
            "not of this study",
        ),
    ],
)
def test_a_file_that_is_no_csv_of_the_study_is_refused_and_kept(
    change, said, tmp_path
):
    file = tmp_path / "seeds.csv"
    run_study(STUDY, range(2), file, n_jobs=1)
    file.write_bytes(text := os.fsencode(change(file.read_text())))
    with pytest.raises(StudyFileError, match=said):
        run_study(STUDY, range(2), file, n_jobs=1)
    assert file.read_bytes() == text


@pytest.mark.parametrize(
    ("study", "device", "said"),
    [
        (
            Study({"post": Recipe(num_epochs=2, lr=0.5)}, invented),
            "cpu",
            "made with recipes.post.lr 0.9, this study has 0.5",
        ),
        (STUDY, "meta", "made with environment.device cpu"),
        (TWO, "cpu", "its first line is not variant,seed"),
    ],
)
def test_a_file_of_other_settings_is_refused_and_kept(
    study, device, said, tmp_path
):
    file = tmp_path / "seeds.csv"
    run_study(STUDY, range(1), file, n_jobs=1)
    before = file.read_text(), file.with_suffix(".json").read_text()
    with pytest.raises(StudyFileError, match=said):
        run_study(study, range(1), file, device, n_jobs=1)
    after = file.read_text(), file.with_suffix(".json").read_text()
    assert after == before


NO_SETTINGS = [
    *(None, "", "[", "[]", "null", "3", '"text"', "{}", "\udcff"),
    *("[" * 100_000, '{"recipes": 3}', '{"recipes": []}'),
]


@pytest.mark.parametrize("text", NO_SETTINGS, ids=lambda t: repr(t)[:20])
def test_a_file_that_nothing_says_how_it_was_made_is_refused(text, tmp_path):
    file = tmp_path / "seeds.csv"
    run_study(STUDY, range(1), file, n_jobs=1)
    rows, beside = file.read_text(), tmp_path / "seeds.json"
    beside.unlink()
    if text is not None:
        beside.write_bytes(os.fsencode(text))
    with pytest.raises(
        StudyFileError, match=r"no seeds\.json beside .* says how it was made"
    ):
        run_study(STUDY, range(1), file, n_jobs=1)
    assert file.read_text() == rows
    assert text is None or beside.read_bytes() == os.fsencode(text)


@pytest.mark.parametrize("environment", [[], {}, {"python": "3.11"}, None])
def test_rows_without_their_environment_get_no_other(environment, tmp_path):
    file = tmp_path / "seeds.csv"
    run_study(STUDY, range(1), file, n_jobs=1)
    beside = file.with_suffix(".json")
    made = json.loads(beside.read_text()) | {"environment": environment}
    beside.write_text(json.dumps(made))
    with pytest.raises(StudyFileError, match=r"environment\.\w+ [n3]"):
        run_study(STUDY, range(2), file, n_jobs=1)
    assert json.loads(beside.read_text()) == made


def test_rows_of_other_code_are_not_continued(tmp_path, monkeypatch):
    """Though its function has the same name, in a partial or not."""

    def changed(recipe, seed, train_iter, test_iter, device, name):
        return []

    changed.__name__ = "invented"
    file = tmp_path / "seeds.csv"
    run_study(STUDY, range(1), file, n_jobs=1)
    for measure in changed, partial(changed):
        with pytest.raises(StudyFileError, match=r"recipes\.post\.code"):
            run_study(replace(STUDY, measure=measure), range(2), file)


def test_the_json_names_each_processor_that_made_rows(tmp_path, monkeypatch):
    file = tmp_path / "seeds.csv"
    for i, name in enumerate("aab", 1):
        monkeypatch.setattr(runner, "processor", lambda device, n=name: n)
        run_study(STUDY, range(i), file, n_jobs=1)
    made = json.loads(file.with_suffix(".json").read_text())
    assert made["processors"] == ["a", "b"]
    del made["processors"]
    file.with_suffix(".json").write_text(json.dumps(made))
    run_study(STUDY, range(4), file, n_jobs=1)
    made = json.loads(file.with_suffix(".json").read_text())
    assert made["processors"] == ["not recorded", "b"]


def test_a_run_that_does_not_fit_is_kept_elsewhere(tmp_path, monkeypatch):
    def full(opened):
        raise OSError(28, "No space left on device")

    def run_on_a_full_disk(*arguments):
        monkeypatch.setattr(os, "fsync", full)
        return invented(*arguments)

    file = tmp_path / "seeds.csv"
    monkeypatch.setattr(runner, "spare_folder", lambda: tmp_path / "spare")
    (tmp_path / "spare").mkdir()
    study = replace(STUDY, measure=run_on_a_full_disk)
    with pytest.raises(OSError, match=r"No space .*spare/seeds\.csv, append"):
        run_study(study, range(1), file, n_jobs=1)
    kept = (tmp_path / "spare/seeds.csv").read_text()
    assert kept.startswith("0,0,0.000000,0.500000,")
    assert len(kept.splitlines()) == 2
    assert file.read_text() == HEADER


def test_a_study_of_time_does_one_run_at_a_time(tmp_path):
    file = tmp_path / "seeds.csv"
    run_study(replace(STUDY, jobs=1), range(4), file, n_jobs=2)
    assert set(pd.read_csv(file).test_acc) == {float(os.getpid())}


def test_a_new_recipe_may_join_the_others(tmp_path):
    file = tmp_path / "study.csv"
    run_study(TWO, range(1), file, n_jobs=1)
    more = replace(TWO, recipes=TWO.recipes | {"four": Recipe(num_epochs=1)})
    run_study(more, range(1), file, n_jobs=1)
    assert pd.read_csv(file).variant.tolist() == [
        *("one, two", "three", "three", "four")
    ]
    made = json.loads(file.with_suffix(".json").read_text())
    assert made["recipes"].keys() == more.recipes.keys()


def named(recipe, seed, train_iter, test_iter, device, name):
    """Rows whose loss is 1 if the run is fused, 0 if it is plain."""
    return [EpochRow(e, float(name == "fused"), 0.5, 0.5) for e in (0, 1)]


@pytest.mark.parametrize("asked", [False, True])
@pytest.mark.parametrize("always", [False, True])
def test_runs_and_json_have_the_arithmetic_of_the_study(
    asked, always, tmp_path
):
    file = tmp_path / "seeds.csv"
    study = replace(STUDY, measure=named, plain=always)
    run_study(study, range(1), file, n_jobs=1, plain=asked)
    name = "plain" if asked or always else arithmetic("cpu").name
    made = json.loads(file.with_suffix(".json").read_text())
    assert made["environment"]["arithmetic"] == name
    assert set(pd.read_csv(file).train_loss) == {float(name == "fused")}


@pytest.mark.parametrize(
    ("name", "here"),
    [
        ("environment", {"torch": "0.1", "processor": ""}),
        ("arithmetic", Arithmetic("0.1", "a test wants it")),
    ],
)
def test_a_worker_of_another_environment_does_no_run(name, here, monkeypatch):
    settings = STUDY.settings("cpu", "fashion-mnist", plain=False)
    monkeypatch.setattr(runner, name, lambda *arguments: here)
    key = runner.Key("post", 0)
    with pytest.raises(RuntimeError, match=r"a worker has .*'0\.1'"):
        runner.measure_run(STUDY, key, settings, None, os.getpid())


def broken(recipe, seed, train_iter, test_iter, device, name):
    raise RuntimeError("broken")


def test_a_study_that_has_failed_leaves_the_file_free(tmp_path):
    file = tmp_path / "seeds.csv"
    failing = replace(STUDY, measure=broken)
    with pytest.raises(RuntimeError, match="broken") as failure:
        run_study(failing, range(2), file, n_jobs=2)
    run_study(STUDY, range(2), file, n_jobs=1)
    assert seeds_of(file) == [0, 0, 1, 1]
    assert failure  # Its traceback holds the frames until here


SCRIPT = """
import sys
sys.path.insert(0, {tests!r})
from pathlib import Path
from test_study import SLOW, run_study
run_study(SLOW, range(8), Path({file!r}), n_jobs=2)
"""


@contextmanager
def started(file, tests):
    """The study of eight slow seeds, in a process of its own."""
    process = subprocess.Popen(
        [
            sys.executable,
            "-c",
            SCRIPT.format(tests=str(tests), file=str(file)),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def rows_in(file):
    return len(file.read_text().splitlines()) - 1 if file.exists() else 0


def wait_for(condition, seconds=300):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)


def running(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_killed_it_takes_its_processes_along_and_goes_on_from_there(
    tmp_path, request
):
    file = tmp_path / "seeds.csv"
    with started(file, request.path.parent) as process:
        wait_for(lambda: rows_in(file) >= 4)
        process.kill()  # And not its group
        process.wait()
        pids = set(pd.read_csv(file).test_acc.astype(int))
        wait_for(lambda: not any(map(running, pids)), 30)
    before = file.read_text()
    finished = set(seeds_of(file))
    assert len(finished) < 8
    with started(file, request.path.parent) as process:
        out = process.communicate(timeout=300)[0]
        assert process.returncode == 0, out
    assert file.read_text().startswith(before)
    assert sorted(seeds_of(file)) == [s for s in range(8) for _ in range(2)]


def test_two_studies_cannot_write_one_file(tmp_path, request):
    file = tmp_path / "seeds.csv"
    with started(file, request.path.parent):
        wait_for(lambda: rows_in(file) >= 2)
        with pytest.raises(
            StudyFileError, match="another process is writing"
        ):
            run_study(SLOW, range(8), file, n_jobs=1)


def test_a_dask_cluster_does_the_runs_though_a_worker_is_killed(tmp_path):
    file = tmp_path / "seeds.csv"
    with (
        LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=None
        ) as cluster,
        Client(cluster.scheduler_address) as client,
        ThreadPoolExecutor() as background,
        parallel_config("dask"),
    ):
        pids = client.run(os.getpid).values()

        def kill_one():
            wait_for(lambda: rows_in(file) >= 2)
            os.kill(min(pids), signal.SIGKILL)
            return min(pids)

        killed = background.submit(kill_one)
        run_study(SLOW, range(6), file)
        assert killed.result() in pids
    table = pd.read_csv(file)
    assert sorted(table.seed) == [s for s in range(6) for _ in range(2)]
    assert float(os.getpid()) not in table.test_acc.tolist()
