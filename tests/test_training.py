import json
import math
from copy import deepcopy
from itertools import count
from types import SimpleNamespace

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from lenet_d2l import (
    Animator,
    EpochRecord,
    d2l,
    init_weights,
    lenet,
    train_and_test,
    train_ch6,
    train_epoch,
    training,
)
from lenet_d2l.results.post import LOG
from lenet_d2l.results.runs import WEIGHTS, load_weights, save_run


@pytest.fixture
def examples():
    return TensorDataset(torch.rand(60, 1, 28, 28), torch.arange(60) % 10)


@pytest.fixture
def batches(examples):
    """Minibatches of 25, 25 and 10."""
    return list(DataLoader(examples, batch_size=25))


def assert_same_weights(ours, theirs):
    torch.testing.assert_close(
        ours.state_dict(), theirs.state_dict(), rtol=0, atol=0
    )


def fresh():
    """The same net at each call, and the same random numbers after it."""
    torch.manual_seed(0)
    return lenet()


def one_epoch(net, batches, loss=nn.functional.cross_entropy, device="cpu"):
    optimizer = torch.optim.SGD(net.parameters(), lr=0.9)
    return train_epoch(net, batches, loss, optimizer, device)


# An epoch


def test_an_epoch_is_that_of_plain_torch(batches):
    """Against cross entropy, autograd, updates and means written out."""
    net, plain = lenet(), lenet()
    plain.load_state_dict(net.state_dict())
    weights = list(plain.parameters())
    losses, right = 0.0, 0
    for X, y in batches:
        logits = plain(X)
        log_p = logits - logits.exp().sum(dim=1, keepdim=True).log()
        cross_entropy = -log_p[torch.arange(len(y)), y].mean()
        # As before the step that they cause, by examples, not minibatches
        losses += cross_entropy.item() * len(y)
        right += (logits.argmax(dim=1) == y).sum().item()
        gradients = torch.autograd.grad(cross_entropy, weights)
        with torch.no_grad():
            for w, gradient in zip(weights, gradients):
                w -= 0.9 * gradient

    loss, acc, examples = one_epoch(net, batches)
    assert loss == pytest.approx(losses / 60, rel=1e-6)
    assert acc == right / 60
    assert examples == 60
    for ours, theirs in zip(net.parameters(), weights):
        torch.testing.assert_close(ours, theirs)


def test_it_trains_in_training_mode(batches):
    net = nn.Sequential(lenet(), nn.Dropout(p=1.0)).eval()
    loss, _, _ = one_epoch(net, batches)
    # Dropout of everything makes all logits 0, in training alone
    assert loss == pytest.approx(math.log(10))


def test_minibatches_are_sent_to_the_device(batches, monkeypatch):
    """PyTorch's device without memory, in the place of a GPU."""
    seen = []
    monkeypatch.setattr(d2l, "accuracy", lambda y_hat, y: 0.0)

    def loss(y_hat, y):
        seen.append((y_hat.device.type, y.device.type))
        return torch.zeros((), requires_grad=True)

    one_epoch(lenet().to("meta"), batches, loss, "meta")
    assert seen == [("meta", "meta")] * 3


@pytest.mark.parametrize(
    ("device", "wait"), [("cuda:0", [("wait", "cuda:0")]), ("cpu", [])]
)
def test_the_clock_is_read_when_the_device_has_done_its_work(
    device, wait, monkeypatch
):
    events, times = [], iter((1.0, 3.0, 7.0))

    def event(name, result):
        return lambda *args: events.append((name, *args[-1:])) or result()

    clock = SimpleNamespace(perf_counter=event("clock", lambda: next(times)))
    train, test = event("train", lambda: (1.5, 0.25, 9)), event("test", float)
    monkeypatch.setattr(training, "train_epoch", train)
    monkeypatch.setattr(training, "evaluate_accuracy_gpu", test)
    monkeypatch.setattr(torch.accelerator, "synchronize", event("wait", int))
    monkeypatch.setattr(training, "time", clock)
    record = train_and_test(3, None, [], [], None, None, device)
    assert events == [
        *(("clock",), ("train", device), *wait, ("clock",)),
        *(("test", device), ("clock",)),
    ]
    assert record == EpochRecord(3, 1.5, 0.25, 0.0, 2.0, 4.0, 9, device)


def test_the_clock_has_fetching_in_and_evaluation_apart(batches, monkeypatch):
    class Slow(list):
        def __iter__(self):
            for batch in batches:
                clock.now += self[0]
                yield batch

    clock = SimpleNamespace(now=0.0, perf_counter=lambda: clock.now)
    monkeypatch.setattr(training, "time", clock)
    records = train_ch6(lenet(), Slow([2.0]), Slow([5.0]), 2, 0.9, "cpu")
    # 3 minibatches an epoch; no epoch carries the seconds of another
    assert [r.train_seconds for r in records] == [6.0, 6.0]
    assert [r.eval_seconds for r in records] == [15.0, 15.0]


# The whole training


