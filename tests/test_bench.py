"""The bench: what it measures, keeps and prints; never how fast it is."""

import json
import re
from contextlib import nullcontext
from dataclasses import replace
from itertools import count
from types import SimpleNamespace

import pytest
import torch
from command_line import USAGE, run
from conftest import BOOK
from torch import nn

from lenet_d2l import d2l, lenet, minibatches, training
from lenet_d2l.datasets.fashion_mnist import read_fashion_mnist
from lenet_d2l.speed import (
    PARTS,
    fused,
    measure,
    phases,
    report,
    rounds,
    ways,
)
from lenet_d2l.speed.bench_file import BenchFileError, alone
from lenet_d2l.speed.measure import LINE, Setting, Task, train
from lenet_d2l.speed.phases import PHASES, PhaseClock
from lenet_d2l.speed.rounds import run_rounds, tasks
from lenet_d2l.speed.ways import AVX2, DEFAULT, LADDER, PLAIN, STOCK, WAYS

d2l_warns = pytest.mark.filterwarnings(
    "ignore:This DataLoader will create 4 worker",
    "ignore:Attempting to set identical low and high xlims",
)


@pytest.fixture(scope="module")
def files():
    return read_fashion_mnist()


@pytest.fixture(scope="module")
def small(files):
    return minibatches(measure.shortened(files, 1000, 170), 64)


def ignore(*args, **kwargs):
    """Do nothing."""


# What is trained


def test_shortened_files_are_the_first_images(small, fashion_mnist):
    for short, whole, n in zip(small, fashion_mnist, (1000, 170)):
        for a, b in zip(short.dataset.tensors, whole.dataset.tensors):
            assert torch.equal(a, b[:n])


@pytest.mark.parametrize(
    ("batch_size", "warm_up"), [(64, [6, 2]), (512, [2, 1])]
)
def test_a_warm_up_has_minibatches_of_every_size(files, batch_size, warm_up):
    """And no more of them than there are; the others wait after it."""
    done = []

    def note(net, train_iter, test_iter, *rest):
        sizes = [
            [len(y) for _, y in part] for part in (train_iter, test_iter)
        ]
        done.append(sizes)

    way = replace(WAYS[PLAIN], train=note)
    setting = Setting(images=1000, batch_size=batch_size)
    train(way, setting, files, lambda: done.append("wait"))
    few, wait, all_of_them = done
    assert wait == "wait"
    assert [sum(sizes) for sizes in all_of_them] == [1000, 167]
    assert [len(sizes) for sizes in few] == warm_up
    for part, whole in zip(few, all_of_them):
        assert set(part) == set(whole)
        assert part[-1] == whole[-1]


@d2l_warns
def test_all_ways_train_the_same(files, capsys):
    """The same seed, net and minibatches: the same to three digits."""
    metrics = {}
    for name, way in ways.available("cpu").items():
        train(way, Setting(1, images=2560, threads=1), files, ignore)
        metrics[name] = LINE.findall(capsys.readouterr().out)[-1]
    assert set(metrics) >= {STOCK, PLAIN}
    assert len(set(metrics.values())) == 1, metrics


def test_channels_first_are_the_same_images_in_the_usual_layout(files):
    part = measure.shortened(files, 200, 100)
    for ours, usual in zip(
        WAYS["freed memory kept"].load(part, 64), minibatches(part, 64)
    ):
        X = ours.dataset.tensors[0]
        assert torch.equal(X, usual.dataset.tensors[0])
        assert nn.Conv2d(1, 6, 5)(X[:2]).is_contiguous()


def test_a_way_begins_with_what_it_says(monkeypatch):
    kept = []
    monkeypatch.setattr(ways, "keep_freed_memory", lambda: kept.append(1))
    monkeypatch.setattr(fused, "COMPILE", ["gcc"])
    for name in (STOCK, "data in memory", "own train_ch6"):
        WAYS[name].begin()
    assert kept == []
    for name in (PLAIN, DEFAULT, AVX2):
        WAYS[name].begin()
    assert kept == [1, 1, 1]
    assert fused.COMPILE == ["gcc", "-mno-avx512f"]


# A clock by phase


