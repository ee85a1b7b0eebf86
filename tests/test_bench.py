"""The bench: what it measures, keeps and prints; never how fast it is."""

import json
import re
from contextlib import nullcontext
from dataclasses import replace
from types import SimpleNamespace

import pandas as pd
import pytest
import torch
from command_line import run
from conftest import STUDIES
from IPython.core.interactiveshell import InteractiveShell
from torch import nn

from lenet_d2l import d2l, lenet, minibatches, training
from lenet_d2l.datasets.fashion_mnist import read_fashion_mnist
from lenet_d2l.speed import fused, measure, phases, report, ways
from lenet_d2l.speed.measure import Timing, time_way
from lenet_d2l.speed.phases import PHASES, PhaseClock
from lenet_d2l.speed.ways import (
    AVX2,
    DEFAULT,
    LADDER,
    ON_EACH_CORE,
    PLAIN,
    STOCK,
    WAYS,
    Way,
)
from lenet_d2l.studies import bench
from lenet_d2l.studies.bench import Bench
from lenet_d2l.studies.runner import run_study

ON_CORES = next(iter(ON_EACH_CORE))
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


@pytest.fixture(autouse=True)
def leaves_no_shell_and_multiplies_little(monkeypatch):
    """Other tests are scripts, without ``as_in_a_notebook``'s shell."""
    monkeypatch.setattr(measure, "SIDE", 64)
    yield
    InteractiveShell.clear_instance()


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
        print("loss 1, train acc 0.5, test acc 0.5")
        sizes = [
            [len(y) for _, y in part] for part in (train_iter, test_iter)
        ]
        done.append(sizes)

    way = Way(train=note, batch_size=batch_size, parts=2)
    time_way(way, 1, 2000, files, "cpu", lambda: done.append("wait"))
    few, wait, whole = done
    assert wait == "wait"
    assert [sum(sizes) for sizes in whole] == [1000, 167]
    assert [len(sizes) for sizes in few] == warm_up
    for short, long in zip(few, whole):
        assert (set(short), short[-1]) == (set(long), long[-1])


@pytest.mark.slow
@d2l_warns
def test_all_ways_train_the_same(files):
    """The same seed, net and minibatches: the same to three digits."""
    timings = {
        name: time_way(way, 1, 2560, files, "cpu", int)
        for name, way in ways.available("cpu").items()
    }
    assert timings.keys() >= {STOCK, PLAIN}
    assert len({timing[-3:] for timing in timings.values()}) == 1, timings
    for timing in timings.values():
        assert timing.seconds > 0 and timing.start_up > 0
        each = timing._asdict()
        assert timing.seconds == pytest.approx(sum(each[p] for p in PHASES))


def test_channels_first_are_the_same_images_in_the_usual_layout(files):
    part = measure.shortened(files, 200, 100)
    for ours, usual in zip(
        WAYS["freed memory kept"].load(part, 64), minibatches(part, 64)
    ):
        X = ours.dataset.tensors[0]
        assert torch.equal(X, usual.dataset.tensors[0])
        assert nn.Conv2d(1, 6, 5)(X[:2]).is_contiguous()


def test_a_way_begins_with_what_it_says(monkeypatch):
    kept, threads = [], []
    monkeypatch.setattr(ways, "keep_freed_memory", lambda: kept.append(1))
    monkeypatch.setattr(fused, "COMPILE", ["gcc"])
    monkeypatch.setattr(torch, "set_num_threads", threads.append)
    for name in (STOCK, "data in memory", "own train_ch6"):
        WAYS[name].begin()
    assert kept == []
    for way in (WAYS[PLAIN], replace(WAYS[AVX2], threads=9)):
        way.begin()
    assert kept == [1, 1]
    assert fused.COMPILE == ["gcc", "-mno-avx512f"]
    assert threads == [bench.cpu_count()] * 4 + [9]


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
    """An evaluation has all that it calls; an error ends a phase, too."""
    clock.let_pass(1)
    with clock.phase("forward"):
        clock.let_pass(2)
        with pytest.raises(RuntimeError), clock.phase("data"):
            clock.let_pass(4)
            raise RuntimeError
        clock.let_pass(8)
    with clock.phase("evaluation"), clock.phase("forward"):
        clock.let_pass(16)
    clock.let_pass(32)
    clock.lap()
    assert {name: s for name, s in clock.seconds.items() if s} == {
        **{"forward": 10, "data": 4, "evaluation": 16, "rest": 33}
    }


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


