"""The contest: its nets, its shifts, its rows, and what is compared."""

import math
from dataclasses import replace

import contest
import contest_rates
import numpy as np
import pandas as pd
import pytest
import torch
from conftest import STUDIES
from contest import CONTEST, PAIRS, ContestRow, by_shift, train_and_shift
from contest_rates import (
    FAR,
    RATES,
    ROWS,
    TRIED,
    RandomShifts,
    Scramble,
    best_rates,
    full_net,
    rates_of,
    relu_lenet,
    shift,
    wide_net,
)
from rates import tried
from torch import nn

from lenet_d2l import layer_counts, lenet
from lenet_d2l.data import minibatches
from lenet_d2l.studies.recipes import train_recipe
from lenet_d2l.studies.study import Key

BLANK = torch.zeros(1, 1, 28, 28)


def total(net, what):
    return sum(getattr(count, what) for count in layer_counts(net, BLANK))


def test_both_nets_have_about_as_many_parameters():
    ours, theirs = (total(n(), "parameters") for n in (relu_lenet, full_net))
    assert ours == total(lenet(), "parameters")
    assert theirs == pytest.approx(ours, rel=0.01)


def test_the_wide_net_has_about_as_many_multiply_adds():
    ours = total(relu_lenet(), "multiply_adds")
    assert total(wide_net(), "multiply_adds") == pytest.approx(ours, rel=0.01)


def test_all_nets_have_relu_alone():
    for net in relu_lenet(), full_net(), wide_net():
        kinds = {type(layer) for layer in net}
        assert nn.ReLU in kinds and not kinds & {nn.Sigmoid, nn.Tanh}


def slowly_shifted(image, right, down):
    """A shift, pixel by pixel."""
    moved = torch.zeros_like(image)
    for i, j in np.ndindex(28, 28):
        if 0 <= i - down < 28 and 0 <= j - right < 28:
            moved[i, j] = image[i - down, j - right]
    return moved