@pytest.fixture
def clock(monkeypatch):
    """A PhaseClock whose time passes only where a test lets it."""
    time = SimpleNamespace(now=0.0)
    monkeypatch.setattr(phases.time, "perf_counter", lambda: time.now)
    clock = PhaseClock("cpu")

    def let_pass(seconds):
        time.now += seconds

    clock.let_pass = let_pass
    return clock


def test_each_second_belongs_to_the_innermost_phase(clock):
    clock.let_pass(1)
    with clock.phase("forward"):
        clock.let_pass(2)
        with clock.phase("data"):
            clock.let_pass(4)
        clock.let_pass(8)
    clock.lap()
    assert clock.seconds["forward"] == 10
    assert clock.seconds["data"] == 4
    assert clock.seconds["rest"] == 1
    assert sum(clock.seconds.values()) == 15


def test_what_an_evaluation_calls_belongs_to_it(clock):
    with clock.phase("evaluation"), clock.phase("forward"):
        clock.let_pass(3)
    assert clock.seconds["evaluation"] == 3
    assert clock.seconds["forward"] == 0


def test_an_error_ends_its_phase(clock):
    with pytest.raises(RuntimeError), clock.phase("step"):
        clock.let_pass(1)
        raise RuntimeError
    clock.let_pass(5)
    clock.lap()
    assert clock.seconds["step"] == 1
    assert clock.seconds["rest"] == 5


@d2l_warns
@pytest.mark.parametrize("loop", [training.train_ch6, d2l.train_ch6])
def test_every_phase_of_a_training_is_seen_and_none_is_counted_twice(
    loop, small, capsys
):
    clock = PhaseClock("cpu")
    with clock.watch():
        before = clock.last
        loop(lenet(), *small, 1, 0.9, "cpu")
    assert all(clock.seconds[name] > 0 for name in PHASES)
    total = sum(clock.seconds.values())
    assert total == pytest.approx(clock.last - before)


@pytest.mark.parametrize("name", [PLAIN, DEFAULT])
def test_a_watched_training_is_the_same_and_leaves_nothing_behind(
    name, small
):
    if name not in ways.available("cpu"):
        pytest.skip("fused.c cannot be compiled here")
    weights = []
    for watched in (False, True):
        torch.manual_seed(0)
        net, clock = WAYS[name].net(), PhaseClock("cpu")
        with clock.watch() if watched else nullcontext():
            training.train_ch6(net, *small, 1, 0.9, "cpu")
        weights.append(net[12].weight)
    assert torch.equal(*weights)
    seconds = dict(clock.seconds)
    net(torch.rand(1, 1, 28, 28)).sum().backward()
    assert clock.seconds == seconds


# Rounds, and what is kept of them


@pytest.fixture
def invented(monkeypatch):
    """Two tasks, and entries that say in which order they were done."""
    numbers = count(1)

    def do(task, data_dir):
        if do.fail == task.name:
            raise RuntimeError("no memory left")
        return {"n": next(numbers)}

    do.fail = ""
    monkeypatch.setattr(rounds, "do", do)
    monkeypatch.setattr(
        rounds,
        "tasks",
        lambda setting: [
            Task(name, ignore, setting, changes={"n": {}})
            for name in ("whole/a", "ladder/a")
        ],
    )
    return do


def results(file):
    return json.loads(file.read_text())["results"]


def numbers(file):
    return {
        name: [entry["n"] for entry in entries]
        for name, entries in results(file).items()
    }


def test_in_a_round_everything_is_measured_once(invented, tmp_path):
    """The ladder in the first three alone."""
    file = tmp_path / "b.json"
    run_rounds(file, Setting(), 5)
    assert numbers(file) == {
        "whole/a": [1, 3, 5, 7, 8],
        "ladder/a": [2, 4, 6],
    }


def test_what_was_measured_is_kept_and_not_measured_again(invented, tmp_path):
    file = tmp_path / "b.json"
    invented.fail = "whole/a"
    with pytest.raises(RuntimeError, match="no memory left"):
        run_rounds(file, Setting(), 1)
    assert results(file) == {"whole/a": []}  # It could be written
    invented.fail = "ladder/a"
    with pytest.raises(RuntimeError, match="no memory left"):
        run_rounds(file, Setting(), 1)
    assert numbers(file)["whole/a"] == [1]
    invented.fail = ""
    run_rounds(file, Setting(), 2)
    assert numbers(file) == {"whole/a": [1, 3], "ladder/a": [2, 4]}


