"""The bench: what it measures, keeps and prints; never how fast it is."""

import json
import re
from contextlib import nullcontext as count_nothing
from itertools import count
from types import SimpleNamespace

import pytest
import torch
from command_line import USAGE, run
from conftest import BOOK
from torch import nn

from lenet_d2l import d2l, lenet, minibatches, training
from lenet_d2l.datasets.fashion_mnist import read_fashion_mnist
from lenet_d2l.speed import bench, measure, phases, report
from lenet_d2l.speed.bench import PARTS, Setting, Task, run_bench, tasks
from lenet_d2l.speed.phases import PHASES, PhaseClock
from lenet_d2l.speed.ways import DEFAULT, FASTEST, STOCK, WAYS, available


@pytest.fixture(scope="module")
def files():
    return measure.shortened(read_fashion_mnist(), train=1000, t10k=170)


# Less data


def test_shortened_files_are_the_first_images(files, fashion_mnist):
    for short, whole, n in zip(
        minibatches(files, 256), fashion_mnist, (1000, 170)
    ):
        for a, b in zip(short.dataset.tensors, whole.dataset.tensors):
            assert torch.equal(a, b[:n])


def test_a_warm_up_has_minibatches_of_every_size(files):
    loaders = minibatches(measure.for_warm_up(files, 64, 5), 64)
    sizes = [[len(y) for _, y in loader] for loader in loaders]
    # 1000 images are 15 minibatches of 64, and 40; 170 are 2, and 42
    assert sizes == [[64] * 5 + [40], [64, 42]]


def test_a_warm_up_needs_no_more_than_there_is(files):
    loaders = minibatches(measure.for_warm_up(files, 512, 5), 512)
    assert [len(loader.dataset) for loader in loaders] == [1000, 170]


# Ways


def test_each_way_departs_from_one_before_it():
    names = list(WAYS)
    assert WAYS[STOCK].before == ""
    for name, way in list(WAYS.items())[1:]:
        assert names.index(way.before) < names.index(name)


def test_the_package_as_it_is_needs_nothing_around_it():
    plain = WAYS[DEFAULT]
    assert plain.load is minibatches
    assert plain.net is lenet
    assert plain.train is training.train_ch6


@pytest.mark.parametrize("name", ["no DataLoader", "tested 2,000 at a time"])
def test_an_epoch_of_a_way_has_each_image_once(name, files):
    for ours, theirs in zip(
        WAYS[name].load(files, 64), minibatches(files, 64)
    ):
        X = torch.cat([X for X, _ in ours]).flatten(1).sum(dim=1)
        whole = theirs.dataset.tensors[0].flatten(1).sum(dim=1)
        torch.testing.assert_close(X.sort()[0], whole.sort()[0])


def test_channels_first_are_the_same_images_in_the_usual_layout(files):
    for ours, theirs in zip(
        WAYS["freed memory kept"].load(files, 64), minibatches(files, 64)
    ):
        X, usual = ours.dataset.tensors[0], theirs.dataset.tensors[0]
        assert torch.equal(X, usual)
        assert nn.Conv2d(1, 6, 5)(X[:2]).is_contiguous()


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


@pytest.mark.parametrize("train", [training.train_ch6, d2l.train_ch6])
def test_every_phase_of_a_training_is_seen_and_none_is_counted_twice(
    train, files, capsys
):
    net, clock = lenet(), PhaseClock("cpu")
    with clock.watch(net):
        before = clock.last
        train(net, *minibatches(files, 64), 1, 0.9, "cpu")
    assert all(clock.seconds[name] > 0 for name in PHASES)
    total = sum(clock.seconds.values())
    assert total == pytest.approx(clock.last - before)


def test_a_watched_training_is_the_same_and_leaves_nothing_behind(files):
    weights = []
    for watched in (False, True):
        torch.manual_seed(0)
        net, clock = lenet(), PhaseClock("cpu")
        with clock.watch(net) if watched else count_nothing():
            training.train_ch6(net, *minibatches(files, 64), 1, 0.9, "cpu")
        weights.append(net[12].weight)
    assert torch.equal(*weights)
    seconds = dict(clock.seconds)
    net(torch.rand(1, 1, 28, 28)).sum().backward()
    assert clock.seconds == seconds