def test_it_trains_as_d2l_does_bit_for_bit(examples, monkeypatch, capsys):
    monkeypatch.setattr(
        d2l, "Animator", lambda **_: SimpleNamespace(add=lambda x, y: None)
    )
    ours, theirs = fresh(), fresh()
    data = [DataLoader(examples, batch_size=10, shuffle=True)] * 2
    torch.manual_seed(5)
    *_, last = train_ch6(ours, *data, 2, 0.9, "cpu")
    torch.manual_seed(5)
    d2l.train_ch6(theirs, *data, 2, 0.9, "cpu")
    assert_same_weights(ours, theirs)
    assert capsys.readouterr().out.splitlines()[-2] == (
        f"loss {last.train_loss:.3f}, train acc {last.train_acc:.3f}, "
        f"test acc {last.test_acc:.3f}"
    )


def test_it_starts_from_xaviers_weights(batches):
    """With a step of no length the weights stay as they were drawn."""
    net, drawn = lenet(), lenet()
    drawn.load_state_dict(net.state_dict())
    torch.manual_seed(1)
    train_ch6(net, batches, batches, 1, 0.0, "cpu")
    torch.manual_seed(1)
    drawn.apply(init_weights)
    assert_same_weights(net, drawn)


def test_it_returns_and_prints_one_record_an_epoch(batches, examples, capsys):
    net = lenet()
    records = train_ch6(net, batches, batches, 2, 0.9, "cpu")
    *lines, hint = capsys.readouterr().out.splitlines()
    assert lines == ["training on cpu", *map(str, records)]
    assert "no screen" in hint
    assert [r.epoch for r in records] == [0, 1]
    assert {(r.examples, r.device) for r in records} == {(60, "cpu")}
    X, y = examples.tensors
    assert records[1].test_acc == d2l.accuracy(net(X), y) / 60
    # Plain Python, as JSON takes it
    types = [type(value) for value in vars(records[0]).values()]
    assert types == [int, float, float, float, float, float, int, str]
    json.dumps(vars(records[0]))


def test_curves_and_records_given_are_filled(batches, capsys):
    curves, records = Animator(), []
    assert records is train_ch6(
        lenet(), batches, batches, 2, 0.9, "cpu", curves, records
    )
    assert [line.get_ydata().tolist() for line in curves.axes[0].lines] == [
        [getattr(record, name) for record in records]
        for name in ("train_loss", "train_acc", "test_acc")
    ]
    assert curves.axes[0].lines[0].get_xdata().tolist() == [0, 1]
    # To show them is for whoever has made them
    assert "no screen" not in capsys.readouterr().out


@pytest.mark.parametrize(("num_epochs", "last"), [(1, 1), (2, 1), (10, 9)])
def test_the_curves_have_room_for_all_epochs(num_epochs, last):
    curves = training.training_curves(num_epochs, figsize=(5, 2))
    curves.add(0, (2.3, 0.1, 0.1))
    (axes,) = curves.axes
    assert axes.get_xlim() == (0, last)
    assert axes.get_xlabel() == "epoch"
    assert axes.get_ylabel() == "loss (nats), accuracy"
    labels = [text.get_text() for text in axes.get_legend().texts]
    assert labels == ["train loss", "train acc", "test acc"]
    assert curves.fig.get_size_inches().tolist() == [5, 2]


def test_the_net_is_sent_to_the_device(monkeypatch):
    """PyTorch's device without memory, in the place of a GPU."""

    def train_and_test(epoch, net, *rest):
        devices = {parameter.device.type for parameter in net.parameters()}
        assert (devices, rest[-1]) == ({"meta"}, "meta")
        return EpochRecord(epoch, 1.0, 0.5, 0.5, 1.0, 1.0, 9, "meta")

    monkeypatch.setattr(training, "train_and_test", train_and_test)
    assert len(train_ch6(lenet(), [], [], 1, 0.9, "meta")) == 1


# The log


# Typed in again from the post, without its missing spaces
POSTS_LINES = """\
epoch 0, loss 2.317, train acc 0.102, test acc 0.100,
epoch 1, loss 1.383, train acc 0.459, test acc 0.580,
epoch 2, loss 0.857, train acc 0.661, test acc 0.652,
epoch 3, loss 0.718, train acc 0.716, test acc 0.701,
epoch 4, loss 0.648, train acc 0.748, test acc 0.752,
epoch 5, loss 0.590, train acc 0.770, test acc 0.776,
epoch 6, loss 0.550, train acc 0.787, test acc 0.781,
epoch 7, loss 0.515, train acc 0.800, test acc 0.793,
epoch 8, loss 0.485, train acc 0.816, test acc 0.799,
epoch 9, loss 0.459, train acc 0.829, test acc 0.761,
""".splitlines()


def test_records_are_printed_in_the_posts_format():
    speed = "15000.0 examples/sec on cuda:0 (evaluation 1.50 s)"
    assert [
        str(EpochRecord(*row, 4.0, 1.5, 60_000, "cuda:0")) for row in LOG
    ] == [f"{line} {speed}" for line in POSTS_LINES]