# A bench is a study


@pytest.mark.slow
@d2l_warns
def test_a_small_bench_for_real(tmp_path):
    """Each way in processes of its own; of two the slower counts."""
    file = tmp_path / "b.csv"
    small = {
        STOCK: WAYS[STOCK],
        "two at once": Way(processes=2, threads=1, parts=5),
    }
    run_study(
        Bench(small, num_epochs=1, images=2560), range(1), file, n_jobs=1
    )
    table = pd.read_csv(file)
    assert table.variant.tolist() == list(small)
    assert table.columns.tolist() == ["variant", "seed", *Timing._fields]
    assert (table[list(PHASES)] > 0).all(axis=None)
    assert (table.multiply_adds > 1e6).all()
    made = json.loads(file.with_suffix(".json").read_text())
    assert made["environment"]["training"] == "1 epochs of 2560 images"
    assert made["environment"].keys() >= {"processor", "vectors", "code"}
    assert made["recipes"]["two at once"]["processes"] == "2"


def fail(*arguments):
    raise RuntimeError("no memory left")


@pytest.mark.slow
def test_one_that_fails_does_not_let_the_others_wait(tmp_path):
    """The error is told, where the other would wait for it for ever."""
    failing = Bench({"fails": Way(train=fail, processes=2)}, images=2560)
    with pytest.raises(RuntimeError, match="no memory left"):
        run_study(failing, range(1), tmp_path / "b.csv", n_jobs=1)


def test_another_bench_is_refused(tmp_path, monkeypatch):
    """Of other code, for instance; its file stays as it was."""
    file = tmp_path / "b.csv"
    rows = [Timing(*range(len(Timing._fields)))]
    monkeypatch.setattr(Bench, "run", lambda *arguments: rows)
    run_study(Bench({"a": Way(), "b": Way()}), range(1), file, n_jobs=1)
    text = file.read_text()
    monkeypatch.setattr(bench, "digest", lambda *sources: "changed")
    with pytest.raises(ValueError, match=r"made with environment\.code"):
        run_study(Bench({"a": Way(), "b": Way()}), range(2), file, n_jobs=1)
    assert file.read_text() == text


# Tables


@pytest.fixture
def made_up():
    """A bench whose numbers are easy to divide."""

    def rounds(way, seconds, **others):
        values = dict.fromkeys(Timing._fields, 10.0) | others
        return pd.DataFrame({"variant": way, **values, "seconds": seconds})

    rates = [1e9, 2e9, 4e9]
    table = pd.concat(
        [
            rounds(STOCK, [60, 80, 100], multiply_adds=rates, evaluation=80),
            rounds("data in memory", [30, 40, 50]),
            rounds(PLAIN, [20, 20, 20], evaluation=5),
            rounds(ON_CORES, [46, 82, 100]),
        ]
    )
    return table.rename_axis("seed").reset_index()


def test_a_ratio_is_taken_round_by_round_where_both_ways_have_it(made_up):
    table = report.whole(made_up)
    assert list(table.index) == [STOCK, "data in memory", PLAIN]
    assert table.loc[STOCK, "seconds"] == "80.0 [60.0, 100.0]"
    assert table["times stock"].tolist() == [
        *("1.00 [1.00, 1.00]", "2.00 [2.00, 2.00]", "4.00 [3.00, 5.00]")
    ]
    assert table["gain"].tolist() == [
        *("", "2.00 [2.00, 2.00]", "2.00 [1.50, 2.50]")
    ]
    short = made_up[(made_up.variant != PLAIN) | (made_up.seed < 2)]
    times = report.whole(short).loc[PLAIN, "times stock"]
    assert times == "3.50 [3.00, 4.00]"