# Nets of several seeds as one


def test_a_batched_epoch_is_measured(files):
    assert measure.batched_epoch(files, 64, seeds=2, steps=1) > 0


# Rounds, and what is kept of them


@pytest.fixture
def invented(monkeypatch):
    """Two tasks, and results that say in which order they were done."""
    numbers = count(1)

    def do(task, setting, data_dir):
        if do.fail == task.name:
            raise RuntimeError("no memory left")
        return next(numbers)

    do.fail = ""
    monkeypatch.setattr(bench, "do", do)
    monkeypatch.setattr(
        bench, "tasks", lambda *_: [Task("a", max), Task("b", max)]
    )
    return do


def results(file):
    return json.loads(file.read_text())["results"]


def test_in_a_round_everything_is_measured_once(invented, tmp_path):
    run_bench(tmp_path / "b.json", Setting(), 2)
    assert results(tmp_path / "b.json") == {"a": [1, 3], "b": [2, 4]}


def test_what_was_measured_is_kept_and_not_measured_again(invented, tmp_path):
    file = tmp_path / "b.json"
    invented.fail = "b"
    with pytest.raises(RuntimeError, match="no memory left"):
        run_bench(file, Setting(), 1)
    assert results(file)["a"] == [1]
    invented.fail = ""
    run_bench(file, Setting(), 2)
    assert results(file) == {"a": [1, 3], "b": [2, 4]}


@pytest.mark.parametrize("other", [{"num_epochs": 9}, {"threads": 99}])
def test_a_file_of_another_setting_is_refused(other, invented, tmp_path):
    file = tmp_path / "b.json"
    run_bench(file, Setting(), 1)
    before = file.read_text()
    with pytest.raises(bench.BenchFileError, match="name another file"):
        run_bench(file, Setting(**other), 1)
    assert file.read_text() == before


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"setting": 1, "machine": 1}',
        '{"setting": {}, "machine": {}}',
        '{"setting": {}, "machine": {}, "results": []}',
    ],
)
def test_a_file_of_something_else_is_refused(text, invented, tmp_path):
    file = tmp_path / "b.json"
    file.write_text(text)
    with pytest.raises(bench.BenchFileError, match="not of a bench"):
        run_bench(file, Setting(), 1)
    assert file.read_text() == text


def test_every_part_has_tasks_and_every_task_a_part():
    names = [task.name for task in tasks(Setting(), PARTS)]
    assert len(set(names)) == len(names)
    assert {name.partition("/")[0] for name in names} == set(PARTS)
    assert [t.name for t in tasks(Setting(), ("limit",))] == ["limit"]


# Processes


def test_measured_at_once_each_in_its_threads(monkeypatch):
    """Two at once, for real; the slower counts."""
    arguments = (DEFAULT, 256, "cpu")
    task = Task("x", measure.epoch, arguments, threads=1, at_once=2)
    assert bench.do(task, Setting(images=512), None) > 0


def test_a_process_has_the_threads_of_its_task(one_thread, monkeypatch):
    monkeypatch.setattr(bench.multiprocessing, "set_start_method", ignore)
    monkeypatch.setattr(bench, "together", None)
    bench.begin(None, 3)
    try:
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(1)


def test_one_that_fails_does_not_let_the_others_wait(monkeypatch):
    """The error is told, where the other would wait for it for ever."""
    task = Task("x", measure.epoch, ("no such way", 256, "cpu"), at_once=2)
    with pytest.raises(KeyError, match="no such way"):
        bench.do(task, Setting(images=512), None)


def ignore(*args, **kwargs):
    """Do nothing."""


@pytest.mark.filterwarnings("ignore:This DataLoader will create 4 worker")
@pytest.mark.parametrize(
    "name", [name for name in available("cpu") if name != "compiled"]
)
def test_an_epoch_by_each_way(name, files):
    """Of inductor it would take long, and is torch's own matter."""
    seconds = measure.epoch(files, name, 64, "cpu", ignore)
    assert seconds > 0


