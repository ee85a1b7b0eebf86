"""The bench: what it measures, keeps and prints; never how fast it is."""

import json
import shutil
from dataclasses import replace
from functools import partial
from itertools import count
from threading import BrokenBarrierError
from types import SimpleNamespace

import pandas as pd
import pytest
import torch
from command_line import run
from conftest import STUDIES
from IPython.core.interactiveshell import InteractiveShell
from torch import nn
from torch.utils.data import DataLoader

from lenet_d2l import d2l, lenet, training
from lenet_d2l.datasets.fashion_mnist import read_fashion_mnist
from lenet_d2l.speed import fused, measure, phases, report, ways
from lenet_d2l.speed.measure import Timing, time_way
from lenet_d2l.speed.phases import PHASES, PhaseClock
from lenet_d2l.speed.ways import AVX2, ON_EACH_CORE, PLAIN, STOCK, WAYS, Way
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


@pytest.fixture(autouse=True)
def leaves_no_shell_and_multiplies_little(monkeypatch):
    """Other tests are scripts, without ``as_in_a_notebook``'s shell."""
    monkeypatch.setattr(measure, "SIDE", 64)
    yield
    InteractiveShell.clear_instance()


# What is trained


@d2l_warns
@pytest.mark.parametrize("name", [STOCK, "data in memory", PLAIN])
def test_a_way_loads_the_first_images(name, files, fashion_mnist):
    """Of both sets; PyTorch's usual layout is that of d2l's."""
    loaders = WAYS[name].load(measure.shortened(files, 200, 100), 64)
    for loader, whole, n in zip(loaders, fashion_mnist, (200, 100)):
        assert len(loader.dataset) == n
        for i in range(n):
            (X, y), (image, label) = loader.dataset[i], whole.dataset[i]
            assert torch.equal(X, image) and y == label
    X, _ = next(iter(loaders[0]))
    usual = nn.Conv2d(1, 6, 5)(X).is_contiguous()
    assert usual == (name != PLAIN)


@pytest.mark.parametrize(
    ("batch_size", "warm_up"), [(64, [6, 2]), (512, [2, 1])]
)
def test_a_warm_up_has_minibatches_of_every_size(files, batch_size, warm_up):
    """And no more of them than there are; the others wait after it."""
    done = []

    def note(net, train_iter, test_iter, *rest):
        print(f"loss {len(done)}, train acc 0.5, test acc 0.5")
        parts = train_iter, test_iter
        done.append([[len(y) for _, y in part] for part in parts])

    way = Way(train=note, batch_size=batch_size, parts=2)
    timing = time_way(way, 1, 2000, files, "cpu", lambda: done.append("wait"))
    few, wait, whole = done
    assert wait == "wait"
    assert timing.train_loss == 2  # As the training has printed
    assert [sum(sizes) for sizes in whole] == [1000, 167]
    assert [len(sizes) for sizes in few] == warm_up
    for short, long in zip(few, whole):
        assert (set(short), short[-1]) == (set(long), long[-1])


@pytest.mark.slow
@d2l_warns
def test_all_ways_train_the_same(files):
    timings = [
        time_way(way, 1, 2560, files, "cpu", int)
        for way in ways.available("cpu").values()
    ]
    for timing in timings:
        # As printed, to three digits
        assert timing[-3:] == pytest.approx(timings[0][-3:], abs=2e-3)
        seconds = sum(getattr(timing, name) for name in PHASES)
        assert timing.seconds == pytest.approx(seconds)
        assert min(seconds, timing.start_up, timing.multiply_adds) > 0


def test_a_way_begins_with_what_it_says(monkeypatch):
    kept, threads = [], []
    monkeypatch.setattr(ways, "keep_freed_memory", lambda: kept.append(1))
    monkeypatch.setattr(fused, "COMPILE", ["gcc"])
    monkeypatch.setattr(torch, "set_num_threads", threads.append)
    for name in (STOCK, "data in memory", "own train_ch6"):
        WAYS[name].begin()
    assert (kept, fused.COMPILE) == ([], ["gcc"])
    for way in (WAYS[PLAIN], replace(WAYS[AVX2], threads=9)):
        way.begin()
    assert (kept, fused.COMPILE) == ([1, 1], ["gcc", "-mno-avx512f"])
    assert threads == [bench.cpu_count()] * 4 + [9]


