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
from lenet_d2l.studies import runner, study, table
from lenet_d2l.studies.recipes import Recipe
from lenet_d2l.studies.runner import run_study
from lenet_d2l.studies.study import Key, Study
from lenet_d2l.studies.table import StudyFileError

HEADER = "seed,epoch,train_loss,train_acc,test_acc\n"

# Dask's workers do not find this module, so its functions travel whole
cloudpickle.register_pickle_by_value(sys.modules[__name__])


def invented(recipe, seed, train_iter, test_iter, device, name):
    """Rows that say from which seed they are, how, and by which process."""
    fused, pid = float(name == "fused"), float(os.getpid())
    epochs = range(recipe.num_epochs)
    return [EpochRow(e, seed + e / 10, fused, pid) for e in epochs]


def slow(*arguments):
    time.sleep(1)
    return invented(*arguments)


STUDY = Study({"post": Recipe(num_epochs=2)}, invented)
SLOW = replace(STUDY, measure=slow)
TWO = replace(
    STUDY,
    recipes={
        "one, two": Recipe(num_epochs=1),
        "three": Recipe(num_epochs=2),
    },
)


@pytest.fixture
def file(tmp_path):
    return tmp_path / "seeds.csv"


def do(file, seeds, study=STUDY, **options):
    run_study(study, range(seeds), file, n_jobs=1, **options)
    return file.read_text()


def seeds_of(file):
    return pd.read_csv(file).seed.tolist()


def settings_of(file):
    return json.loads(file.with_suffix(".json").read_text())


def set_settings(file, settings):
    file.with_suffix(".json").write_text(json.dumps(settings))


def test_the_csv_has_a_row_an_epoch_and_the_json_says_how_it_was_made(
    file, capsys
):
    assert do(file, 3).startswith(HEADER)
    table = pd.read_csv(file)
    assert table.seed.tolist() == [0, 0, 1, 1, 2, 2]
    assert table.epoch.tolist() == [0, 1] * 3
    assert table.train_loss.tolist() == [0, 0.1, 1, 1.1, 2, 2.1]
    made = settings_of(file)
    assert made["recipes"]["post"]["lr"] == 0.9
    assert made["recipes"]["post"]["net"] == "lenet"
    assert made["environment"]["device"] == "cpu"
    assert made["environment"]["threads"] == 1
    assert "3 of 3, about 0 min left" in capsys.readouterr().out
    assert {f.name for f in file.parent.iterdir()} == {
        *("seeds.csv", "seeds.json", ".seeds.csv.lock")
    }


def test_more_recipes_than_one_have_names_and_another_may_join(file):
    do(file, 2, TWO)
    table = pd.read_csv(file)
    assert table.columns[0] == "variant"
    assert table.variant.tolist() == ["one, two", "three", "three"] * 2
    recipes = TWO.recipes | {"four": Recipe(num_epochs=1)}
    do(file, 2, replace(TWO, recipes=recipes))
    assert pd.read_csv(file).variant[6:].tolist() == ["four"] * 2
    assert settings_of(file)["recipes"].keys() == recipes.keys()


@pytest.mark.parametrize("cut", [0, 1, 3, 17, 20, 30, 55])
def test_what_is_whole_is_kept_and_what_was_cut_is_done_again(
    cut, file, capsys
):
    whole = do(file, 2)
    file.write_text(whole[: len(whole) - cut])
    capsys.readouterr()
    assert do(file, 3).startswith(whole)
    assert seeds_of(file) == [0, 0, 1, 1, 2, 2]
    out = capsys.readouterr().out
    assert ("cut off what was left of an unfinished run" in out) == (cut > 0)
    assert f"runs in {file}: {2 - (cut > 0)}, to do: {1 + (cut > 0)}" in out


