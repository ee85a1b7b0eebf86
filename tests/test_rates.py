"""The rates of the changes: where they are measured, and which is best."""

import importlib
import math
from itertools import pairwise
from pathlib import Path

import changes
import pandas as pd
import pytest
import rates
import torch
from rates import (
    GUESSES,
    RATES,
    TABLE,
    at_an_end,
    best_rates,
    late_means,
    tried,
)

from lenet_d2l.data import minibatches
from lenet_d2l.studies.study import Key


def images(loader):
    """All images that a loader gives, as rows, and their classes."""
    X, y = (torch.cat(part) for part in zip(*loader))
    return X.flatten(1), y


def numbers(loader):
    """The numbers in the data set of the images that a loader may give."""
    return loader.dataset.indices.tolist()


@pytest.fixture
def loaders(small_files):
    return minibatches(small_files, 64)


def test_training_images_are_split_and_test_images_left_alone(loaders):
    train, _ = loaders
    trained, measured = rates.held_back(train, None)
    assert len(numbers(trained)) == 250 and len(numbers(measured)) == 50
    assert {*numbers(trained)} | {*numbers(measured)} == {*range(300)}
    X, y = train.dataset.tensors
    for part in trained, measured:
        given, classes = images(part)
        of = numbers(part)
        # Training is shuffled: compare the images in an order of their own
        ours = X[of].flatten(1)
        order, other = (x.sum(1).argsort() for x in (given, ours))
        assert torch.equal(given[order], ours[other])
        assert torch.equal(classes[order], y[of][other])
    assert trained.sampler.batch_size == measured.sampler.batch_size == 64


def test_of_the_whole_data_10_000_are_held_back(fashion_mnist):
    trained, measured = rates.held_back(*fashion_mnist)
    assert len(numbers(trained)) == 50_000
    assert len(numbers(measured)) == 10_000
    # A draw that left a class out would measure something else
    classes = fashion_mnist[0].dataset.tensors[1][measured.dataset.indices]
    assert classes.bincount().min() > 900


def test_every_run_holds_back_the_same_images_and_draws_as_before(loaders):
    parts = []
    for seed in 0, 1:
        torch.manual_seed(seed)
        before = torch.get_rng_state()
        parts.append(rates.held_back(*loaders))
        assert torch.equal(torch.get_rng_state(), before)
    (trained, measured), (again, measured_again) = parts
    assert numbers(trained) == numbers(again)
    assert numbers(measured) == numbers(measured_again)


def test_training_is_shuffled_and_measuring_is_not(loaders):
    trained, measured = rates.held_back(*loaders)
    assert not torch.equal(images(trained)[0], images(trained)[0])
    assert torch.equal(images(measured)[0], images(measured)[0])


def test_every_recipe_of_the_study_holds_back(small_files, monkeypatch):
    assert {recipe.data for recipe in RATES.values()} == {rates.held_back}
    seen = []

    def train(recipe, seed, train_iter, test_iter, device, arithmetic):
        seen.extend([len(train_iter.dataset), len(test_iter.dataset)])
        return [(epoch, 0.5, 0.8, 0.7) for epoch in range(recipe.num_epochs)]

    monkeypatch.setattr(rates, "train_recipe", train)
    key = Key("tanh, lr 0.1", 3)
    rows = rates.STUDY.run(key, small_files, "cpu", "plain")
    assert seen == [250, 50]
    assert rates.STUDY.lines(key, rows[:1]) == (
        '"tanh, lr 0.1",3,0,0.500000,0.800000,0.700000\n'
    )
    assert rates.STUDY.columns[-1] == "held_back_acc"


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.name)
def test_a_row_is_tried_at_three_rates_or_more_around_its_guess(row):
    assert row.guess in row.rates[1:-1] and len(row.rates) >= 3
    around = sorted({*row.rates} - {*row.also})
    assert all(2.5 < b / a < 4 for a, b in pairwise(around))
    assert len(around) == 3
    assert all(b / a < 4 for a, b in pairwise(row.rates))
    for rate in row.rates:
        assert RATES[tried(row.name, rate)].lr == rate


