"""The rows of one change at a time, and the timing of their epochs."""

import math

import pandas as pd
import pytest
import torch
from conftest import STUDIES
from departures import DEPARTURES, TABLE
from seconds import SecondsRow, seconds_an_epoch
from torch import nn
from torch.nn.utils import parameters_to_vector, vector_to_parameters

from lenet_d2l import lenet, lenet5_1998
from lenet_d2l.results.bands import last_epoch
from lenet_d2l.results.verdicts import CHANCE, change, verdicts
from lenet_d2l.studies.recipes import Recipe


def todays():
    """Return the post's net with ReLU and max pooling."""
    net = lenet()
    for i in 2, 5, 9, 11:
        net[i] = nn.ReLU()
    net[3], net[6] = nn.MaxPool2d(2), nn.MaxPool2d(2)
    return net


@pytest.mark.parametrize(
    ("name", "known"),
    [("post", lenet), ("paper's init", lenet5_1998), ("30 epochs", todays)],
)
def test_both_ways_begin_and_end_at_known_nets(name, known, some_images):
    ours, known = DEPARTURES[name].net(), known()
    weights = parameters_to_vector(known.parameters())
    vector_to_parameters(weights, ours.parameters())
    X = some_images.dataset.tensors[0][:20]
    torch.testing.assert_close(ours(X), known(X), rtol=1e-4, atol=1e-4)


# A row that takes another optimizer, or as many epochs more, must take
# another learning rate, or another fall, with it
TOGETHER = {
    "momentum": {"optimizer", "lr"},
    "Adam": {"optimizer", "lr"},
    "30 epochs": {"num_epochs", "schedule"},
}


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.name)
def test_a_row_changes_one_thing_in_the_row_before(row):
    before, after = (
        vars(recipe) | {"net": None} | getattr(recipe.net, "keywords", {})
        for recipe in (DEPARTURES[row.before], DEPARTURES[row.name])
    )
    changed = {key for key in after if after[key] != before.get(key)}
    if row.name in TOGETHER:
        assert changed == TOGETHER[row.name]
    else:
        assert len(changed) == 1


@pytest.mark.parametrize("name", DEPARTURES)
def test_a_step_changes_every_weight_tensor_of_a_row(name, some_images):
    recipe = DEPARTURES[name]
    net, optimizer = recipe.start(0, "cpu")
    before = [p.clone() for p in net.parameters()]
    batch = [next(iter(some_images))]
    recipe.epoch(net, batch, recipe.loss, optimizer, "cpu")
    pairs = zip(net.parameters(), before)
    assert not any(torch.equal(*pair) for pair in pairs)


def test_seconds_are_those_of_an_epoch(monkeypatch):
    seen = []

    def epoch(net, batches, loss, optimizer, device):
        seen.append(len(list(batches)))
        return 1.0, 0.1, 1

    clock = iter([100.0, 104.0])
    monkeypatch.setattr("time.perf_counter", lambda: next(clock))
    recipe, batches = Recipe(epoch=epoch), [None] * 235
    rows = seconds_an_epoch(recipe, 0, batches, [], "cpu")
    assert seen == [5, 20]
    assert rows == [SecondsRow(4.0 / 20 * 235)]


# What the chapter says of the study in words


@pytest.fixture(scope="module")
def last():
    """Rows of the last epoch, by variant and seed."""
    study = pd.read_csv(STUDIES / "departures.csv")
    rows = study.groupby(["variant", "seed"]).tail(1)
    return rows.set_index(["variant", "seed"])


@pytest.fixture(scope="module")
def changes(last):
    """What each row changes in the test accuracy."""
    return {row.name: of("test_acc", row, last) for row in TABLE}


def of(figure, row, last):
    return change(*(last.loc[n][figure] for n in (row.name, row.before)))


def test_what_the_prose_says_of_every_seed(last):
    runs = {name: last.loc[name] for name in DEPARTURES}
    test = {name: run.test_acc for name, run in runs.items()}
    post = test["post"]
    for name in "tanh", "RBF output", "ReLU":  # Their steps are too long
        assert (test[name] < CHANCE).all() or test[name].isna().all()
    assert (runs["tanh"].train_loss > 10).all()
    for name in "tanh, lr 0.1", "ReLU, lr 0.1":
        assert (test[name] > post).all()
    assert (test["lr 0.1"] < post - 0.05).all()
    for name in "RBF output, lr 0.01", "input 32×32":  # But for one seed
        near = test[name] < CHANCE
        assert near.sum() == 1
        assert (runs[name].train_loss[near] > math.log(10)).all()
        assert (test[name][~near] > 0.7).all()
    assert (test["paper's init"] > 0.7).all()
    thirty = runs["30 epochs"]
    assert (thirty.train_acc - thirty.test_acc > 0.04).all()
    epochs = pd.read_csv(STUDIES / "departures.csv")
    epochs = epochs[epochs.variant == "30 epochs"]
    means = epochs.groupby("epoch").test_acc.mean()
    assert means.idxmax() == means.index.max()  # Never higher than in the end
    more = thirty - runs["falling lr"]
    assert more.train_acc.min() > more.test_acc.max()
    own = last_epoch(pd.read_csv(STUDIES / "lenet5.csv"))
    assert own.test_acc.min() > test["paper's init"].max()


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
    assert test["scaled tanh"] > test["tanh, lr 0.1"]
    assert test["partial C3"] > test["trained subsampling"]
    assert test["trained subsampling"] > test["scaled tanh"]


def test_what_the_prose_says_of_train_accuracies(last):
    rows = {row.name: of("train_acc", row, last) for row in TABLE}
    for name in "scaled tanh", "trained subsampling", "max pooling", "Adam":
        assert rows[name].low > 0
    assert rows["partial C3"].low < 0 < rows["partial C3"].high


def test_verdicts_are_those_that_the_prose_names(changes):
    said = {}
    for name, word in verdicts(changes).items():
        said.setdefault(word, set()).add(name)
    assert said == {
        "hurts": {"lr 0.1", "tanh", "RBF output", "ReLU"},
        "helps": {"tanh, lr 0.1", "ReLU, lr 0.1", "batch 64", "30 epochs"},
        "equivalent": {"falling lr"},
        "undecided": {
            *("scaled tanh", "trained subsampling", "partial C3"),
            *("RBF output, lr 0.01", "input 32×32", "paper's init"),
            *("max pooling", "PyTorch's init", "momentum", "Adam"),
        },
    }
    assert changes["RBF output, lr 0.01"].learn == (4, 0)
    assert 0 < changes["momentum"].low < 0.005  # By a hair
    never_at_chance = {
        name: row.mean
        for name, row in changes.items()
        if abs(row.mean) < 0.1 and not row.learn
    }
    assert max(never_at_chance, key=never_at_chance.get) == "batch 64"


def test_the_partial_c3_saves_no_time_and_squashing_costs_some():
    seconds = pd.read_csv(STUDIES / "seconds.csv")
    fastest = seconds.groupby("variant").seconds.min()
    assert fastest["partial C3"] > 0.95 * fastest["trained subsampling"]
    assert fastest["scaled tanh"] > 1.2 * fastest["ReLU, lr 0.1"]
