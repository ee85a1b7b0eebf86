"""The paired check: honest runs pass it, broken ones and other seeds fail."""

import json
from dataclasses import replace
from itertools import combinations
from shutil import copytree

import numpy as np
import pandas as pd
import pytest
import torch
from faults import FAULTS, HONEST

from lenet_d2l import init_weights, lenet
from lenet_d2l.results.paired import (
    DRAWN,
    TOLERANCE,
    Drawn,
    check_against_published,
    compare,
    drawn,
)
from lenet_d2l.results.runs import PUBLISHED, load_run
from lenet_d2l.speed.fused import arithmetic
from lenet_d2l.studies.recipes import Recipe, train_recipe

KEPT = PUBLISHED / DRAWN


@pytest.fixture(scope="module")
def published():
    return load_run(PUBLISHED)


def table(run):
    return pd.DataFrame(run.records)


def test_a_seed_draws_what_its_training_starts_from(fashion_mnist):
    start = drawn(3)
    torch.manual_seed(3)
    net = lenet()
    net.apply(init_weights)
    X, _ = next(iter(fashion_mnist[0]))
    images = fashion_mnist[0].dataset.tensors[0]
    assert torch.equal(X[:10], images[start.first_images])
    first = [p.flatten()[0].item() for p in net.parameters()]
    assert start.first_weights == first


def test_to_draw_leaves_the_generator_alone():
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    drawn(0)
    assert torch.equal(torch.rand(1), expected)


def test_draws_are_the_same_but_for_roundings():
    start = Drawn([0.1, -0.2], [3, 1])
    assert start.same(Drawn([0.1 + 1e-8, -0.2], [3, 1]))
    assert not start.same(Drawn([0.1 + 1e-5, -0.2], [3, 1]))
    assert not start.same(Drawn([0.1, -0.2], [1, 3]))
    assert not drawn(0).same(drawn(1))


def skip_where_others_are_drawn(published):
    if torch.__version__.split("+")[0] != published.settings["torch"]:
        pytest.skip("another version of torch may draw others")


@pytest.mark.slow
def test_a_training_is_the_published_run(published, fashion_mnist):
    """By the arithmetic of the commands; chapter 7 trains by another."""
    skip_where_others_are_drawn(published)
    computed = arithmetic("cpu").name
    rows = train_recipe(Recipe(), 0, *fashion_mnist, "cpu", computed)
    text = check_against_published(rows, 0, "cpu")
    assert text.startswith("the same run: ")


def test_the_published_run_is_the_study_s_of_its_seed(published, read_study):
    study = read_study("seeds")
    twin = study[study.seed == published.settings["seed"]]
    assert compare(table(published), twin).apart is None


def test_the_published_run_started_as_its_seed_draws(published):
    skip_where_others_are_drawn(published)
    text = check_against_published(published.records, 0, "cpu")
    assert text.startswith("the same run: ")


# What is compared


def test_distances_are_the_largest_of_all_epochs(published):
    run = table(published)
    other = run.copy()
    other.loc[4, "train_loss"] += 1e-4
    other.loc[2, "test_acc"] -= 2e-3
    largest, apart = compare(other, run)
    assert apart is None
    assert largest == pytest.approx(
        {"train_loss": 1e-4, "train_acc": 0, "test_acc": 2e-3}
    )


@pytest.mark.parametrize("figure", TOLERANCE)
@pytest.mark.parametrize("value", ["beyond", np.nan, np.inf])
def test_the_first_epoch_beyond_a_tolerance_is_named(
    figure, value, published
):
    run = table(published)
    other = run.copy()
    beyond = run.loc[6, figure] - 1.01 * TOLERANCE[figure]
    other.loc[6:, figure] = beyond if value == "beyond" else value
    assert compare(other, run).apart == compare(run, other).apart == 6
    within = run.loc[6, figure] - 0.99 * TOLERANCE[figure]
    other.loc[6, figure] = within
    assert compare(other.head(7), run.head(7)).apart is None


def test_a_missing_epoch_is_apart(published):
    run = table(published)
    assert compare(run.head(9), run).apart == 9
    assert compare(run, run.head(9)).apart == 9


# What is said


@pytest.fixture
def broken(published):
    """The published records, but for the last loss."""
    *others, last = published.records
    return [*others, replace(last, train_loss=last.train_loss + 0.001)]


def test_another_run_fails_on_a_cpu_and_is_told_on_a_gpu(broken):
    if not drawn(0).same(Drawn(**json.loads(KEPT.read_text()))):
        pytest.skip("another version of torch may draw others")
    with pytest.raises(
        AssertionError, match="another run, first seen in epoch 9"
    ):
        check_against_published(broken, 0, "cpu")
    assert check_against_published(broken, 0, "cuda") == (
        "another run, first seen in epoch 9: largest distances "
        "train_loss 0.001, "
        "train_acc 0, test_acc 0"
    )


def test_where_it_cannot_judge_it_says_why(broken, tmp_path):
    assert check_against_published(broken, 7, "cpu") == (
        "no comparison: the published run has seed 0, this one 7"
    )
    copytree(PUBLISHED, tmp_path / "other")
    other = drawn(0)._replace(first_images=[*range(10)])
    (tmp_path / "other" / DRAWN).write_text(json.dumps(other._asdict()))
    text = check_against_published(broken, 0, "cpu", tmp_path / "other")
    assert text.startswith("no comparison: torch ")


# How often it is wrong


def runs(study):
    """The runs of a study, by seed, or by variant and seed."""
    names = [n for n in ("variant", "seed") if n in study]
    return dict(iter(study.groupby(names if len(names) > 1 else names[0])))


@pytest.fixture(scope="module")
def pairs(read_study):
    """The runs of each seed that was trained fused and plain."""
    fused, plain = runs(read_study("seeds")), runs(read_study("plain"))
    return [(fused[seed], plain[seed]) for seed in fused.keys() & plain]


def test_no_honest_run_fails(pairs):
    assert len(pairs) >= 100
    for one, other in pairs:
        largest, apart = compare(one, other)
        assert apart is None
        # Far from its end, too
        assert all(largest[n] < TOLERANCE[n] / 5 for n in TOLERANCE)


def test_roundings_do_not_grow(pairs):
    """Late epochs are no further apart than the first ones after chance."""
    loss = np.array(
        [abs(a.train_loss.values - b.train_loss) for a, b in pairs]
    )
    assert loss[:, 7:].max() <= loss[:, 1:4].max()


def test_no_run_of_another_seed_passes(read_study):
    names, tolerance = list(TOLERANCE), np.array([*TOLERANCE.values()])
    each = [r[names].to_numpy() for r in runs(read_study("seeds")).values()]
    closest = min(
        (np.abs(one - two) / tolerance).max()
        for one, two in combinations(each, 2)
    )
    assert closest > 5


@pytest.mark.parametrize("fault", FAULTS)
def test_a_broken_run_fails_from_each_seed(fault, read_study):
    each = runs(read_study("faults"))
    seeds = {seed for variant, seed in each if variant == fault}
    assert len(seeds) >= 5
    for seed in seeds:
        honest = each[HONEST, seed]
        assert compare(each[fault, seed], honest).apart is not None, seed
