"""The page's compiled net against PyTorch: draws, numbers, steps, digits."""

import math

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, RandomSampler, TensorDataset
from webassembly import TRAIN, Engine, committed

from lenet_d2l import init_weights, lenet
from lenet_d2l.data import IndexBatches
from lenet_d2l.results.runs import PUBLISHED, WEIGHTS, load_run, load_weights
from lenet_d2l.speed import page
from lenet_d2l.training import train_epoch

ACTIVATIONS = {"sigmoid": nn.Sigmoid, "tanh": nn.Tanh, "relu": nn.ReLU}
POOLINGS = {"mean": nn.AvgPool2d, "max": nn.MaxPool2d}
each_kind = pytest.mark.parametrize(
    ("activation", "pooling"),
    [(a, p) for a in ACTIVATIONS for p in POOLINGS],
)


@pytest.fixture(scope="module")
def engine(fashion_mnist):
    """The committed code, with the whole data."""
    engine = Engine(committed()[0])
    for first, loader in zip((0, TRAIN), fashion_mnist):
        engine.set_data(first, *loader.dataset.tensors)
    return engine


@pytest.fixture(autouse=True)
def posts_kind(request):
    if "engine" in request.fixturenames:
        request.getfixturevalue("engine").set_kind("sigmoid", "mean")


def flat(tensors):
    return torch.cat([t.detach().flatten() for t in tensors]).numpy()


def net_of(activation, pooling):
    """The net with another activation and pooling, as chapter 13's."""
    layers = [
        ACTIVATIONS[activation]()
        if isinstance(layer, nn.Sigmoid)
        else POOLINGS[pooling](2)
        if isinstance(layer, nn.AvgPool2d)
        else layer
        for layer in lenet()
    ]
    return nn.Sequential(*layers)


def test_the_committed_code_is_of_this_source():
    assert committed()[1] == page.digest(), "make wasm"


def test_the_source_compiles_to_what_is_committed():
    """The compiler's version is pinned, so that each byte is the same."""
    pytest.importorskip("ziglang")
    code = page.compile_page()
    assert code == committed()[0]


def test_the_compiler_says_what_is_wrong(monkeypatch, tmp_path):
    pytest.importorskip("ziglang")
    (tmp_path / "page.c").write_text("#error not for us\n")
    monkeypatch.setattr(page, "SOURCE", tmp_path / "page.c")
    with pytest.raises(RuntimeError, match="not for us"):
        page.compile_page()


@pytest.mark.parametrize("seed", [0, 1, 2**32 - 1])
def test_the_first_weights_are_pytorchs_bit_by_bit(engine, seed):
    torch.manual_seed(seed)
    net = lenet()
    engine("seed", seed - 2**32 if seed >= 2**31 else seed)
    engine("draw_weights", 0)
    assert (engine.net == flat(net.parameters())).all()
    torch.manual_seed(seed)
    net = lenet().apply(init_weights)
    engine("seed", seed - 2**32 if seed >= 2**31 else seed)
    engine("draw_weights", 1)
    assert (engine.net == flat(net.parameters())).all()


def test_the_images_come_in_pytorchs_order(engine, fashion_mnist):
    train_iter, test_iter = fashion_mnist
    sampler = train_iter.sampler
    assert isinstance(sampler, IndexBatches)
    torch.manual_seed(3)
    lenet().apply(init_weights)
    engine("seed", 3)
    engine("draw_weights", 1)
    numbers = torch.arange(TRAIN)
    numbered = DataLoader(
        TensorDataset(numbers),
        batch_size=None,
        sampler=IndexBatches(RandomSampler(numbers), 256),
    )
    for _ in range(3):
        order = torch.cat([indices for (indices,) in numbered]).numpy()
        next(iter(test_iter))
        engine("shuffle", TRAIN)
        engine("begin_pass")
        assert (engine.order[:TRAIN] == order).all()


def test_published_weights_give_pytorchs_logits(engine, fashion_mnist):
    net = lenet()
    load_weights(net, PUBLISHED / WEIGHTS)
    engine.net[:] = flat(net.parameters())
    X = fashion_mnist[1].dataset.tensors[0][:100]
    with torch.no_grad():
        assert (engine.logits(TRAIN, 100) - net(X)).abs().max() < 1e-5
    right = engine("evaluate", TRAIN, 10_000)
    assert right / 10_000 == load_run(PUBLISHED).records[-1].test_acc