def test_what_is_around_a_way_takes_effect(monkeypatch):
    kept = []
    monkeypatch.setattr(training, "keep_freed_memory", lambda: kept.append(1))
    with WAYS["own train_ch6"].around():
        training.keep_freed_memory()
    assert kept == []
    with WAYS["SGD, fused"].around():
        optimizer = torch.optim.SGD(lenet().parameters(), lr=0.9)
    assert optimizer.defaults["fused"]
    with WAYS["bfloat16"].around():
        assert lenet()(torch.rand(1, 1, 28, 28)).dtype == torch.bfloat16


# Tables


@pytest.fixture
def made_up():
    """A bench whose numbers are easy to divide."""
    one = {"start_up": 0.5, "memory": 2**20, "figures": ["0.5", "0.8", "0.7"]}
    phase = dict.fromkeys((*PHASES, "rest"), 1.0)
    return {
        "setting": {"num_epochs": 10, "images": 60_000, "device": "cpu"},
        "machine": {"cores": 2},
        "results": {
            f"whole/{STOCK}": [{"seconds": s, **one} for s in (60, 80, 100)],
            f"whole/{DEFAULT}": [{"seconds": s, **one} for s in (20, 20, 20)],
            f"split/{STOCK}": [phase | {"evaluation": 8.0}],
            f"split/{DEFAULT}": [phase | {"evaluation": 0.5}],
            f"ladder/{STOCK}": [{"seconds": 12, **one}],
            "ladder/data in memory": [{"seconds": 6, **one}],
            "limit": [1e9, 2e9, 4e9],
            f"scale/batch/{DEFAULT}/64": [8.0],
            f"scale/batch/{DEFAULT}/256": [5.0],
            f"scale/batch/{DEFAULT}/4096": [4.0],
            f"scale/share/{DEFAULT}/1": [4.0],
            f"scale/share/{DEFAULT}/4": [1.5],
            f"scale/threads/{DEFAULT}/1": [3.0],
            f"scale/threads/{DEFAULT}/2": [2.0],
            f"scale/seeds/{DEFAULT}/1": [3.0],
            f"scale/seeds/{DEFAULT}/2": [3.6],
            f"scale/seeds/{DEFAULT}/4": [7.0],
            "scale/batched/4": [20.0],
        },
    }


def test_a_ratio_is_taken_round_by_round(made_up):
    table = report.whole(made_up)
    assert table.loc[DEFAULT, "times as fast"] == "4.00 [3.00, 5.00]"
    assert table.loc[STOCK, "times as fast"] == "1.00 [1.00, 1.00]"
    assert table.loc[STOCK, "seconds"] == "80.0 [60.0, 100.0]"
    assert table.loc[DEFAULT, "memory (MB)"] == "1 [1, 1]"
    assert table.loc[DEFAULT].iloc[-1] == "0.5 0.8 0.7"


def test_figures_that_differ_are_all_named(made_up):
    runs = made_up["results"][f"whole/{DEFAULT}"]
    runs[1]["figures"] = ["0.6", "0.8", "0.7"]
    # The three share one list of the fixture
    runs[0]["figures"] = runs[2]["figures"] = ["0.5", "0.8", "0.7"]
    figures = report.whole(made_up).loc[DEFAULT].iloc[-1]
    assert figures == "0.5 0.8 0.7; 0.6 0.8 0.7"


def test_the_limit_is_the_nets_multiply_adds_over_the_rate(made_up):
    """From the layers, by hand: forward 416,520 an image."""
    limit = report.limit(made_up)
    assert limit["forward"] == 60_000 * 416_520 / 2e9
    # Twice that, but for 28·28 places of 150 weights of the first layer
    backward = 2 * 416_520 - 784 * 150
    assert limit["backward"] == 60_000 * backward / 2e9
    assert limit["evaluation"] == 10_000 * 416_520 / 2e9
    assert report.split(made_up).loc["limit", "sum"] == pytest.approx(
        sum(limit[name] for name in ("forward", "backward", "evaluation"))
    )


def test_split_has_each_phase_and_their_sum(made_up):
    line = report.split(made_up).loc[DEFAULT]
    assert line["evaluation"] == 0.5
    assert line["sum"] == 6.5


def test_evaluation_is_compared_with_stock(made_up):
    assert list(report.evaluation(made_up)[DEFAULT]) == [16.0]