def test_each_image_is_shifted_by_its_own_pixels():
    X = torch.rand(5, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    right, down = torch.tensor([[0, 1, -4, 2, 4], [0, 0, 3, -1, -4]])
    shifted = shift(X, right, down)
    assert shifted.shape == X.shape
    for i in range(5):
        expected = slowly_shifted(X[i, 0], right[i].item(), down[i].item())
        assert torch.equal(shifted[i, 0], expected)


def test_random_shifts_reach_as_far_as_those_of_the_test_and_are_new():
    X, y = torch.zeros(2000, 1, 28, 28), torch.arange(2000)
    X[:, 0, 10, 10] = 1
    batches = RandomShifts([(X, y)])
    assert len(batches) == 1
    places = []
    for _ in range(2):
        ((moved, labels),) = batches
        assert torch.equal(labels, y)
        places.append(moved[:, 0].nonzero()[:, 1:] - 10)
        assert (places[-1].amin(0) == -FAR).all()
        assert (places[-1].amax(0) == FAR).all()
    assert not torch.equal(*places)
    # Rows and columns are drawn each by itself
    assert len({*map(tuple, places[0].tolist())}) == (2 * FAR + 1) ** 2


def test_a_scramble_is_the_same_permutation_for_all_images_and_nets():
    X = torch.rand(3, 1, 28, 28)
    scrambled = Scramble()(X)
    assert scrambled.shape == X.shape
    assert torch.equal(scrambled, Scramble()(X))
    order = Scramble().order
    assert torch.equal(order.sort().values, torch.arange(784))
    assert (order != torch.arange(784)).float().mean() > 0.99
    assert torch.equal(scrambled.flatten(1), X.flatten(1)[:, order])


def test_a_fully_connected_net_can_undo_a_scramble():
    """With its first weights in the same order it is the same function."""
    net, X = full_net(), torch.rand(3, 1, 28, 28)
    before = net(X)
    with torch.no_grad():
        net[1].weight.copy_(net[1].weight[:, Scramble().order])
        after = nn.Sequential(Scramble(), net)(X)
    torch.testing.assert_close(after, before)


def test_rows_differ_by_net_and_images_alone():
    for name, recipe in CONTEST.items():
        same = vars(recipe) | {"net": None, "data": None, "lr": None}
        plain = vars(contest_rates.PLAIN)
        assert same == plain | {"net": None, "data": None, "lr": None}, name
    assert CONTEST.keys() == ROWS.keys()


def test_a_scramble_is_the_nets_first_layer_and_is_not_trained():
    for name in "LeNet, scrambled", "full, scrambled":
        net = CONTEST[name].net()
        assert isinstance(net[0], Scramble)
        plain = CONTEST[name.replace("scrambled", "as they are")].net()
        counts = [
            sum(p.numel() for p in n.parameters()) for n in (net, plain)
        ]
        assert counts[0] == counts[1]


@pytest.fixture
def loaders(small_files):
    return minibatches(small_files, 64)


def test_rates_are_chosen_on_images_held_back(loaders):
    for recipe in RATES.values():
        train, measured = recipe.data(*loaders)
        shifted = isinstance(train, RandomShifts)
        assert len((train.batches if shifted else train).dataset) == 250
        assert len(measured.dataset) == 50
        assert measured.dataset.dataset is loaders[0].dataset
    shifting = {n for n in RATES if "in_turn" in str(RATES[n].data)}
    assert shifting == {tried(f"{n}, shifts", r) for n in ("LeNet", "full")
                        for r in TRIED}  # fmt: skip


def test_every_row_is_tried_at_the_same_rates_and_perhaps_beyond():
    assert len(RATES) == sum(len(rates_of(name)) for name in ROWS)
    for name, recipe in ROWS.items():
        assert {*TRIED} <= {*rates_of(name)}
        for rate in rates_of(name):
            there = vars(RATES[tried(name, rate)])
            assert there["lr"] == rate
            assert there | {"lr": 0, "data": 0} == vars(recipe) | {
                "lr": 0,
                "data": 0,
            }


def study_of(accuracies, seeds=(0, 1)):
    """A study of rates in which all runs have 0.5, but ``accuracies``."""
    rows = [
        (name, seed, epoch, 1.0, 0.5, accuracies.get(name, 0.5))
        for name in RATES
        for seed in seeds
        for epoch in range(10)
    ]
    return pd.DataFrame(rows, columns=contest_rates.STUDY.columns)


def test_the_best_rate_of_each_row_is_chosen():
    best = {f"{name}, lr 0.01": 0.8 for name in ROWS}
    best |= {"full, as they are, lr 0.003": 0.9}
    chosen = best_rates(study_of(best | {"LeNet, shifts, lr 0.03": math.nan}))
    assert chosen == dict.fromkeys(ROWS, 0.01) | {"full, as they are": 0.003}


def test_no_rate_is_chosen_before_the_study_is_finished():
    whole = study_of({})
    for part in whole[whole.variant != "LeNet, shifts, lr 0.03"], whole[:0]:
        with pytest.raises(ValueError, match="not finished"):
            best_rates(part)


def test_the_contest_has_the_rates_chosen():
    chosen = best_rates(pd.read_csv(STUDIES / "contest_rates.csv"))
    assert {name: row.lr for name, row in CONTEST.items()} == chosen
    for name, rate in chosen.items():  # A better one may lie beyond an end
        assert rate in rates_of(name)[1:-1]


def test_a_run_gives_its_last_epoch_and_the_mean_of_opposite_shifts(loaders):
    recipe = CONTEST["full, as they are"]
    trained = []

    def epoch(net, *others):
        trained[:] = [net]
        return recipe.epoch(net, *others)

    short = replace(recipe, epoch=epoch, num_epochs=2)
    (row,) = train_and_shift(short, 3, *loaders, "cpu")
    assert row.epoch == 1 and ContestRow._fields[4:] == tuple(
        f"{way}_{by}" for way in ("across", "along") for by in range(1, 5)
    )
    X, y = loaders[1].dataset.tensors

    def accuracy(right, down):
        moved = torch.stack([slowly_shifted(x, right, down) for x in X[:, 0]])
        answers = trained[0](moved[:, None]).argmax(1)
        return (answers == y).double().mean().item()

    assert row.test_acc == pytest.approx(accuracy(0, 0))
    across = (accuracy(-2, 0) + accuracy(2, 0)) / 2
    along = (accuracy(0, -4) + accuracy(0, 4)) / 2
    assert row.across_2 == pytest.approx(across)
    assert row.along_4 == pytest.approx(along)


def test_a_run_is_the_recipes_own(loaders):
    """To look at shifted images changes nothing in the training."""
    recipe = replace(CONTEST["full, as they are"], num_epochs=2)
    (row,) = train_and_shift(recipe, 3, *loaders, "cpu")
    assert row[:4] == train_recipe(recipe, 3, *loaders, "cpu")[-1]


def test_a_row_is_stored_as_one_line(small_files, monkeypatch):
    row = ContestRow(9, *[0.5] * 11)
    monkeypatch.setattr(contest, "train_and_shift", None)
    key = Key("LeNet, shifts", 3)
    (line,) = contest.STUDY.lines(key, [row]).splitlines()
    assert line == '"LeNet, shifts",3,9,' + ",".join(["0.500000"] * 11)


def test_the_accuracy_by_shift_is_the_mean_over_four_directions():
    row = ContestRow(9, 1, 0.9, 0.8, *[0.7, 0.6, 0.5, 0.4], *[0.5] * 4)
    table = pd.DataFrame([("full, shifts", 4, *row)])
    table.columns = contest.STUDY.columns
    found = by_shift(table).loc[("full, shifts", 4)]
    expected = {0: 0.8, 1: 0.6, 2: 0.55, 3: 0.5, 4: 0.45}
    assert found.to_dict() == pytest.approx(expected)


def test_rows_that_are_compared_differ_by_net_or_by_images():
    assert len({*PAIRS}) == len(PAIRS)
    for row, other, by in PAIRS:
        (net, way), (net_2, way_2) = row.split(", "), other.split(", ")
        assert {row, other} <= CONTEST.keys() and 0 <= by <= FAR
        assert (net == net_2) != (way == way_2)


def test_no_seed_chose_a_rate_that_it_is_judged_with():
    chose, judged = (
        {*pd.read_csv(STUDIES / f"{name}.csv").seed}
        for name in ("contest_rates", "contest")
    )
    assert not chose & judged
