"""Recipes without the show: their rows, averages and schedules."""

import math
from dataclasses import replace

import plateau
import pytest
import torch
from baselines import BASELINES, one_hidden_layer
from steadier import STEADIER
from torch import nn
from torch.utils.data import DataLoader, Subset

from lenet_d2l import FusedLeNet, init_weights, lenet, train_ch6, train_epoch
from lenet_d2l.speed.fused import arithmetic
from lenet_d2l.studies.recipes import Recipe, train_recipe

# In a few minibatches LeNet hardly leaves chance; this one does
LEARNS = replace(BASELINES["one hidden layer, lr 0.1"], num_epochs=5)


@pytest.fixture
def shuffled(some_images):
    """10 minibatches, the last of 24."""
    return DataLoader(some_images.dataset, batch_size=64, shuffle=True)


def watched(recipe, watch):
    """The same recipe, but ``watch(net, optimizer)`` runs after an epoch."""

    def epoch(net, train_iter, loss, optimizer, device):
        result = recipe.epoch(net, train_iter, loss, optimizer, device)
        watch(net, optimizer)
        return result

    return replace(recipe, epoch=epoch)


@pytest.mark.parametrize("net", [lenet, one_hidden_layer])
def test_rows_are_the_records_of_train_ch6_bit_for_bit(
    net, shuffled, some_images
):
    recipe = Recipe(net, num_epochs=3)
    rows = train_recipe(recipe, 5, shuffled, some_images, "cpu")
    torch.manual_seed(5)
    records = train_ch6(net(), shuffled, some_images, 3, 0.9, "cpu")
    assert rows == [
        (r.epoch, r.train_loss, r.train_acc, r.test_acc) for r in records
    ]


def test_a_fused_net_starts_and_trains_as_the_plain_one(
    shuffled, some_images
):
    """Also where the mean of its weights is tested."""
    if arithmetic("cpu").name == "plain":
        pytest.skip(arithmetic("cpu").reason)
    recipe, names = Recipe(num_epochs=2, average_from=0), ("plain", "fused")
    plain, ours = (
        train_recipe(recipe, 3, shuffled, some_images, "cpu", name)
        for name in names
    )
    plain, ours = torch.tensor(plain), torch.tensor(ours)
    torch.testing.assert_close(ours[:, 1], plain[:, 1])  # The losses
    torch.testing.assert_close(ours, plain, rtol=0, atol=2 / 600)
    nets = [recipe.start(3, "cpu", name)[0] for name in names]
    assert [type(net) for net in nets] == [nn.Sequential, FusedLeNet]
    assert all(map(torch.equal, *(net.parameters() for net in nets)))


def spoilt(net, *others):
    nn.init.constant_(net[1].weight, math.nan)
    return train_epoch(net, *others)


@pytest.mark.parametrize("second", [spoilt, lambda *_: (math.nan, 0.1, 600)])
def test_from_a_loss_that_is_not_finite_on_rows_are_nan(
    second, shuffled, some_images
):
    """The epoch may raise, as ``train_epoch`` does, or return such a loss."""
    epochs = iter([train_epoch, second])
    recipe = replace(LEARNS, epoch=lambda *given: next(epochs)(*given))
    rows = train_recipe(recipe, 0, shuffled, some_images, "cpu")
    assert [row.epoch for row in rows] == [0, 1, 2, 3, 4]
    for row in rows:
        for value in row[1:]:
            assert math.isnan(value) == (row.epoch >= 1)


def test_from_average_from_on_the_mean_of_the_weights_is_tested(
    shuffled, some_images
):
    weights = []

    def keep(net, _):
        weights.append([w.detach().clone() for w in net.parameters()])

    latest, averaged = (
        train_recipe(recipe, 2, shuffled, some_images, "cpu")
        for recipe in (watched(LEARNS, keep), replace(LEARNS, average_from=2))
    )
    assert [row[:3] for row in averaged] == [row[:3] for row in latest]
    assert averaged[:3] == latest[:3]  # The mean of one epoch is its weights
    net = one_hidden_layer()
    X, y = some_images.dataset.tensors
    for epoch in (3, 4):
        with torch.no_grad():
            for w, *several in zip(net.parameters(), *weights[2 : epoch + 1]):
                w.copy_(sum(several) / len(several))
            right = (net(X).argmax(dim=1) == y).sum().item() / 600
        assert averaged[epoch].test_acc == pytest.approx(right, abs=1 / 600)
        assert averaged[epoch].test_acc != latest[epoch].test_acc


def test_each_epoch_has_the_learning_rate_of_the_schedule(some_images):
    rates, batch = [], [next(iter(some_images))]
    recipe = watched(
        STEADIER["falling lr"],
        lambda net, optimizer: rates.append(optimizer.param_groups[0]["lr"]),
    )
    train_recipe(recipe, 0, batch, batch, "cpu")
    assert rates == pytest.approx([0.9 * (1 - i / 10) for i in range(10)])


def test_the_gradients_of_the_plateau_are_those_before_each_fifth_step(
    some_images,
):
    # 5 shuffled minibatches, so that 705 steps are whole epochs
    few = Subset(some_images.dataset, range(20))
    fives = DataLoader(few, batch_size=4, shuffle=True)
    rows = plateau.gradient_norms(Recipe(), 3, fives, None, "cpu")
    assert [row.step for row in rows] == list(range(0, 705, 5))
    assert len(rows) == plateau.STUDY.length("post")

    torch.manual_seed(3)
    net = lenet()
    net.apply(init_weights)
    for row in rows[:2]:
        for i, (X, y) in enumerate(fives):
            loss = nn.functional.cross_entropy(net(X), y)
            gradients = torch.autograd.grad(loss, [*net.parameters()])
            if i == 0:
                norms = [float(g.norm()) for g in gradients[::2]]
                expected = (row.step, loss.item(), *norms)
                assert row == pytest.approx(expected, rel=1e-3)
            with torch.no_grad():
                for w, gradient in zip(net.parameters(), gradients):
                    w -= 0.9 * gradient