def test_the_yardstick_is_the_nets_multiply_adds_over_the_rate(made_up):
    """From the layers, by hand: forward 416,520 an image."""
    row = report.split(made_up).loc["yardstick"]
    assert row["forward"] == 60_000 * 416_520 / 2e9
    # Twice that, but for 28·28 places of 150 weights of the first layer
    backward = 60_000 * (2 * 416_520 - 784 * 150) / 2e9
    assert row["backward"] == pytest.approx(backward)
    assert row["evaluation"] == pytest.approx(10_000 * 416_520 / 2e9)
    assert row["sum"] == pytest.approx(row[:-1].sum())
    row = report.split(made_up).loc[PLAIN]
    assert (row["evaluation"], row["sum"]) == (0.5, 6.5)


def test_what_the_rounds_reached(made_up):
    reached = report.reached(made_up, 2)
    assert {k: list(v) for k, v in reached.items()} == {
        f"training, {PLAIN}, times stock": [3.0, 4.0, 5.0],
        f"evaluation, {PLAIN}, times stock": [16.0] * 3,
        # Two at a time, and of their seconds those of drawing do not count
        f"seeds an hour, {ON_CORES}": [200.0, 100.0, 80.0],
    }


# The command


def test_the_command_measures_so_many_rounds_and_reports(
    made_up, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    rows = made_up.set_index(["variant", "seed"])
    names = {STOCK, "data in memory", PLAIN, ON_CORES}
    few = {name: WAYS[name] for name in WAYS if name in names}
    monkeypatch.setattr(ways, "available", lambda device: few)
    monkeypatch.setattr(
        Bench, "run", lambda self, key, *rest: [Timing(*rows.loc[key])]
    )
    assert run("bench", "--out", "b.csv", "--repeats", 3) == 0
    printed = capsys.readouterr().out
    assert "3 rounds" in printed
    assert re.search(rf"^{PLAIN} .*4\.00 \[3\.00, 5\.00\]", printed, re.M)
    assert "training, plain, times stock: 4.0 [3.0, 5.0]" in printed
    assert len(pd.read_csv("b.csv")) == 12


# What the book has of it, and says in words


@pytest.mark.parametrize("name", ["bench", "scale", "not_kept"])
def test_a_bench_of_the_book_is_whole(name):
    table = pd.read_csv(STUDIES / f"{name}.csv")
    made = json.loads((STUDIES / f"{name}.json").read_text())
    assert set(table.variant) == made["recipes"].keys()
    counts = table.groupby("variant").seed.nunique()
    assert (counts == table.seed.nunique()).all()
    assert table.seed.nunique() >= 3
    assert table[list(PHASES)].sum(axis=1).tolist() == pytest.approx(
        table.seconds.tolist(), rel=1e-3
    )


def test_what_the_chapter_says_of_its_bench():
    """The first change and the last gain more than chance, others may not."""
    table = pd.read_csv(STUDIES / "bench.csv")
    assert set(table.variant) == set(WAYS)
    # To the three digits that the post prints, all came to the same
    figures = table[["train_loss", "train_acc", "test_acc"]]
    assert len(figures.drop_duplicates()) == 1
    split = report.split(table).loc[PLAIN]
    assert split["forward"] + split["backward"] > split["sum"] / 2
    gains = report.gains(table)
    assert list(gains) == list(LADDER)[1:]
    chance = gains.pop("default, again").max()
    for way, rounds in gains.items():
        assert (rounds > chance).all() == (way in ("data in memory", DEFAULT))