@each_kind
@pytest.mark.parametrize("size", [256, 37, 1])
def test_loss_and_gradients_are_pytorchs(
    engine, fashion_mnist, activation, pooling, size
):
    net = net_of(activation, pooling).apply(init_weights)
    X, y = (t[:size] for t in fashion_mnist[0].dataset.tensors)
    loss = nn.CrossEntropyLoss()(net(X), y)
    loss.backward()
    engine.set_kind(activation, pooling)
    engine.net[:] = flat(net.parameters())
    engine.order[:size] = np.arange(size)
    assert engine("minibatch", 0, size) / size == pytest.approx(
        loss.item(), rel=1e-5
    )
    expected = flat(p.grad for p in net.parameters())
    error = np.linalg.norm(engine.gradient - expected)
    assert error < 1e-5 * np.linalg.norm(expected)


@each_kind
def test_gradients_are_slopes(engine, activation, pooling):
    """Measured by nudging weights, in every layer, PyTorch aside."""
    engine.set_kind(activation, pooling)
    engine("seed", 1)
    engine("draw_weights", 1)
    engine.order[:64] = np.arange(64)
    engine("minibatch", 0, 64)
    gradient = engine.gradient.copy()
    sizes = [p.numel() for p in lenet().parameters()]
    starts = np.cumsum([0, *sizes[:-1]])
    for start, size in zip(starts, sizes):
        # In the direction of the gradient, the slope is its length
        part = slice(start, start + size)
        length = np.linalg.norm(gradient[part])
        nudge, here = 3e-4, engine.net[part].copy()
        losses = []
        for sign in (1, -1):
            engine.net[part] = here + sign * nudge * gradient[part] / length
            losses.append(engine("minibatch", 0, 64) / 64)
        engine.net[part] = here
        slope = (losses[0] - losses[1]) / (2 * nudge)
        assert slope == pytest.approx(length, rel=0.02, abs=2e-4), start


@pytest.mark.parametrize("activation", ["sigmoid", "tanh"])
def test_fifty_steps_lead_to_pytorchs_weights(
    engine, fashion_mnist, activation
):
    """Of smooth nets: the others have kinks, at which roundings decide.

    After fifty steps of the net with ReLU, PyTorch itself is as far from its
    own result in double precision as from ours.
    """
    X, y = (t[: 50 * 64] for t in fashion_mnist[0].dataset.tensors)
    torch.manual_seed(5)
    net = net_of(activation, "mean").apply(init_weights)
    start = flat(net.parameters())
    loader = DataLoader(
        TensorDataset(X, y),
        batch_size=None,
        sampler=IndexBatches(RandomSampler(X), 64),
    )
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    loss, accuracy, _ = train_epoch(
        net, loader, nn.CrossEntropyLoss(), optimizer, "cpu"
    )
    engine.set_kind(activation, "mean")
    engine("seed", 5)
    engine("draw_weights", 1)
    assert engine.epoch(len(X), 0.1, 64) == pytest.approx(
        (loss, accuracy), rel=1e-5
    )
    way = np.linalg.norm(flat(net.parameters()) - start)
    error = np.linalg.norm(engine.net - flat(net.parameters()))
    assert error < 1e-4 * way


def test_what_is_not_finite_is_reported(engine):
    engine("seed", 0)
    engine("draw_weights", 1)
    engine("shuffle", 256)
    engine.net[0] = math.nan
    assert math.isnan(engine("minibatch", 0, 256))


@pytest.mark.slow
def test_the_published_log_digit_by_digit(engine):
    """Seed 0, all 60,000 images, ten epochs: loss and both accuracies."""
    engine("seed", 0)
    engine("draw_weights", 1)
    for record in load_run(PUBLISHED).records:
        loss, accuracy = engine.epoch(TRAIN, 0.9)
        test = engine("evaluate", TRAIN, 10_000) / 10_000
        assert [f"{x:.3f}" for x in (loss, accuracy, test)] == [
            f"{x:.3f}"
            for x in (record.train_loss, record.train_acc, record.test_acc)
        ]