@pytest.mark.parametrize("other", [{"num_epochs": 9}, {"threads": 99}])
def test_a_file_of_another_setting_is_refused(other, invented, tmp_path):
    file = tmp_path / "b.json"
    run_rounds(file, Setting(), 1)
    before = file.read_text()
    with pytest.raises(BenchFileError, match="name another file"):
        run_rounds(file, Setting(**other), 1)
    assert file.read_text() == before


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", "[" * 10**5, '{"setting": 1, "machine": 1}', b"\xff"],
)
def test_a_file_of_something_else_is_refused(text, invented, tmp_path):
    file = tmp_path / "b.json"
    content = text if isinstance(text, bytes) else text.encode()
    file.write_bytes(content)
    with pytest.raises(BenchFileError, match="is not a bench"):
        run_rounds(file, Setting(), 1)
    assert file.read_bytes() == content


@pytest.mark.parametrize(
    "wrong",
    [
        *([], None, {"whole/a": 1}, {"whole/a": {}}, {"unknown": []}),
        *({"whole/a": [entry]} for entry in (1, None, "text", [], {})),
        *({"whole/a": [{"n": value}]} for value in (None, "1", [1], -1)),
        *({"whole/a": [{"n": value}]} for value in (True, 1e999, 10**400)),
        {"whole/a": [{"n": 1, "m": 1}]},
    ],
)
def test_results_that_nothing_measured_are_refused(wrong, invented, tmp_path):
    file = tmp_path / "b.json"
    run_rounds(file, Setting(), 1)
    text = json.dumps(json.loads(file.read_text()) | {"results": wrong})
    file.write_text(text)
    with pytest.raises(BenchFileError, match="b.json "):
        run_rounds(file, Setting(), 1)
    assert file.read_text() == text


def test_two_benches_do_not_write_one_file(invented, tmp_path):
    file = tmp_path / "b.json"
    with alone(file), pytest.raises(BenchFileError, match="another bench"):
        run_rounds(file, Setting(), 1)
    run_rounds(file, Setting(), 1)


def test_a_place_that_cannot_be_written_is_told_first(invented, tmp_path):
    (tmp_path / "text").touch()
    with pytest.raises(BenchFileError, match="cannot be written"):
        run_rounds(tmp_path / "text" / "b.json", Setting(), 1)


def test_every_part_has_tasks_and_every_task_its_name():
    names = [task.name for task in tasks(Setting())]
    assert len(set(names)) == len(names)
    assert {name.partition("/")[0] for name in names} == set(PARTS)
    assert all(task.names for task in tasks(Setting()))


def test_the_digest_is_of_code_and_not_of_its_words(tmp_path):
    (tmp_path / "speed").mkdir()
    (tmp_path / "speed" / "fused.c").write_text("int x;")
    digests = []
    for text in (
        '"""A."""\nx = 1',
        '"""B."""\nx = 1  # One',
        '"""A."""\nx = 2',
    ):
        (tmp_path / "net.py").write_text(f"def f():\n    pass\n\n\n{text}\n")
        (tmp_path / "data.py").write_text(text)
        digests.append(rounds.digest(tmp_path))
    assert digests[0] == digests[1] != digests[2]


# Processes


def small_task(way):
    setting = Setting(1, 512, threads=1)
    task = Task("x", measure.time_epochs, setting, way, {"2": {}}, at_once=2)
    return task


def test_measured_at_once_and_the_slower_counts():
    assert rounds.do(small_task(PLAIN), None)["2"] > 0


def test_one_that_fails_does_not_let_the_others_wait():
    """The error is told, where the other would wait for it for ever."""
    with pytest.raises(KeyError, match="no such way"):
        rounds.do(small_task("no such way"), None)


