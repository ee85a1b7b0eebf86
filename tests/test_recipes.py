"""Recipes without the show: their rows, averages, schedules and settings."""

import json
import math
from dataclasses import replace

import plateau
import pytest
import torch
from baselines import BASELINES, one_hidden_layer
from conftest import defined_study
from steadier import STEADIER
from torch import nn
from torch.utils.data import DataLoader, Subset

from lenet_d2l import (
    FusedLeNet,
    init_weights,
    lenet,
    train_ch6,
    train_epoch,
)
from lenet_d2l.speed.fused import arithmetic
from lenet_d2l.studies.recipes import Recipe, train_recipe

# In a few minibatches LeNet hardly leaves chance; this one does
LEARNS = BASELINES["one hidden layer, lr 0.1"]


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


# The rows


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


def test_the_default_recipe_is_the_posts():
    settings = Recipe().settings()
    assert settings.pop("schedule") is settings.pop("average_from") is None
    assert list(settings.values()) == [
        *("lenet", "init_weights", "as_loaded", "train_epoch"),
        *("cross_entropy", "SGD", 0.9, 256, 10),
    ]


@pytest.mark.parametrize(
    "recipe",
    [
        LEARNS,
        replace(LEARNS, schedule=STEADIER["falling lr"].schedule),
        replace(LEARNS, average_from=5),
    ],
    ids=["as it is", "falling lr", "mean of the weights"],
)
def test_nine_epochs_are_the_first_nine_of_ten(recipe, shuffled, some_images):
    nine, ten = (
        train_recipe(
            replace(recipe, num_epochs=n), 1, shuffled, some_images, "cpu"
        )
        for n in (9, 10)
    )
    assert len(ten) == 10
    assert nine == ten[:9]


@pytest.mark.parametrize("average_from", [None, 1])
def test_a_fused_net_starts_and_trains_as_the_plain_one(
    average_from, shuffled, some_images
):
    if arithmetic("cpu").name == "plain":
        pytest.skip(str(arithmetic("cpu")))
    recipe = Recipe(num_epochs=2, average_from=average_from)
    plain, fused = (
        train_recipe(recipe, 3, shuffled, some_images, "cpu", name)
        for name in ("plain", "fused")
    )
    for ours, theirs in zip(fused, plain, strict=True):
        assert ours == pytest.approx(theirs, abs=2 / 600)
    nets = [recipe.start(3, "cpu", name)[0] for name in ("plain", "fused")]
    assert [type(net) for net in nets] == [nn.Sequential, FusedLeNet]
    assert all(map(torch.equal, *(net.parameters() for net in nets)))


# A loss that is not finite


class Spoilt:
    """Minibatches that are no numbers from the second epoch on."""

    def __init__(self, batches):
        self.batches, self.epochs = batches, 0

    def __iter__(self):
        self.epochs += 1
        for X, y in self.batches:
            yield (X if self.epochs < 2 else X * math.nan), y


@pytest.mark.parametrize(
    ("recipe", "spoil", "first"),
    [(replace(LEARNS, num_epochs=4), Spoilt, 1), (Recipe(lr=1e38), list, 0)],
)
def test_from_a_loss_that_is_not_finite_on_rows_are_nan(
    recipe, spoil, first, shuffled, some_images
):
    rows = train_recipe(recipe, 0, spoil(shuffled), some_images, "cpu")
    assert [row.epoch for row in rows] == list(range(recipe.num_epochs))
    for row in rows:
        for value in row[1:]:
            assert math.isnan(value) == (row.epoch >= first)


# The mean of the weights


