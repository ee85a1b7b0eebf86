"""The grid draws first weights from one seed, the order from another."""

import pytest
import torch
from grid import GRID, WEIGHTS
from torch.utils.data import DataLoader, Subset, TensorDataset

from lenet_d2l.speed.fused import can_fuse
from lenet_d2l.studies.recipes import Recipe, train_recipe


def start(recipe, seed, batches):
    """The first weights, and the order of the first epoch's images."""
    net, _ = recipe.start(seed, "cpu")
    order = torch.cat([X for X, _ in batches])
    return net.state_dict(), order


@pytest.fixture
def shuffled():
    """The numbers of 600 images, drawn as the recipe's loader does."""
    images = TensorDataset(torch.arange(600), torch.zeros(600))
    return DataLoader(images, batch_size=256, shuffle=True)


def equal(one, other):
    return all(torch.equal(one[name], other[name]) for name in one | other)


def test_there_are_twelve_first_weights():
    assert [*GRID] == [f"weights {seed}" for seed in range(12)]


@pytest.mark.parametrize("seed", range(WEIGHTS))
def test_the_diagonal_is_the_honest_run(seed, shuffled):
    weights, order = start(GRID[f"weights {seed}"], seed, shuffled)
    honest = start(Recipe(), seed, shuffled)
    assert equal(weights, honest[0])
    assert torch.equal(order, honest[1])


def test_off_the_diagonal_are_the_weights_of_one_and_the_order_of_another(
    shuffled,
):
    weights, order = start(GRID["weights 3"], 7, shuffled)
    of_weights, of_order = (start(Recipe(), s, shuffled) for s in (3, 7))
    assert equal(weights, of_weights[0]) and not equal(weights, of_order[0])
    assert torch.equal(order, of_order[1])
    assert not torch.equal(order, of_weights[1])


def test_the_diagonals_rows_are_the_honest_ones_bit_for_bit(
    some_images,
):
    few = Subset(some_images.dataset, range(300))
    shuffled = DataLoader(few, batch_size=64, shuffle=True)
    rows = [
        train_recipe(recipe, 5, shuffled, some_images, "cpu")
        for recipe in (GRID["weights 5"], Recipe())
    ]
    assert rows[0] == rows[1]


def test_its_nets_can_be_fused(some_images):
    X, _ = next(iter(some_images))
    assert can_fuse([*GRID["weights 0"].start(1, "cpu")[0]], X)