def test_a_gain_is_over_the_way_before(made_up):
    line = report.ladder(made_up).loc["data in memory"]
    assert line["s an epoch"] == "3.00 [3.00, 3.00]"
    assert line["changes"] == STOCK
    assert line["gain"] == "2.00 [2.00, 2.00]"


def test_the_lines_that_growth_should_follow(made_up):
    def line(what):
        return report.expected(made_up, what)[DEFAULT].to_dict()

    # 938, 235 and 15 steps: a fixed part, and one for each step
    a_step = 4 / (938 - 15)
    batch = line("batch")
    assert batch[64] == pytest.approx(8)
    assert batch[256] == pytest.approx(4 + 220 * a_step)
    assert line("share") == {1: 4.0, 4: 1.0}
    assert line("threads") == {1: 3.0, 2: 1.5}
    assert line("seeds") == {1: 3.0, 2: 3.0, 4: 6.0}


def test_seeds_an_hour_are_those_of_a_process_on_each_core(made_up):
    table = report.seeds_an_hour(made_up)["seeds an hour"]
    assert table[DEFAULT] == "200 [200, 200]"  # 2 in 36 s
    assert table["4 as one net"] == "72 [72, 72]"  # 4 in 200 s


def test_a_report_has_all_that_was_measured(made_up):
    text = report.report(made_up)
    for part in ("10 epochs", "by phase", "one change", "by batch", "study"):
        assert part in text
    made_up["results"] = {}
    assert "cores" in report.report(made_up)


# The command


def test_a_small_bench(tmp_path, capsys, monkeypatch):
    """For real, each measurement in a process of its own."""
    monkeypatch.chdir(tmp_path)
    parts = ["whole", "split", "limit"]
    small = ["--images", 2560, "--num-epochs", 1, "--repeats", 1]
    code = run("bench", "--out", "b.json", *small, "--parts", *parts)
    printed = capsys.readouterr().out
    assert code == 0, printed
    measured = results(tmp_path / "b.json")
    figures = set()
    for way in (STOCK, DEFAULT, FASTEST):
        assert re.search(rf"^{way} .*\[.*\]", printed, re.M)
        (whole,), (split,) = (measured[f"{p}/{way}"] for p in parts[:2])
        assert whole["seconds"] > 0
        assert whole["start_up"] > 0
        figures.add(tuple(whole["figures"]))
        assert set(split) == {*PHASES, "rest"}
        assert all(split[name] > 0 for name in PHASES)
    # The same seed, net and minibatches: the same to three digits
    assert len(figures) == 1
    assert measured["limit"][0] > 1e6


WRONG = {
    ("--out", "b.csv"): r"b\.csv does not end in \.json",
    ("--out", "none/b.json"): "there is no folder none",
    ("--out", "text.json"): r"text\.json is not of a bench",
    ("--repeats", "0"): "whole number of at least 1, not '0'",
    ("--images", "100"): "whole number from 2560 to 60000, not '100'",
    ("--num-epochs", "x"): "whole number of at least 1, not 'x'",
    ("--parts", "nonsense"): "invalid choice: 'nonsense'",
    ("--device", "nonsense"): "'nonsense' is not there",
    ("--data-dir", "text.json"): "is not a folder",
}