def test_a_process_has_the_threads_of_its_task(one_thread, monkeypatch):
    monkeypatch.setattr(rounds.multiprocessing, "set_start_method", ignore)
    monkeypatch.setattr(rounds, "together", None)
    rounds.begin(None, 3)
    try:
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(1)


# Tables


@pytest.fixture
def made_up():
    """A bench whose numbers are easy to divide."""
    one = {"start_up": 0.5, "memory": 2**20, "metrics": "0.5 0.8 0.7"}
    phase = dict.fromkeys(PHASES, 1.0)
    return {
        "setting": {"num_epochs": 10, "images": 60_000, "device": "cpu"},
        "machine": {"cores": 2},
        "results": {
            f"whole/{STOCK}": [{"seconds": s, **one} for s in (60, 80, 100)],
            f"whole/{PLAIN}": [{"seconds": s, **one} for s in (20, 20, 20)],
            f"split/{STOCK}": [phase | {"evaluation": 8.0}],
            f"split/{PLAIN}": [phase | {"evaluation": 0.5}],
            f"ladder/{STOCK}": [{"seconds": 12, **one}],
            "ladder/data in memory": [{"seconds": 6, **one}],
            "yardstick": [{"a second": rate} for rate in (1e9, 2e9, 4e9)],
            f"scale/batch/{PLAIN}": [{"64": 8, "256": s} for s in (4, 5, 6)],
            f"scale/seeds/{PLAIN}/1": [{"1": 3.0}],
            f"scale/seeds/{PLAIN}/2": [{"2": 3.6}],
        },
    }


def test_a_ratio_is_taken_round_by_round(made_up):
    made_up["results"][f"whole/{PLAIN}"][1]["metrics"] = "0.6 0.8 0.7"
    table = report.whole(made_up)
    assert table.loc[PLAIN, "times as fast"] == "4.00 [3.00, 5.00]"
    assert table.loc[STOCK, "times as fast"] == "1.00 [1.00, 1.00]"
    assert table.loc[STOCK, "seconds"] == "80.0 [60.0, 100.0]"
    assert table.loc[PLAIN, "memory (MB)"] == "1 [1, 1]"
    assert table.loc[PLAIN].iloc[-1] == "0.5 0.8 0.7; 0.6 0.8 0.7"


def test_the_yardstick_is_the_nets_multiply_adds_over_the_rate(made_up):
    """From the layers, by hand: forward 416,520 an image."""
    row = report.split(made_up).loc["yardstick"]
    assert row["forward"] == 60_000 * 416_520 / 2e9
    # Twice that, but for 28·28 places of 150 weights of the first layer
    backward = 60_000 * (2 * 416_520 - 784 * 150) / 2e9
    assert row["backward"] == pytest.approx(backward)
    assert row["evaluation"] == pytest.approx(10_000 * 416_520 / 2e9)
    assert row["sum"] == pytest.approx(row[:-1].sum())


def test_split_has_each_phase_and_their_sum(made_up):
    row = report.split(made_up).loc[PLAIN]
    assert (row["evaluation"], row["sum"]) == (0.5, 6.5)


def test_a_gain_is_over_the_way_before(made_up):
    row = report.ladder(made_up).loc["data in memory"]
    assert row["s an epoch"] == "3.00 [3.00, 3.00]"
    assert row["gain"] == "2.00 [2.00, 2.00]"


def test_seconds_as_something_grows(made_up):
    batch, seeds = (
        report.scale(made_up, s)[PLAIN] for s in ("batch", "seeds")
    )
    assert batch.to_dict() == {64: 8.0, 256: 5.0}
    assert seeds.to_dict() == {1: 3.0, 2: 3.6}


def test_what_the_rounds_reached(made_up):
    reached = {k: list(v) for k, v in report.reached(made_up).items()}
    assert reached == {
        f"ten epochs, {PLAIN}, times stock": [3.0, 4.0, 5.0],
        f"evaluation, {PLAIN}, times stock": [16.0],
        f"seeds an hour, {PLAIN}": [200.0],  # 2 in 36 s, one a core
    }


def test_a_report_has_what_was_measured(made_up):
    text = report.report(made_up)
    for part in (
        "10 epochs",
        "by phase",
        "one change",
        "by batch",
        "an hour",
    ):
        assert part in text
    for name in list(made_up["results"]):  # Also if the bench was stopped
        del made_up["results"][name]
        assert report.report(made_up).startswith("cores")