def test_a_header_written_in_part_is_no_obstacle(file):
    whole = do(file, 1)
    file.write_text(HEADER[:-5])
    assert do(file, 1) == whole


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("0,1,0.1", "9,1,0.1", "seed 0 .* does not have 2 rows"),
        ("1,1,", "1,0,1,0,0\n1,1,", "seed 1 .* does not have 2 rows"),
        ("0,1,0.1", "0,0,0.1", "does not have 2 rows in order"),
        ("1,1,", "1,2,", "does not have 2 rows in order"),
        ("1,1,", "1,1e999,", "does not have 2 rows in order"),
        ("1,1,", "1,nan,", "does not have 2 rows in order"),
        (HEADER, "a,b\n", "its first line is not seed,epoch"),
        ("\n1,0", "\nx,0", "it has the line 'x,0"),
        ("\n1,0", "\n-1,0", "it has the line '-1,0"),
        ("\n1,0", "\n1.5,0", "it has the line '1.5,0"),
        ("\n1,0", f"\n{2**63},0", "it has the line '9223"),
        ("\n1,0", "\n,0", "it has the line ',0"),
        ("\n1,0", "\n1,0,0", "it has the line '1,0,0"),
        ("1,1,", "1,\0,", "is not of this study"),
        ("1,1,", "1,\udcff,", "is not of this study"),
    ],
)
def test_a_file_that_is_no_csv_of_the_study_is_refused_and_kept(
    old, new, said, file
):
    text = os.fsencode(do(file, 2).replace(old, new))
    file.write_bytes(text)
    with pytest.raises(StudyFileError, match=said):
        do(file, 2)
    assert file.read_bytes() == text


def changed(*arguments):
    return []


changed.__name__ = "invented"


@pytest.mark.parametrize(
    ("study", "options", "said"),
    [
        (
            replace(STUDY, recipes={"post": Recipe(num_epochs=2, lr=0.5)}),
            {},
            r"made with recipes\.post\.lr 0\.9, this study has 0\.5",
        ),
        (STUDY, {"device": "meta"}, r"made with environment\.device cpu"),
        (TWO, {}, "its first line is not variant,seed"),
        # Functions of the same name
        (replace(STUDY, measure=changed), {}, r"recipes\.post\.code"),
        (
            replace(STUDY, measure=partial(changed)),
            {},
            r"recipes\.post\.code",
        ),
    ],
)
def test_a_file_of_other_settings_is_refused_and_kept(
    study, options, said, file
):
    before = do(file, 1), settings_of(file)
    with pytest.raises(StudyFileError, match=said):
        do(file, 1, study, **options)
    assert (file.read_text(), settings_of(file)) == before


NO_SETTINGS = [
    *(None, "", "[", "[]", "null", "3", '"text"', "{}", "\udcff"),
    *("[" * 100_000, '{"recipes": 3}', '{"recipes": []}'),
]


@pytest.mark.parametrize("text", NO_SETTINGS, ids=lambda t: repr(t)[:20])
def test_a_file_that_nothing_says_how_it_was_made_is_refused(text, file):
    rows = do(file, 1)
    file.with_suffix(".json").unlink()
    if text is not None:
        file.with_suffix(".json").write_bytes(os.fsencode(text))
    with pytest.raises(
        StudyFileError, match=r"no seeds\.json beside .* says how it was made"
    ):
        do(file, 1)
    assert file.read_text() == rows


@pytest.mark.parametrize("environment", [[], {}, {"python": "3.11"}, None])
def test_rows_without_their_environment_get_no_other(environment, file):
    do(file, 1)
    made = settings_of(file) | {"environment": environment}
    set_settings(file, made)
    with pytest.raises(StudyFileError, match=r"environment\.\w+ [n3]"):
        do(file, 2)
    assert settings_of(file) == made


def test_the_json_names_each_processor_that_made_rows(file, monkeypatch):
    for i, name in enumerate("aab", 1):
        monkeypatch.setattr(runner, "processor", lambda device, n=name: n)
        do(file, i)
    made = settings_of(file)
    assert made.pop("processors") == ["a", "b"]
    set_settings(file, made)
    do(file, 4)
    assert settings_of(file)["processors"] == ["not recorded", "b"]


def full(file, monkeypatch):
    def fail(opened):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)


def full_for_rows(file, monkeypatch):
    write_settings = table.write_settings

    def then_full(*arguments):
        write_settings(*arguments)
        full(file, monkeypatch)

    monkeypatch.setattr(table, "write_settings", then_full)