def test_a_measurement_that_fails_is_one_line(
    invented, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    invented.fail = "b"
    assert run("bench", "--out", "b.json") == 1
    printed = capsys.readouterr()
    assert printed.err == (
        "python -m lenet_d2l bench: stopped: no memory left\n"
    )
    assert results(tmp_path / "b.json")["a"] == [1]


@pytest.mark.parametrize(("option", "value"), WRONG)
def test_a_wrong_value_is_one_line(
    option, value, tmp_path, monkeypatch, capsys, invented
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "text.json").write_text("text")
    out = [] if option == "--out" else ["--out", "b.json"]
    assert run("bench", *out, option, value) == USAGE
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("python -m lenet_d2l bench: error: ")
    assert f"argument {option}: " in line
    assert re.search(WRONG[option, value], line)
    assert not (tmp_path / "b.json").exists()


# What the book has of it


@pytest.fixture(scope="module")
def books():
    """The bench that the chapter "Where the time goes" shows."""
    return json.loads((BOOK / "studies" / "bench.json").read_text())


def test_the_books_bench_is_whole(books):
    assert books["setting"] == {
        "num_epochs": 10,
        "images": 60_000,
        "device": "cpu",
    }
    least = {"whole": 5, "split": 5, "ladder": 3, "scale": 3}
    for part, rounds in least.items():
        for name, results in report.measured(books, part).items():
            assert len(results) >= rounds, name
    assert len(books["results"]["limit"]) >= 5
    assert report.measured(books, "scale").keys() == {
        task.name.removeprefix("scale/")
        for task in tasks(Setting(threads=2), ("scale",))
    }
    ladder = report.measured(books, "ladder")
    assert list(ladder) == [name for name in WAYS if name in ladder]
    assert {STOCK, DEFAULT, FASTEST} <= set(ladder)
    assert isinstance(report.report(books), str)


def test_the_books_split_is_of_the_same_training(books):
    """Its clock looks on; it must not be what takes the time."""
    for way, runs in report.measured(books, "whole").items():
        epoch = report.column(runs, "seconds").median() / 10
        total = report.split(books)["sum"][way]
        assert total == pytest.approx(epoch, rel=0.3)


def test_the_books_ways_came_to_the_same_figures(books):
    """To the three digits that the post prints, after ten epochs."""
    figures = {
        tuple(run["figures"])
        for runs in report.measured(books, "whole").values()
        for run in runs
    }
    assert len(figures) == 1


# What the chapter says in words of it


def test_forward_and_backward_are_the_largest_part(books):
    split = report.split(books)
    for way in (STOCK, DEFAULT):
        passes = split.loc[way, ["forward", "backward"]].sum()
        assert passes > split["sum"][way] / 2
    passes = split["forward"] + split["backward"]
    assert passes[STOCK] > 1.2 * passes[DEFAULT]


def test_the_package_evaluates_in_a_fraction_of_stocks_time(books):
    for times in report.evaluation(books).values():
        assert times.min() > 2


def gains(books, way):
    """The gain of a way over the one before it, in each round."""
    ladder = report.measured(books, "ladder")
    before, after = (
        report.column(ladder[name], "seconds")
        for name in (WAYS[way].before, way)
    )
    return report.ratio(before, after)


def test_what_the_package_keeps_has_gained(books):
    for way in ("data in memory", "freed memory kept", DEFAULT, FASTEST):
        assert gains(books, way).median() > 1.02, way
    unclear = gains(books, "own train_ch6")
    assert unclear.min() < 1 < unclear.max()


def test_a_gain_of_sgd_is_chance(books):
    """Who takes away a part of an epoch gains no more than that part."""
    split = report.split(books).loc[DEFAULT]
    possible = 1 / (1 - split["step"] / split["sum"])
    seeming = gains(books, "SGD, fused").median()
    assert possible < seeming
    for way in ("no DataLoader", "tested 2,000 at a time", "bfloat16"):
        assert 1 / seeming < gains(books, way).median() < seeming, way


def test_compiling_does_not_pay_back_its_start_up_in_ten_epochs(books):
    runs = books["results"]
    seconds, start_up = (
        {
            way: report.column(runs[f"ladder/{way}"], name).median()
            for way in (DEFAULT, "compiled")
        }
        for name in ("seconds", "start_up")
    )
    saved = (seconds[DEFAULT] - seconds["compiled"]) / 2 * 10
    assert start_up["compiled"] - start_up[DEFAULT] > saved


def test_seeds_as_one_net_are_slower_than_a_process_a_core(books):
    table = report.seeds_an_hour(books)["seeds an hour"]
    rates = table.str.extract(r"(\d+) \[")[0].astype(float)
    as_one = rates[rates.index.str.contains("one net")]
    assert len(as_one) == 3
    assert as_one.max() < rates[DEFAULT]


def test_the_dots_lie_near_their_lines(books):
    for what in ("batch", "share", "threads", "seeds"):
        ours, line = report.scale(books, what), report.expected(books, what)
        off = (ours / line)[[DEFAULT, FASTEST]].stack()
        assert off.between(0.6, 1.6).all(), what
