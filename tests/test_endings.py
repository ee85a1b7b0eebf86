"""Other endings: each exchanges the last minibatches, and nothing else."""

from dataclasses import replace

import endings
import pytest
import torch
from endings import ENDINGS, LEFT, OWN, last_of_an_order, with_endings
from torch.utils.data import DataLoader, TensorDataset

from lenet_d2l.studies.recipes import Recipe, train_recipe


@pytest.fixture
def numbered():
    """The numbers of 600 images in the place of the images."""
    return TensorDataset(torch.arange(600), torch.zeros(600))


@pytest.fixture
def rows(some_images, monkeypatch):
    """Those of a run of two epochs with ten minibatches of 64 images."""
    monkeypatch.setattr(endings, "LEFT", (5, 3, 2, 1))
    shuffled = DataLoader(some_images.dataset, batch_size=64, shuffle=True)
    recipe = Recipe(num_epochs=2, batch_size=64)
    given = shuffled, some_images, "cpu"
    honest = train_recipe(recipe, 3, *given)[-1].test_acc
    return honest, with_endings(recipe, 3, *given)


def test_a_run_with_its_own_ending_is_the_honest_run(rows):
    honest, (own, *others) = rows
    assert own == (OWN, honest, honest, honest, honest)
    assert [row.ending for row in others] == [*ENDINGS]
    assert any(row[1:] != own[1:] for row in others)


def test_an_ending_is_that_of_an_order_whatever_is_left(numbered):
    long, short = (last_of_an_order(numbered, 64, n, 7) for n in (4, 1))
    assert [len(X) for X, _ in long] == [64, 64, 64, 600 % 64]
    assert torch.equal(long[-1][0], short[0][0])
    images = torch.cat([X for X, _ in long])
    assert len(images.unique()) == len(images)
    (other,) = last_of_an_order(numbered, 64, 1, 8)
    assert not torch.equal(other[0], short[0][0])


def test_each_ending_begins_where_the_run_was_stopped(rows, some_images):
    """Backwards they give the same: none leaves a trace in the next."""
    _, (_, *others) = rows
    again = replace(Recipe(), num_epochs=2, batch_size=64)
    shuffled = DataLoader(some_images.dataset, batch_size=64, shuffle=True)
    backwards = ENDINGS[::-1]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(endings, "ENDINGS", backwards)
        _, *found = with_endings(again, 3, shuffled, some_images, "cpu")
    assert found == others[::-1]


def test_the_studys_own_endings_are_those_of_the_seeds(read_study):
    own = read_study("endings").query("ending == @OWN").set_index("seed")
    honest = read_study("seeds").query("epoch == 9").set_index("seed")
    for left in LEFT:
        assert own[f"last_{left}"].equals(honest.test_acc[own.index])
