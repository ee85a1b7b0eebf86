"""Other endings: each exchanges the last minibatches, and nothing else."""

from dataclasses import replace

import endings
import pytest
import torch
from endings import ENDINGS, LEFT, OWN, last_of_an_order, with_endings
from torch.utils.data import DataLoader, RandomSampler, TensorDataset

from lenet_d2l.data import IndexBatches
from lenet_d2l.studies.recipes import Recipe, train_recipe


@pytest.fixture
def numbered():
    """The numbers of 600 images in the place of the images."""
    return TensorDataset(torch.arange(600), torch.zeros(600))


@pytest.fixture(scope="module")
def given(some_images):
    """Two epochs of 120 minibatches of 5 images, from seed 3."""
    data = some_images.dataset
    shuffled = DataLoader(
        *(data, None), sampler=IndexBatches(RandomSampler(data), 5)
    )
    recipe = Recipe(num_epochs=2, batch_size=5)
    return recipe, 3, shuffled, some_images, "cpu"


@pytest.fixture(scope="module")
def rows(given):
    return with_endings(*given)


def test_a_run_with_its_own_ending_is_the_honest_run(rows, given):
    honest = train_recipe(*given)[-1].test_acc
    own, *others = rows
    assert own[:6] == (OWN, *[honest] * 5)
    assert [row.ending for row in others] == [*ENDINGS]
    assert any(row[1:] != own[1:] for row in others)


def test_own_labels_are_those_of_the_run(given, monkeypatch):
    recipe, seed, shuffled, *where = given
    seen = []

    def epoch(net, train_iter, *others):
        batches = list(train_iter)
        seen.extend(y for _, y in batches)
        return recipe.epoch(net, batches, *others)

    train_recipe(replace(recipe, epoch=epoch), seed, shuffled, *where)
    monkeypatch.setattr(endings, "Recipe", lambda: recipe)
    labels = endings.own_labels(seed, shuffled.dataset.tensors[1], 5)
    assert all(map(torch.equal, labels, seen[-5:]))


def test_an_ending_is_that_of_an_order_whatever_is_left(numbered):
    long, short = (last_of_an_order(numbered, 64, n, 7) for n in (4, 1))
    assert [len(X) for X, _ in long] == [64, 64, 64, 600 % 64]
    assert torch.equal(long[-1][0], short[0][0])
    images = torch.cat([X for X, _ in long])
    assert len(images.unique()) == len(images)
    (other,) = last_of_an_order(numbered, 64, 1, 8)
    assert not torch.equal(other[0], short[0][0])


def test_each_ending_begins_where_the_run_was_stopped(
    rows, given, monkeypatch
):
    """In another order they give the same: none leaves a trace."""
    monkeypatch.setattr(endings, "ENDINGS", ENDINGS[::-1])
    assert with_endings(*given)[1:] == rows[:0:-1]


def test_each_ending_moves_the_net(rows):
    assert len({row.train_loss for row in rows}) == len(rows)


def test_the_studys_own_endings_are_those_of_the_seeds(read_study):
    own = read_study("endings").query("ending == @OWN").set_index("seed")
    honest = read_study("seeds").query("epoch == 9").set_index("seed")
    for left in LEFT:
        assert own[f"last_{left}"].equals(honest.test_acc[own.index])