@pytest.mark.parametrize(
    ("trouble", "said", "left"),
    [
        (full, "No space", HEADER),
        (full_for_rows, "No space", HEADER),
        (lambda file, _: file.write_text("x"), "someone else has", "x"),
        (lambda file, _: file.unlink(), "No such file", None),
    ],
)
def test_a_run_that_cannot_be_appended_is_kept_elsewhere(
    trouble, said, left, file, tmp_path, monkeypatch
):
    def meanwhile(*arguments):
        trouble(file, monkeypatch)
        return invented(*arguments)

    (tmp_path / "spare").mkdir()
    monkeypatch.setattr(table, "spare_folder", lambda: tmp_path / "spare")
    with pytest.raises(OSError, match=rf"{said} .*spare/seeds\.csv, append"):
        do(file, 1, replace(STUDY, measure=meanwhile))
    kept = (tmp_path / "spare/seeds.csv").read_text().splitlines()
    assert [line[:9] for line in kept] == ["0,0,0.000", "0,1,0.100"]
    assert (file.read_text() if file.exists() else None) == left


@pytest.mark.parametrize(
    "rows",
    [
        *(None, [], [1, 2], "ab", [(0, 1), (1, 2)]),
        [EpochRow(0, 0.1, 0.1, 0.1)],
        [EpochRow(e, 0.1, 0.1, 0.1) for e in (1, 0)],
        [EpochRow(e, "x", 0.1, 0.1) for e in (0, 1)],
    ],
)
def test_what_is_no_row_is_said_and_not_written(rows, file):
    """Else the file could never be continued."""
    study = replace(STUDY, measure=lambda *arguments: rows)
    with pytest.raises(RuntimeError, match=r"seed 0 of 'post' gave no Epoch"):
        do(file, 1, study)
    assert file.read_text() == HEADER


def test_a_json_that_is_lost_meanwhile_is_written_again(file):
    def meanwhile(*arguments):
        file.with_suffix(".json").unlink()
        return invented(*arguments)

    do(file, 2, replace(STUDY, measure=meanwhile))
    assert settings_of(file)["processors"]


def test_a_study_of_time_does_one_run_at_a_time(file):
    run_study(replace(STUDY, jobs=1), range(4), file, n_jobs=2)
    assert set(pd.read_csv(file).test_acc) == {float(os.getpid())}


@pytest.mark.parametrize("asked", [False, True])
@pytest.mark.parametrize("always", [False, True])
def test_runs_and_json_have_the_arithmetic_of_the_study(asked, always, file):
    do(file, 1, replace(STUDY, plain=always), plain=asked)
    name = "plain" if asked or always else arithmetic("cpu").name
    assert settings_of(file)["environment"]["arithmetic"] == name
    assert set(pd.read_csv(file).train_acc) == {float(name == "fused")}


@pytest.mark.parametrize(
    ("name", "here"),
    [
        ("environment", {"torch": "0.1", "processor": ""}),
        ("arithmetic", Arithmetic("0.1", "a test wants it")),
    ],
)
def test_a_worker_of_another_environment_does_no_run(name, here, monkeypatch):
    settings = STUDY.settings("cpu", "fashion-mnist", plain=False)
    monkeypatch.setattr(study, name, lambda *arguments: here)
    key = Key("post", 0)
    with pytest.raises(RuntimeError, match=r"a worker has .*'0\.1'"):
        runner.measure_run(STUDY, key, settings, None, os.getpid())


def broken(*arguments):
    raise RuntimeError("broken")


@pytest.mark.slow
def test_a_study_that_has_failed_leaves_the_file_free(file):
    with pytest.raises(RuntimeError, match="broken") as failure:
        run_study(replace(STUDY, measure=broken), range(2), file, n_jobs=2)
    do(file, 2)
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
    script = SCRIPT.format(tests=str(tests), file=str(file))
    process = subprocess.Popen(
        [sys.executable, "-c", script],
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


@pytest.mark.slow
def test_killed_it_takes_its_processes_along_and_goes_on_from_there(
    file, request
):
    with started(file, request.path.parent) as process:
        wait_for(lambda: rows_in(file) >= 4)
        with pytest.raises(StudyFileError, match="another process is"):
            do(file, 8, SLOW)
        process.kill()  # And not its group
        process.wait()
        pids = set(pd.read_csv(file).test_acc.astype(int))
        assert len(pids) == 2 and process.pid not in pids
        wait_for(lambda: not any(map(running, pids)), 30)
    before = file.read_text()
    assert len(set(seeds_of(file))) < 8
    with started(file, request.path.parent) as process:
        out = process.communicate(timeout=300)[0]
        assert process.returncode == 0, out
    assert file.read_text().startswith(before)
    assert sorted(seeds_of(file)) == [s for s in range(8) for _ in range(2)]


@pytest.mark.slow
def test_a_dask_cluster_does_the_runs_though_a_worker_is_killed(file):
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
