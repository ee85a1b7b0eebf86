"""The rows of one change at a time, and the timing of their epochs."""

from dataclasses import fields

import pytest
import torch
from torch import nn

from lenet_d2l import init_weights, layer_counts, lenet, lenet5_1998
from lenet_d2l.studies import Recipe, Study
from lenet_d2l.studies.departures import DEPARTURES, TABLE, departed
from lenet_d2l.studies.seconds import SecondsRow, seconds_an_epoch
from lenet_d2l.studies.study import run_study

IMAGE = torch.zeros(1, 1, 28, 28)


@pytest.fixture
def images(some_images):
    return some_images.dataset.tensors[0][:20]


def same_weights(ours, theirs):
    """Give one net the weights of another, in their order."""
    with torch.no_grad():
        pairs = zip(ours.parameters(), theirs.parameters(), strict=True)
        for mine, other in pairs:
            mine.copy_(other.reshape(mine.shape))


def test_with_nothing_exchanged_it_is_the_posts_net(images):
    ours, theirs = departed(), lenet()
    same_weights(ours, theirs)
    torch.testing.assert_close(ours(images), theirs(images))


def test_the_way_back_ends_at_lenet5(images):
    ours, theirs = DEPARTURES["paper's init"].net(), lenet5_1998()
    same_weights(ours, theirs)
    torch.testing.assert_close(
        ours(images), theirs(images), rtol=1e-4, atol=1e-4
    )


def test_the_first_row_is_the_posts_recipe():
    ours = DEPARTURES["post"].settings()
    assert ours.pop("net") == "departed"
    theirs = Recipe().settings()
    assert theirs.pop("net") == "lenet"
    assert ours == theirs


# A row that takes another optimizer, or as many epochs more, must take
# another learning rate, or another fall, with it
TOGETHER = {
    "momentum": {"optimizer", "lr"},
    "Adam": {"optimizer", "lr"},
    "30 epochs": {"num_epochs", "schedule"},
}


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.name)
def test_a_row_changes_one_thing_in_the_row_before(row):
    before, after = DEPARTURES[row.before], DEPARTURES[row.name]
    changed = {
        field.name
        for field in fields(Recipe)
        if field.name != "net"
        and getattr(before, field.name) != getattr(after, field.name)
    }
    nets = [
        dict(getattr(recipe.net, "keywords", {}))
        for recipe in (before, after)
    ]
    parts = {
        name
        for name in nets[0].keys() | nets[1].keys()
        if nets[0].get(name) != nets[1].get(name)
    }
    assert len(parts) + bool(changed) == 1
    if changed:
        assert changed == TOGETHER.get(row.name, changed)
        assert len(changed) == len(TOGETHER.get(row.name, {"one"}))


@pytest.mark.parametrize("name", DEPARTURES)
def test_each_row_is_a_net_that_can_be_trained(name, some_images):
    recipe = DEPARTURES[name]
    net, optimizer = recipe.start(0, "cpu")
    before = [p.clone() for p in net.parameters()]
    X, y = next(iter(some_images))
    assert net(X).shape == (len(X), 10)
    loss, _, examples = recipe.epoch(
        net, [(X, y)], recipe.loss, optimizer, "cpu"
    )
    assert examples == len(X) and loss > 0
    assert any(
        not torch.equal(p, q) for p, q in zip(net.parameters(), before)
    )


def test_the_rows_have_the_parts_that_their_names_say():
    def kinds(name):
        return {type(module) for module in DEPARTURES[name].net().modules()}

    assert nn.Tanh in kinds("tanh") and nn.Sigmoid not in kinds("tanh")
    assert nn.ReLU in kinds("30 epochs")
    assert nn.MaxPool2d in kinds("max pooling")
    assert nn.AvgPool2d not in kinds("max pooling")
    assert (
        DEPARTURES["momentum"].start(0, "cpu")[1].defaults["momentum"] == 0.9
    )
    assert isinstance(DEPARTURES["Adam"].start(0, "cpu")[1], torch.optim.Adam)


@pytest.mark.parametrize(
    "name, parameters, multiply_adds",
    [
        ("post", 61_706, 416_520),
        # Two trained numbers for each of 22 maps, one product for each output
        ("trained subsampling", 61_750, 416_520 + 1_176 + 400),
        ("partial C3", 60_850, 416_520 + 1_576 - 90_000),
        ("RBF output", 60_000, 416_520 + 1_576 - 90_000),
        ("30 epochs", 61_706, 416_520),
    ],
)
def test_counts(name, parameters, multiply_adds):
    counts = layer_counts(DEPARTURES[name].net(), IMAGE)
    assert sum(c.parameters for c in counts) == parameters
    assert sum(c.multiply_adds for c in counts) == multiply_adds


def test_init_of_the_way_back_is_xaviers_up_to_the_papers():
    names = [row.name for row in TABLE]
    for name in names[: names.index("paper's init")]:
        assert DEPARTURES[name].init is init_weights


def test_seconds_are_those_of_an_epoch(tmp_path, monkeypatch):
    seen = []

    def epoch(net, batches, loss, optimizer, device):
        seen.append(len(list(batches)))
        return 1.0, 0.1, 1

    clock = iter([100.0, 104.0])
    monkeypatch.setattr("time.perf_counter", lambda: next(clock))
    recipe = Recipe(epoch=epoch)
    batches = [None] * 235
    rows = seconds_an_epoch(recipe, 0, batches, [], "cpu")
    assert seen == [5, 40]
    assert rows == [SecondsRow(4.0 / 40 * 235)]


def test_the_timing_is_a_study(tmp_path):
    study = Study(
        {"post": Recipe(departed)},
        seconds_an_epoch,
        SecondsRow,
        lambda _: 1,
        ".3f",
    )
    file = tmp_path / "seconds.csv"
    run_study(study, [0], file, n_jobs=1)
    header, row = file.read_text().splitlines()
    assert header == "seed,seconds"
    assert float(row.split(",")[1]) > 0
