"""The rows of one change at a time, their runs, and their timing."""

import pandas as pd
import pytest
import seconds
import torch
from changes import CHANGES
from conftest import STUDIES
from rates import GUESSES, TABLE, recipes
from seconds import SecondsRow, seconds_an_epoch
from torch import nn
from torch.nn.utils import parameters_to_vector, vector_to_parameters

from lenet_d2l import lenet, lenet5_1998
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
    ours, known = CHANGES[name].net(), known()
    weights = parameters_to_vector(known.parameters())
    vector_to_parameters(weights, ours.parameters())
    X = some_images.dataset.tensors[0][:20]
    torch.testing.assert_close(ours(X), known(X), rtol=1e-4, atol=1e-4)


# A row that takes as many epochs more needs another fall
TOGETHER = {"30 epochs": {"num_epochs", "schedule"}, "best rate": set()}


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.name)
def test_a_row_changes_one_thing_besides_the_rate(row):
    before, after = (
        vars(recipe) | {"net": None} | getattr(recipe.net, "keywords", {})
        for recipe in (CHANGES[row.before], CHANGES[row.name])
    )
    changed = {key for key in after if after[key] != before.get(key)}
    changed -= {"lr"}
    assert changed == TOGETHER.get(row.name, {*row.changes})
    assert row.name in TOGETHER or len(changed) == 1


def test_the_posts_recipe_keeps_its_rate_whatever_is_chosen():
    made = recipes(GUESSES | {"best rate": 0.3})
    assert made["post"].lr == Recipe().lr and made["best rate"].lr == 0.3
    assert CHANGES.keys() == made.keys() == {"post", *GUESSES}


@pytest.mark.parametrize("name", CHANGES)
def test_a_step_changes_every_weight_tensor_of_a_row(name, some_images):
    recipe = CHANGES[name]
    net, optimizer = recipe.start(0, "cpu")
    before = [p.clone() for p in net.parameters()]
    batch = [next(iter(some_images))]
    recipe.epoch(net, batch, recipe.loss, optimizer, "cpu")
    pairs = zip(net.parameters(), before)
    assert not any(torch.equal(*pair) for pair in pairs)


def test_seconds_are_those_of_an_epoch_of_every_row(monkeypatch):
    assert seconds.STUDY.recipes.keys() == CHANGES.keys()
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


# What the chapter says of the runs


def seeds(name):
    return {*pd.read_csv(STUDIES / f"{name}.csv").seed}


def test_no_seed_chose_a_rate_or_was_seen_before_the_rules_were_made():
    assert not seeds("changes") & (seeds("rates") | {*range(5)})