def test_a_row_differs_from_its_guess_by_rate_and_data_alone():
    assert len(RATES) == sum(len(row.rates) for row in TABLE)
    made = rates.recipes(GUESSES)
    for row in TABLE:
        for rate in row.rates:
            other = {"lr": rate, "data": "held_back"}
            expected = made[row.name].settings() | other
            assert RATES[tried(row.name, rate)].settings() == expected


def study_of(accuracies, seeds=(0, 1)):
    """A study in which all runs have 0.5, but for ``accuracies``.

    They are given by variant: those of each epoch, for each seed.
    """
    rows = []
    for name, recipe in RATES.items():
        for i, seed in enumerate(seeds):
            flat = [[0.5] * recipe.num_epochs] * len(seeds)
            each = enumerate(accuracies.get(name, flat)[i])
            rows += [
                (name, seed, epoch, 1.0, 0.5, acc) for epoch, acc in each
            ]
    return pd.DataFrame(rows, columns=rates.STUDY.columns)


def test_the_best_rate_has_the_highest_mean_of_the_last_three_epochs():
    chosen = best_rates(
        study_of(
            {
                "tanh, lr 0.3": [[0] * 7 + [0.7] * 3, [0] * 7 + [0.6] * 3],
                "tanh, lr 0.1": [[1] * 7 + [0.6] * 3] * 2,  # Early
                "tanh, lr 0.9": [[0.5] * 9 + [0.9]] * 2,  # At the end only
                "ReLU, lr 0.3": [[0.8] * 10, [0.1] * 10],  # In one seed only
            }
        )
    )
    assert chosen["tanh"] == 0.3
    assert chosen["ReLU"] != 0.3
    assert chosen.keys() == GUESSES.keys()


def test_a_run_that_has_diverged_counts_as_one_that_guesses():
    runs = [[0.9] * 10, [0.9] * 4 + [math.nan] * 6]
    variant = "scaled tanh, lr 0.3"
    assert best_rates(study_of({variant: runs}))["scaled tanh"] == 0.03
    runs[1] = [0.9] * 4 + [0.2] * 6
    assert best_rates(study_of({variant: runs}))["scaled tanh"] == 0.3


def test_a_rate_is_chosen_by_the_mean_of_the_last_three_epochs_of_its_runs():
    runs = [[0.1] * 7 + [0.7, 0.8, 0.9], [0.9] * 8 + [math.nan] * 2]
    means = late_means(study_of({"tanh, lr 0.3": runs}, (3, 4)))
    assert len(means) == 2 * len(RATES)
    assert means["tanh, lr 0.3"].to_dict() == pytest.approx(
        {3: 0.8, 4: (0.9 + 2 * 0.1) / 3}
    )


@pytest.mark.parametrize(
    "unfinished",
    [
        lambda study: study[study.variant != "ReLU, lr 0.3"],
        lambda study: study[
            (study.variant != "ReLU, lr 0.3") | (study.seed == 0)
        ],
        lambda study: study[:0],
    ],
    ids=["a rate", "a seed", "everything"],
)
def test_no_rate_is_chosen_before_the_study_is_finished(unfinished):
    with pytest.raises(ValueError, match="not finished"):
        best_rates(unfinished(study_of({})))


def test_a_rate_at_an_end_of_those_tried_is_named():
    assert at_an_end(GUESSES) == []
    assert at_an_end(GUESSES | {"tanh": 0.9, "Adam": 0.0003}) == [
        "tanh",
        "Adam",
    ]


@pytest.fixture
def reload(monkeypatch):
    yield lambda: importlib.reload(changes)
    monkeypatch.undo()
    importlib.reload(changes)


def test_changes_have_the_rates_chosen_where_there_are_any(
    tmp_path, monkeypatch, reload
):
    study_of({"tanh, lr 0.3": [[0.9] * 10] * 2}).to_csv(
        tmp_path / "rates.csv", index=False
    )
    monkeypatch.setattr(Path, "with_name", lambda self, name: tmp_path / name)
    assert reload().CHANGES["tanh"].lr == 0.3
    (tmp_path / "rates.csv").unlink()
    assert reload().CHANGES["tanh"].lr == GUESSES["tanh"]