def test_each_second_belongs_to_the_innermost_phase(monkeypatch):
    """An evaluation has all that it calls; an error ends a phase, too."""

    def watched():
        return [getattr(owner, name) for owner, name, _ in phases.CALLS]

    before, time = watched(), SimpleNamespace(now=0)
    monkeypatch.setattr(phases.time, "perf_counter", lambda: time.now)
    clock = PhaseClock("cpu")
    time.now += 64
    with clock.watch():
        time.now += 1
        with clock.phase("forward"):
            time.now += 2
            with pytest.raises(RuntimeError), clock.phase("data"):
                time.now += 4
                raise RuntimeError
            time.now += 8
        with clock.phase("evaluation"), clock.phase("forward"):
            time.now += 16
        time.now += 32
    assert {name: s for name, s in clock.seconds.items() if s} == {
        **{"forward": 10, "data": 4, "evaluation": 16, "rest": 33}
    }
    assert watched() == before


@d2l_warns
@pytest.mark.parametrize("loop", [training.train_ch6, d2l.train_ch6])
def test_every_phase_of_a_training_is_seen(loop, some_images, monkeypatch):
    """Also of a fused one, by a clock that counts how often it is read."""
    batches = DataLoader(some_images.dataset, batch_size=64)
    ticks, forward = count(), set()
    monkeypatch.setattr(phases.time, "perf_counter", lambda: next(ticks))
    for name in {"plain", fused.arithmetic("cpu").name}:
        net = fused.with_arithmetic(lenet(), name)
        clock = PhaseClock("cpu")
        with clock.watch():
            loop(net, batches, batches, 1, 0.9, "cpu")
        assert all(clock.seconds[name] > 0 for name in PHASES)
        forward.add(clock.seconds["forward"])
    assert len(forward) == 1


# A bench is a study


@pytest.mark.slow
def test_a_small_bench_for_real(tmp_path):
    """Each way in processes of its own, several at once if it says so."""
    file = tmp_path / "b.csv"
    small = {
        STOCK: WAYS[STOCK],
        "two at once": Way(processes=2, threads=1, parts=5),
    }
    run_study(Bench(small, num_epochs=1, images=2560), range(1), file)
    table = pd.read_csv(file)
    assert table.variant.tolist() == list(small)
    assert table.columns.tolist() == ["variant", "seed", *Timing._fields]
    assert (table[[*Timing._fields]] > 0).all(axis=None)
    made = json.loads(file.with_suffix(".json").read_text())
    assert made["environment"]["training"] == "1 epochs of 2560 images"
    assert made["environment"].keys() >= {"processor", "vectors"}
    assert made["recipes"]["two at once"]["processes"] == "2"


def fail_second(mark, *arguments):
    """Fail in the process that comes second, not in the first."""
    print("loss 1, train acc 0.5, test acc 0.5")
    mark.touch(exist_ok=False)


@pytest.mark.slow
def test_one_that_fails_does_not_let_the_others_wait(tmp_path):
    """Else they would do so for ever."""
    way = Way(train=partial(fail_second, tmp_path / "mark"), processes=2)
    with pytest.raises((FileExistsError, BrokenBarrierError)):
        run_study(Bench({"a": way}), range(1), tmp_path / "b.csv")


def test_a_bench_of_other_code_is_another(tmp_path, monkeypatch):
    """Of code that trains or measures, not of code that reports."""
    package = shutil.copytree(bench.PACKAGE, tmp_path / "lenet_d2l")
    monkeypatch.setattr(bench, "PACKAGE", package)
    monkeypatch.setattr(fused, "SOURCE", package / "speed/fused.c")
    sources = ("speed/report.py", "net.py", "speed/ways.py")
    sources += ("speed/fused.c", "speed/convolution.h")
    codes = []
    for file in (*sources, "net.py"):
        codes.append(Bench({}).environment("cpu", plain=True)["code"])
        with (package / file).open("a") as source:
            source.write("\nmore = 1\n")
    assert codes[0] == codes[1]
    assert len(set(codes)) == 5