# What goes wrong


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_loss_that_is_not_finite_stops_before_its_step(bad, batches):
    net, states = lenet(), []

    def loss(y_hat, y):
        states.append(deepcopy(net))
        scale = bad if len(states) == 3 else 1
        return scale * nn.functional.cross_entropy(y_hat, y)

    with pytest.raises(FloatingPointError, match=f"^batch 2: .* is {bad}$"):
        one_epoch(net, batches, loss)
    assert not torch.equal(states[1][12].bias, states[2][12].bias)
    assert_same_weights(net, states[2])


@pytest.mark.parametrize("part", ["train", "test"])
@pytest.mark.parametrize(
    "stop", [KeyboardInterrupt, FloatingPointError, OSError]
)
def test_stopped_in_an_epoch_the_net_is_that_of_the_last_record(
    part, stop, batches, capsys
):
    """Half an epoch more would be weights that no record describes."""

    class Stopped(list):
        epochs = count(1)

        def __iter__(self):
            yield from super().__iter__()
            if next(self.epochs) == 2:
                raise stop

    data = {"train": batches, "test": batches, part: Stopped(batches)}
    net, records = fresh(), []
    try:
        train_ch6(net, *data.values(), 3, 0.9, "cpu", Animator(), records)
    except Exception as error:
        assert isinstance(error, stop)
    else:
        assert stop is KeyboardInterrupt
        said = capsys.readouterr().out.splitlines()
        assert said[-1] == "stopped after 1 of 3 epochs"
    assert [record.epoch for record in records] == [0]
    one = fresh()
    train_ch6(one, batches, batches, 1, 0.9, "cpu")
    assert_same_weights(net, one)


def test_stopped_after_an_epoch_the_net_keeps_its_weights(batches):
    """For it has a record already when its curves are drawn."""

    class Curves(Animator):
        def add(self, x, y):
            self.net = deepcopy(net)
            raise KeyboardInterrupt

    net, curves = lenet(), Curves()
    assert len(train_ch6(net, batches, batches, 2, 0.9, "cpu", curves)) == 1
    assert_same_weights(net, curves.net)


def test_a_divergence_is_named_by_epoch_minibatch_and_lr(batches):
    X, y = batches[2]
    epochs = iter([batches, [*batches[:2], (X * math.nan, y)]])

    class Spoilt(list):
        def __iter__(self):
            return iter(next(epochs))

    with pytest.raises(FloatingPointError) as error:
        train_ch6(lenet(), Spoilt(), batches, 3, 0.75, "cpu")
    assert str(error.value) == (
        "epoch 1, batch 2: the loss is nan; lr 0.75 is probably too high: "
        "try a smaller one"
    )


@pytest.mark.parametrize(
    ("num_epochs", "lr", "message"),
    [
        (0, 0.9, "^num_epochs must be at least 1, not 0$"),
        (-1, 0.9, "^num_epochs .* -1$"),
        (1, -0.9, r"-0\.9"),
    ],
)
def test_what_is_refused_leaves_the_weights_alone(
    num_epochs, lr, message, batches
):
    net = lenet()
    before = deepcopy(net)
    with pytest.raises(ValueError, match=message):
        train_ch6(net, batches, batches, num_epochs, lr, "cpu")
    assert_same_weights(net, before)


def test_data_without_an_example_is_refused(batches):
    with pytest.raises(ValueError, match=r"^train_iter gives no"):
        train_ch6(lenet(), [], batches, 1, 0.9, "cpu")


# Where there is a GPU


on_gpu = pytest.mark.skipif(
    not torch.accelerator.is_available(), reason="there is no GPU"
)


@pytest.mark.gpu
@pytest.mark.slow
@on_gpu
def test_an_epoch_on_a_gpu_is_like_one_on_a_cpu(fashion_mnist):
    gpu, net = torch.accelerator.current_accelerator(), lenet()
    (record,) = train_ch6(net, *fashion_mnist, 1, 0.9, gpu)
    assert record.device == str(gpu)
    assert {w.device.type for w in net.parameters()} == {gpu.type}
    assert 0 < record.train_loss < 2.6
    assert 0.08 < record.train_acc < 0.7
    assert 0.08 < record.test_acc < 0.8
    assert record.examples == 60_000


@pytest.mark.gpu
@on_gpu
@pytest.mark.parametrize("saved_on_gpu", [True, False])
def test_weights_go_from_gpu_to_cpu_and_back(saved_on_gpu, tmp_path):
    devices = [torch.accelerator.current_accelerator(), torch.device("cpu")]
    here, there = devices if saved_on_gpu else reversed(devices)
    net, loaded = lenet().to(here), lenet().to(there)
    save_run(tmp_path, net, [])
    load_weights(loaded, tmp_path / WEIGHTS)
    for ours, theirs in zip(net.parameters(), loaded.parameters()):
        assert theirs.device.type == there.type
        assert torch.equal(ours.cpu(), theirs.cpu())
