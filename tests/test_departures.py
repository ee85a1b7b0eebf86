"""The rows of one change at a time, and the timing of their epochs."""

import math
from dataclasses import fields

import pandas as pd
import pytest
import torch
from conftest import STUDIES
from departures import DEPARTURES, TABLE, departed
from scipy import stats
from seconds import SecondsRow, seconds_an_epoch
from torch import nn

from lenet_d2l import init_weights, layer_counts, lenet, lenet5_1998
from lenet_d2l.results.bands import last_epoch
from lenet_d2l.studies.recipes import Recipe
from lenet_d2l.studies.runner import Study, run_study

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


def test_the_timing_is_a_study(tmp_path):
    study = Study(
        {"post": Recipe(departed)},
        seconds_an_epoch,
        SecondsRow,
        1,
        ".3f",
    )
    file = tmp_path / "seconds.csv"
    run_study(study, [0], file, n_jobs=1)
    header, row = file.read_text().splitlines()
    assert header == "seed,seconds"
    assert float(row.split(",")[1]) > 0


# What the chapter says of the study in words

AT_CHANCE = 0.2


@pytest.fixture(scope="module")
def last():
    """Rows of the last epoch, by variant and seed."""
    study = pd.read_csv(STUDIES / "departures.csv")
    rows = study.groupby(["variant", "seed"]).tail(1)
    return rows.set_index(["variant", "seed"])


@pytest.mark.parametrize("name", ["tanh", "RBF output", "ReLU"])
def test_rows_with_too_long_steps_end_at_chance_from_every_seed(last, name):
    run = last.loc[name]
    assert (run.test_acc < AT_CHANCE).all() or run.test_acc.isna().all()


def test_the_loss_of_tanh_at_0_9_is_far_above_ln_10(last):
    assert (last.loc["tanh"].train_loss > 10).all()


@pytest.mark.parametrize("name", ["tanh, lr 0.1", "ReLU, lr 0.1"])
def test_at_0_1_every_seed_beats_the_posts_net(last, name):
    gain = last.loc[name].test_acc - last.loc["post"].test_acc
    assert (gain > 0).all()


def test_sigmoids_at_0_1_are_far_behind_in_every_seed(last):
    loss = last.loc["lr 0.1"].test_acc - last.loc["post"].test_acc
    assert (loss < -0.05).all()


@pytest.mark.parametrize("name", ["RBF output, lr 0.01", "input 32×32"])
def test_with_the_rbf_output_one_seed_ends_near_chance(last, name):
    run = last.loc[name]
    near = run.test_acc < 0.2
    assert near.sum() == 1
    assert (run.train_loss[near] > math.log(10)).all()
    assert (run.test_acc[~near] > 0.7).all()


def test_with_the_papers_init_none_does(last):
    assert (last.loc["paper's init"].test_acc > 0.7).all()


def test_lenet5_ends_a_little_above_the_post_and_below_other_rows(last):
    ours, post, before = (
        last.loc[name].test_acc.mean()
        for name in ("paper's init", "post", "partial C3")
    )
    assert post < ours < post + 0.05
    assert ours < before - 0.02


def verdict(last, row):
    """What the chapter's table says: helps, hurts or ?."""
    gain = last.loc[row.name].test_acc - last.loc[row.before].test_acc
    low, high = stats.ttest_1samp(gain, 0).confidence_interval()
    return "helps" if low > 0 else "hurts" if high < 0 else "?"


def test_verdicts_are_those_that_the_prose_names(last):
    said = {row.name: verdict(last, row) for row in TABLE}
    unshown = {name for name in said if said[name] == "?"}
    assert unshown == {
        *("scaled tanh", "partial C3", "input 32×32", "paper's init"),
        *("max pooling", "PyTorch's init", "Adam", "falling lr"),
    }
    assert {name for name in said if said[name] == "hurts"} == {
        *("lr 0.1", "tanh", "RBF output", "ReLU")
    }


def test_train_accuracy_rises_where_the_prose_says_so(last):
    for way in [
        ["tanh, lr 0.1", "scaled tanh", "trained subsampling", "partial C3"],
        ["ReLU, lr 0.1", "max pooling"],
        ["momentum", "Adam"],
    ]:
        values = [last.loc[name].train_acc.mean() for name in way]
        assert values == sorted(values)


def test_the_gain_of_momentum_leaves_out_zero_by_a_hair(last):
    gain = last.loc["momentum"].test_acc - last.loc["PyTorch's init"].test_acc
    low, _ = stats.ttest_1samp(gain, 0).confidence_interval()
    assert 0 < low < 0.005


def test_the_partial_c3_saves_no_time_and_squashing_costs_some():
    seconds = pd.read_csv(STUDIES / "seconds.csv")
    fastest = seconds.groupby("variant").seconds.min()
    assert fastest["partial C3"] > 0.95 * fastest["trained subsampling"]
    assert fastest["scaled tanh"] > 1.2 * fastest["ReLU, lr 0.1"]


def test_lenet5_ends_higher_in_its_own_study(last):
    own = last_epoch(pd.read_csv(STUDIES / "lenet5.csv"))
    for _, run in own.groupby("variant"):
        assert run.test_acc.min() > last.loc["paper's init"].test_acc.max()


def test_batch_64_gains_most_of_those_that_do_not_leave_chance(last):
    gains = {}
    for row in TABLE:
        pair = [last.loc[name].test_acc for name in (row.before, row.name)]
        if min(values.min() for values in pair) > AT_CHANCE:
            gains[row.name] = (pair[1] - pair[0]).mean()
    assert max(gains, key=gains.get) == "batch 64"


def test_30_epochs_overfit_in_every_seed_and_the_posts_ten_do_not(last):
    run, post = last.loc["30 epochs"], last.loc["post"]
    before = last.loc["falling lr"]
    assert (run.train_acc - run.test_acc > 0.04).all()
    assert (run.train_acc - before.train_acc).min() > (
        run.test_acc - before.test_acc
    ).max()
    assert (post.train_acc - post.test_acc).mean() < 0.06