# Tables


@pytest.fixture
def made_up():
    """A bench whose numbers are easy to divide."""

    def rounds(way, seconds, **others):
        values = dict.fromkeys(Timing._fields, 10.0) | others
        return pd.DataFrame({"variant": way, **values, "seconds": seconds})

    rates = [1e9, 2e9, 4e9]
    each = (
        rounds(STOCK, [60, 80, 100], multiply_adds=rates, evaluation=80),
        rounds("data in memory", [30, 40, 50]),
        rounds(PLAIN, [20, 20, 20], evaluation=5),
        rounds(ON_CORES, [46, 82, 100]),
    )
    return pd.concat(each).rename_axis("seed").reset_index()


def test_the_command_measures_so_many_rounds_and_reports(
    made_up, tmp_path, monkeypatch, capsys
):
    """Ratios are taken round by round: 1.00 is no gain over the way before.

    Of the seconds of two seeds at a time, those of drawing do not count.
    """
    monkeypatch.chdir(tmp_path)
    rows = made_up.set_index(["variant", "seed"])
    few = {name: WAYS[name] for name in made_up.variant.unique()}
    monkeypatch.setattr(ways, "available", lambda device: few)
    monkeypatch.setattr("joblib.cpu_count", lambda: 2)
    monkeypatch.setattr(
        Bench, "run", lambda self, key, *rest: [Timing(*rows.loc[key])]
    )
    assert run("bench", "--out", "b.csv", "--repeats", 3) == 0
    assert len(pd.read_csv("b.csv")) == 12
    printed = capsys.readouterr().out.splitlines()
    (title,) = [i for i, line in enumerate(printed) if "3 rounds" in line]
    head, *whole = [" ".join(line.split()) for line in printed[title + 2 :]]
    assert head == "seconds times stock gain start-up (s)"
    ten = "10.0 [10.0, 10.0]"
    assert whole[:3] == [
        f"{STOCK} 80.0 [60.0, 100.0] 1.00 [1.00, 1.00] {ten}",
        f"data in memory 40.0 [30.0, 50.0] 2.00 [2.00, 2.00] "
        f"2.00 [2.00, 2.00] {ten}",
        f"{PLAIN} 20.0 [20.0, 20.0] 4.00 [3.00, 5.00] "
        f"2.00 [1.50, 2.50] {ten}",
    ]
    assert whole[-3:] == [
        f"training, {PLAIN}, times stock: 4.0 [3.0, 5.0]",
        f"evaluation, {PLAIN}, times stock: 16.0 [16.0, 16.0]",
        f"seeds an hour, {ON_CORES}: 100.0 [80.0, 200.0]",
    ]


def test_a_round_that_one_way_lacks_has_no_ratio(made_up):
    short = made_up[(made_up.variant != PLAIN) | (made_up.seed < 2)]
    row = report.whole(short).loc[PLAIN]
    assert row["times stock"] == "3.50 [3.00, 4.00]"
    assert row["gain"] == "1.75 [1.50, 2.00]"


def test_the_yardstick_is_the_nets_multiply_adds_over_the_rate(made_up):
    """From the layers, by hand: forward 416,520 an image."""
    split = report.split(made_up)
    row = split.loc["yardstick"]
    assert row["forward"] == 60_000 * 416_520 / 2e9
    # Twice that, but for 28·28 places of 150 weights of the first layer
    backward = 60_000 * (2 * 416_520 - 784 * 150) / 2e9
    assert row["backward"] == pytest.approx(backward)
    assert row["evaluation"] == pytest.approx(10_000 * 416_520 / 2e9)
    assert row["sum"] == pytest.approx(row[:-1].sum())
    assert tuple(split.loc[PLAIN, ["evaluation", "sum"]]) == (0.5, 6.5)


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
    if name == "bench":  # The same net from the same minibatches
        figures = table[["train_loss", "train_acc", "test_acc"]]
        assert (figures.max() - figures.min() < 0.02).all()
