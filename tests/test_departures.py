"""The rows of one change at a time, and the timing of their epochs."""

import math
from dataclasses import fields

import pandas as pd
import pytest
import torch
from conftest import STUDIES
from departures import DEPARTURES, TABLE
from scipy import stats
from seconds import SecondsRow, seconds_an_epoch
from torch import nn

from lenet_d2l import init_weights, layer_counts, lenet, lenet5_1998
from lenet_d2l.results.bands import last_epoch
from lenet_d2l.studies.recipes import Recipe

IMAGE = torch.zeros(1, 1, 28, 28)


@pytest.mark.parametrize(
    ("name", "theirs"), [("post", lenet), ("paper's init", lenet5_1998)]
)
def test_the_way_back_leads_from_the_posts_net_to_lenet5(
    name, theirs, some_images
):
    ours, theirs = DEPARTURES[name].net(), theirs()
    with torch.no_grad():
        pairs = zip(ours.parameters(), theirs.parameters(), strict=True)
        for mine, other in pairs:
            mine.copy_(other.reshape(mine.shape))
    X = some_images.dataset.tensors[0][:20]
    torch.testing.assert_close(ours(X), theirs(X), rtol=1e-4, atol=1e-4)


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


@pytest.mark.parametrize(
    ("name", "has", "lacks"),
    [
        ("tanh", nn.Tanh, nn.Sigmoid),
        ("30 epochs", nn.ReLU, nn.Sigmoid),
        ("max pooling", nn.MaxPool2d, nn.AvgPool2d),
    ],
)
def test_a_row_has_the_parts_that_its_name_says(name, has, lacks):
    kinds = {type(part) for part in DEPARTURES[name].net().modules()}
    assert has in kinds and lacks not in kinds


def test_the_rows_have_the_optimizers_and_inits_that_their_names_say():
    momentum, adam = (
        DEPARTURES[name].start(0, "cpu")[1] for name in ("momentum", "Adam")
    )
    assert momentum.defaults["momentum"] == 0.9
    assert isinstance(adam, torch.optim.Adam)
    names = [row.name for row in TABLE]
    for name in names[: names.index("paper's init")]:
        assert DEPARTURES[name].init is init_weights


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


def test_seconds_are_those_of_an_epoch(monkeypatch):
    seen = []

    def epoch(net, batches, loss, optimizer, device):
        seen.append(len(list(batches)))
        return 1.0, 0.1, 1

    clock = iter([100.0, 104.0])
    monkeypatch.setattr("time.perf_counter", lambda: next(clock))
    recipe = Recipe(epoch=epoch)
    batches = [None] * 235
    rows = seconds_an_epoch(recipe, 0, batches, [], "cpu")
    assert seen == [5, 20]
    assert rows == [SecondsRow(4.0 / 20 * 235)]


# What the chapter says of the study in words

CHANCE = 0.2


@pytest.fixture(scope="module")
def last():
    """Rows of the last epoch, by variant and seed."""
    study = pd.read_csv(STUDIES / "departures.csv")
    rows = study.groupby(["variant", "seed"]).tail(1)
    return rows.set_index(["variant", "seed"])


def gains(last, row):
    return last.loc[row.name].test_acc - last.loc[row.before].test_acc


def test_what_the_prose_says_of_every_seed(last):
    post = last.loc["post"]
    for name in "tanh", "RBF output", "ReLU":  # Their steps are too long
        run = last.loc[name]
        assert (run.test_acc < CHANCE).all() or run.test_acc.isna().all()
    assert (last.loc["tanh"].train_loss > 10).all()
    for name in "tanh, lr 0.1", "ReLU, lr 0.1":
        assert (last.loc[name].test_acc > post.test_acc).all()
    assert (last.loc["lr 0.1"].test_acc < post.test_acc - 0.05).all()
    for name in "RBF output, lr 0.01", "input 32×32":
        run = last.loc[name]
        near = run.test_acc < CHANCE
        assert near.sum() == 1
        assert (run.train_loss[near] > math.log(10)).all()
        assert (run.test_acc[~near] > 0.7).all()
    assert (last.loc["paper's init"].test_acc > 0.7).all()
    thirty, ten = last.loc["30 epochs"], last.loc["falling lr"]
    assert (thirty.train_acc - thirty.test_acc > 0.04).all()
    more = thirty - ten
    assert more.train_acc.min() > more.test_acc.max()
    own = last_epoch(pd.read_csv(STUDIES / "lenet5.csv"))
    highest = last.loc["paper's init"].test_acc.max()
    assert (own.groupby("variant").test_acc.min() > highest).all()


def test_what_the_prose_says_of_means(last):
    means = last.groupby("variant").mean()
    test, train = means.test_acc, means.train_acc
    assert test["post"] < test["paper's init"] < test["post"] + 0.05
    assert test["paper's init"] < test["partial C3"] - 0.02
    assert train["post"] - test["post"] < 0.06
    for way in [
        ["tanh, lr 0.1", "scaled tanh", "trained subsampling", "partial C3"],
        ["ReLU, lr 0.1", "max pooling"],
        ["momentum", "Adam"],
    ]:
        assert train[way].is_monotonic_increasing
    away = {
        row.name: gains(last, row).mean()
        for row in TABLE
        if last.loc[[row.before, row.name]].test_acc.min() > CHANCE
    }
    assert max(away, key=away.get) == "batch 64"


def test_verdicts_are_those_that_the_prose_names(last):
    said = {}
    for row in TABLE:
        test = stats.ttest_1samp(gains(last, row), 0)
        low, high = test.confidence_interval()
        verdict = "helps" if low > 0 else "hurts" if high < 0 else "?"
        said.setdefault(verdict, set()).add(row.name)
        if row.name == "momentum":
            assert low < 0.005  # By a hair
    assert said["?"] == {
        *("scaled tanh", "partial C3", "input 32×32", "paper's init"),
        *("max pooling", "PyTorch's init", "Adam", "falling lr"),
    }
    assert said["hurts"] == {"lr 0.1", "tanh", "RBF output", "ReLU"}


def test_the_partial_c3_saves_no_time_and_squashing_costs_some():
    seconds = pd.read_csv(STUDIES / "seconds.csv")
    fastest = seconds.groupby("variant").seconds.min()
    assert fastest["partial C3"] > 0.95 * fastest["trained subsampling"]
    assert fastest["scaled tanh"] > 1.2 * fastest["ReLU, lr 0.1"]