def test_from_average_from_on_the_mean_of_the_weights_is_tested(
    shuffled, some_images
):
    weights = []
    plain = watched(
        replace(LEARNS, num_epochs=5),
        lambda net, _: weights.append(
            [w.detach().clone() for w in net.parameters()]
        ),
    )
    rows = train_recipe(plain, 2, shuffled, some_images, "cpu")
    averaged = train_recipe(
        replace(plain, average_from=2), 2, shuffled, some_images, "cpu"
    )
    assert len(weights) == 10  # The same five twice
    assert [row[:3] for row in averaged] == [row[:3] for row in rows]
    assert averaged[:3] == rows[:3]  # The mean of one epoch is its weights

    net = one_hidden_layer()
    X, y = some_images.dataset.tensors
    for epoch in (3, 4):
        with torch.no_grad():
            for i, w in enumerate(net.parameters()):
                several = [after[i] for after in weights[2 : epoch + 1]]
                w.copy_(sum(several) / len(several))
            right = (net(X).argmax(dim=1) == y).sum().item()
        assert averaged[epoch].test_acc == pytest.approx(
            right / 600, abs=1 / 600
        )
        assert averaged[epoch].test_acc != rows[epoch].test_acc


# The schedule


@pytest.mark.parametrize(
    ("recipe", "rates"),
    [
        (STEADIER["falling lr"], [0.9 * (1 - i / 10) for i in range(10)]),
        (Recipe(num_epochs=3), [0.9] * 3),
    ],
)
def test_each_epoch_has_the_learning_rate_of_the_schedule(
    recipe, rates, some_images
):
    seen, batch = [], [next(iter(some_images))]

    def watch(net, optimizer):
        seen.append(optimizer.param_groups[0]["lr"])

    train_recipe(watched(recipe, watch), 0, batch, batch, "cpu")
    assert seen == pytest.approx(rates)


# The settings

STUDIES = "faults", "baselines", "steadier", "departures", "lenet5"


@pytest.mark.parametrize("name", STUDIES)
def test_settings_tell_recipes_apart_in_json(name):
    recipes = [Recipe(), *defined_study(name).recipes.values()]
    settings = [recipe.settings() for recipe in recipes]
    texts = [json.dumps(each) for each in settings]
    assert [json.loads(text) for text in texts] == settings
    assert len(set(texts)) == len(texts)


def test_settings_name_functions_and_what_they_are_given():
    settings = STEADIER["falling lr"].settings()
    assert settings["schedule"] == "PolynomialLR(total_iters=10)"


# The gradients at single steps


@pytest.fixture
def fives(some_images):
    """5 shuffled minibatches of 4, so that 705 steps are whole epochs."""
    few = Subset(some_images.dataset, range(20))
    return DataLoader(few, batch_size=4, shuffle=True)


@pytest.fixture
def start():
    """The net of the post's recipe, as seed 3 draws it."""
    torch.manual_seed(3)
    net = lenet()
    net.apply(init_weights)
    return net


def test_a_row_every_fifth_step_of_705(fives):
    rows = plateau.gradient_norms(Recipe(), 3, fives, None, "cpu")
    assert [row.step for row in rows] == list(range(0, 705, 5))
    assert len(rows) == plateau.STUDY.length("post")


def test_norms_are_of_the_gradient_before_the_step(
    start, shuffled, monkeypatch
):
    X, y = next(iter(shuffled))
    loss = nn.functional.cross_entropy(start(X), y)
    weights = [start[i].weight for i in (1, 4, 8, 10, 12)]
    gradients = torch.autograd.grad(loss, weights)
    norms = [gradient.square().sum().sqrt().item() for gradient in gradients]

    monkeypatch.setattr(plateau, "STEPS", 10)
    rows = plateau.gradient_norms(Recipe(), 3, shuffled, None, "cpu")
    assert rows[0] == pytest.approx((0, loss.item(), *norms), rel=1e-5)


def test_its_training_is_that_of_train_epoch(start, shuffled, monkeypatch):
    batches = list(shuffled)
    sgd = torch.optim.SGD(start.parameters(), lr=0.9)
    train_epoch(start, batches[:5], nn.CrossEntropyLoss(), sgd, "cpu")
    X, y = batches[5]
    loss = nn.functional.cross_entropy(start(X), y).item()
    monkeypatch.setattr(plateau, "STEPS", 10)
    rows = plateau.gradient_norms(Recipe(), 3, shuffled, None, "cpu")
    assert [row.step for row in rows] == [0, 5]
    assert rows[1].loss == loss