# The command


def test_a_small_bench(tmp_path, capsys, monkeypatch):
    """For real, each measurement in a process of its own."""
    monkeypatch.chdir(tmp_path)
    parts = ["whole", "split", "yardstick"]
    few = ["--images", 2560, "--num-epochs", 1, "--repeats", 1]
    code = run("bench", "--out", "b.json", *few, "--parts", *parts)
    printed = capsys.readouterr().out
    assert code == 0, printed
    measured = results(tmp_path / "b.json")
    assert {name.partition("/")[0] for name in measured} == set(parts)
    assert measured["yardstick"][0]["a second"] > 1e6
    for way in (STOCK, PLAIN):
        assert re.search(rf"^{way} .*\[.*\]", printed, re.M)
        (split,) = measured[f"split/{way}"]
        assert all(split[name] > 0 for name in PHASES)
    entries = [e for k, (e,) in measured.items() if k.startswith("whole/")]
    assert all(e["seconds"] > 0 and e["start_up"] > 0 for e in entries)
    assert len({entry["metrics"] for entry in entries}) == 1


def test_a_measurement_that_fails_is_one_line(
    invented, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    invented.fail = "ladder/a"
    assert run("bench", "--out", "b.json") == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith("bench: stopped: no memory left")
    assert numbers(tmp_path / "b.json")["whole/a"] == [1]


WRONG = {
    ("--out", "text.json"): r"text\.json is not a bench",
    ("--out", "folder.json"): r"folder\.json is not a bench",
    ("--repeats", "0"): "whole number of at least 1, not '0'",
    ("--images", "100"): "whole number from 2560 to 60000, not '100'",
    ("--parts", "nonsense"): "invalid choice: 'nonsense'",
    ("--data-dir", "text.json"): "is not a folder",
}


@pytest.mark.parametrize(("option", "value"), WRONG)
def test_a_wrong_value_is_one_line(
    option, value, tmp_path, monkeypatch, capsys, invented
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "text.json").write_text("text")
    (tmp_path / "folder.json").mkdir()
    out = [] if option == "--out" else ["--out", "b.json"]
    assert run("bench", *out, option, value) == USAGE
    (line,) = capsys.readouterr().err.splitlines()
    assert f"bench: error: argument {option}: " in line
    assert re.search(WRONG[option, value], line)
    assert not (tmp_path / "b.json").exists()


# What the book has of it, and says in words


@pytest.fixture(scope="module")
def books():
    """The bench that the chapter "Where the time goes" shows."""
    return json.loads((BOOK / "studies" / "bench.json").read_text())


def test_the_books_bench_is_whole(books):
    setting = {"num_epochs": 10, "images": 60_000, "device": "cpu"}
    assert books["setting"].items() >= setting.items()
    assert set(books["arithmetic"]) >= LADDER.keys()
    for name, entries in books["results"].items():
        few = name.startswith(("ladder", "scale"))
        assert len(entries) == (3 if few else 5), name
    assert isinstance(report.report(books), str)


def test_the_books_split_is_of_the_same_training(books):
    """Its clock looks on; it must not be what takes the time."""
    whole = report.measured(books, "whole")
    for way, total in report.split(books)["sum"].drop("yardstick").items():
        epoch = whole[way].seconds.median() / 10
        assert total == pytest.approx(epoch, rel=0.3)


def test_the_books_ways_came_to_the_same_metrics(books):
    """To the three digits that the post prints, after ten epochs."""
    ways = report.measured(books, "whole").values()
    assert len({m for rounds in ways for m in rounds.metrics}) == 1


def test_forward_and_backward_are_the_largest_part_of_the_plain_way(books):
    split = report.split(books).loc[PLAIN]
    assert split["forward"] + split["backward"] > split["sum"] / 2


def test_each_kept_change_takes_less_time(books):
    ladder = report.measured(books, "ladder")
    medians = [ladder[name].seconds.median() for name in LADDER]
    assert medians[0] > medians[1] > medians[-3] > medians[-2]
