import json
import math
import signal
from itertools import count
from types import SimpleNamespace

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader

from lenet_d2l import (
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


def step(weights, loss, lr=0.9):
    """Take a step of SGD, written out."""
    gradients = torch.autograd.grad(loss, weights)
    with torch.no_grad():
        for w, gradient in zip(weights, gradients, strict=True):
            w -= lr * gradient


@pytest.fixture
def shuffled(some_images):
    """10 minibatches: d2l's `train_ch6` cannot do with fewer than 5."""
    return DataLoader(some_images.dataset, batch_size=64, shuffle=True)


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands still but where a test advances `now`."""
    clock = SimpleNamespace(now=0.0, reads=[])

    def read():
        clock.reads.append(clock.now)
        return clock.now

    monkeypatch.setattr(training, "time", SimpleNamespace(perf_counter=read))
    return clock


def copy_of(net):
    return {name: w.clone() for name, w in net.state_dict().items()}


def assert_same_weights(ours, theirs):
    assert ours.keys() == theirs.keys()
    for name in ours:
        assert torch.equal(ours[name], theirs[name]), name


def sgd(net, lr=0.9):
    return torch.optim.SGD(net.parameters(), lr=lr)


# One step


def test_one_step_is_that_of_plain_torch(some_images):
    """Against autograd, cross entropy and the update written out."""
    net, plain = lenet(), lenet()
    plain.load_state_dict(net.state_dict())
    X, y = next(iter(some_images))
    logits = plain(X)
    log_p = logits - logits.exp().sum(dim=1, keepdim=True).log()
    cross_entropy = -log_p[torch.arange(len(y)), y].mean()
    weights = list(plain.parameters())
    with torch.no_grad():
        for w, grad in zip(
            weights, torch.autograd.grad(cross_entropy, weights)
        ):
            w -= 0.9 * grad

    before = copy_of(net)
    loss, acc, examples = train_epoch(
        net, [(X, y)], nn.CrossEntropyLoss(), sgd(net), "cpu"
    )
    assert loss == pytest.approx(cross_entropy.item(), rel=1e-6)
    assert acc == (logits.argmax(dim=1) == y).float().mean().item()
    assert examples == 256
    for name, w in net.state_dict().items():
        assert not torch.equal(w, before[name])
        torch.testing.assert_close(w, plain.state_dict()[name])


def test_gradients_of_one_step_are_not_carried_into_the_next(some_images):
    batch = next(iter(some_images))
    net, plain = lenet(), lenet()
    plain.load_state_dict(net.state_dict())
    weights = list(plain.parameters())
    for _ in range(2):
        step(weights, nn.functional.cross_entropy(plain(batch[0]), batch[1]))
    train_epoch(net, [batch] * 2, nn.CrossEntropyLoss(), sgd(net), "cpu")
    for ours, theirs in zip(net.parameters(), weights):
        torch.testing.assert_close(ours, theirs)


def test_means_weigh_examples_not_minibatches():
    """By hand: the net passes on the logits that it is given."""
    net = nn.Linear(2, 2, bias=False)
    nn.init.eye_(net.weight)
    right, wrong, even = [0.0, math.log(3)], [math.log(3), 0.0], [0.0, 0.0]
    # Class 1 has probability 3/4, 1/4 and 1/2; of a tie the first class wins
    batches = [
        (torch.tensor([right, right, right, wrong]), torch.ones(4).long()),
        (torch.tensor([even]), torch.ones(1).long()),
    ]
    loss, acc, examples = train_epoch(
        net, batches, nn.CrossEntropyLoss(), sgd(net, lr=0.0), "cpu"
    )
    total = 3 * math.log(4 / 3) + math.log(4) + math.log(2)
    assert loss == pytest.approx(total / 5)
    assert acc == 3 / 5
    assert examples == 5


def test_means_run_while_the_weights_change(some_images):
    """Each minibatch counts as it was before the step that it causes."""
    net = lenet()
    batches = list(some_images)
    states = []

    def watched():
        for batch in batches:
            states.append(copy_of(net))
            yield batch

    loss, acc, _ = train_epoch(
        net, watched(), nn.CrossEntropyLoss(), sgd(net), "cpu"
    )
    losses, right = 0.0, 0
    for state, (X, y) in zip(states, batches):
        net.load_state_dict(state)
        logits = net(X)
        losses += nn.functional.cross_entropy(
            logits, y, reduction="sum"
        ).item()
        right += (logits.argmax(dim=1) == y).sum().item()
    assert loss == pytest.approx(losses / 600, rel=1e-6)
    assert acc == right / 600


def test_it_trains_in_training_mode():
    net = nn.Sequential(lenet(), nn.Dropout(p=1.0)).eval()
    batch = (torch.rand(4, 1, 28, 28), torch.arange(4))
    loss, _, _ = train_epoch(
        net, [batch], nn.CrossEntropyLoss(), sgd(net), "cpu"
    )
    # Dropout of everything makes all logits 0, in training alone
    assert loss == pytest.approx(math.log(10))


# The whole training


def test_it_trains_as_d2l_does_bit_for_bit(
    shuffled, some_images, monkeypatch, capsys
):
    torch.manual_seed(5)
    ours = lenet()
    records = train_ch6(ours, shuffled, some_images, 2, 0.9, "cpu")
    capsys.readouterr()

    class NoCurves:
        def __init__(self, **kwargs):
            pass

        def add(self, x, y):
            pass

    monkeypatch.setattr(d2l, "Animator", NoCurves)
    torch.manual_seed(5)
    theirs = lenet()
    d2l.train_ch6(theirs, shuffled, some_images, 2, 0.9, "cpu")
    assert_same_weights(ours.state_dict(), theirs.state_dict())
    last = records[-1]
    assert capsys.readouterr().out.splitlines()[1] == (
        f"loss {last.train_loss:.3f}, train acc {last.train_acc:.3f}, "
        f"test acc {last.test_acc:.3f}"
    )


def test_it_starts_from_fresh_weights(shuffled, some_images):
    """A net trained before gives what a new one does."""
    used = lenet()
    train_ch6(used, shuffled, some_images, 1, 0.9, "cpu")
    new = lenet()
    biases = {k: v for k, v in new.state_dict().items() if "bias" in k}
    used.load_state_dict(biases, strict=False)
    for net in (used, new):
        torch.manual_seed(1)
        train_ch6(net, shuffled, some_images, 1, 0.9, "cpu")
    assert_same_weights(used.state_dict(), new.state_dict())


def test_it_returns_one_record_an_epoch(shuffled, some_images):
    net = lenet()
    records = train_ch6(net, shuffled, some_images, 2, 0.9, "cpu")
    assert [r.epoch for r in records] == [0, 1]
    for record in records:
        assert record.examples == 600
        assert record.device == "cpu"
        assert record.train_seconds > 0
        assert record.eval_seconds > 0
        assert 0 < record.train_loss < 3
        assert 0 < record.train_acc < 1
    # Plain Python, as JSON takes it
    types = [float, float, float, float, float]
    assert [type(v) for v in vars(records[0]).values()] == [
        int,
        *types,
        int,
        str,
    ]
    json.dumps(vars(records[0]))


def test_the_test_accuracy_is_that_after_the_epoch(shuffled, some_images):
    net = lenet()
    (record,) = train_ch6(net, shuffled, some_images, 1, 0.9, "cpu")
    X, y = some_images.dataset.tensors
    right = (net(X).argmax(dim=1) == y).sum().item()
    assert record.test_acc == right / 600


# The clock


def test_the_clock_has_fetching_in_and_evaluation_apart(some_images, clock):
    def fetching(seconds):
        class Slow:
            def __iter__(self):
                for batch in some_images:
                    clock.now += seconds
                    yield batch

        return Slow()

    records = train_ch6(lenet(), fetching(2.0), fetching(5.0), 2, 0.9, "cpu")
    # 3 minibatches an epoch; no epoch carries the seconds of another
    assert [r.train_seconds for r in records] == [6.0, 6.0]
    assert [r.eval_seconds for r in records] == [15.0, 15.0]
    assert "100.0 examples/sec on cpu" in str(records[1])


def test_a_gpu_is_waited_for_before_the_clock_is_read(monkeypatch):
    events = []

    def event(name, result):
        def happen(*args):
            events.append(name)
            return result

        return happen

    net = lenet()
    monkeypatch.setattr(net, "to", event("move", net))
    monkeypatch.setattr(
        training, "train_epoch", event("train", (1.0, 0.5, 600))
    )
    monkeypatch.setattr(training, "evaluate_accuracy_gpu", event("test", 0.5))
    monkeypatch.setattr(
        torch.accelerator,
        "synchronize",
        lambda device: events.append(f"wait for {device}"),
    )
    clock = count(1.0)
    monkeypatch.setattr(
        training,
        "time",
        SimpleNamespace(
            perf_counter=lambda: events.append("clock") or next(clock)
        ),
    )
    train_ch6(net, [], [], 1, 0.9, "cuda:0")
    start = events.index("train") - 1
    assert events[start:] == [
        *("clock", "train", "wait for cuda:0", "clock"),
        *("test", "clock"),
    ]


@pytest.mark.parametrize("device", ["cpu", torch.device("cpu")])
def test_a_cpu_is_not_waited_for(device, monkeypatch):
    def fail(device):
        raise AssertionError

    monkeypatch.setattr(torch.accelerator, "synchronize", fail)
    training.synchronize(device)


# The log


def test_a_record_is_printed_in_the_posts_format():
    record = EpochRecord(0, 2.317, 0.102, 0.1, 4.0, 1.5, 60_000, "cuda:0")
    assert str(record) == (
        "epoch 0, loss 2.317, train acc 0.102, test acc 0.100, "
        "15000.0 examples/sec on cuda:0 (evaluation 1.50 s)"
    )


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


@pytest.mark.parametrize(
    ("row", "line"), list(zip(LOG, POSTS_LINES, strict=True))
)
def test_the_posts_log_formatted_so_has_its_digits(row, line):
    record = EpochRecord(*row[:4], 1.0, 1.0, 60_000, "cuda:0")
    assert str(record).startswith(line + " 60000.0 examples/sec on cuda:0")


def test_each_record_is_printed_after_the_device(
    shuffled, some_images, capsys
):
    records = train_ch6(lenet(), shuffled, some_images, 2, 0.9, "cpu")
    lines = capsys.readouterr().out.splitlines()
    assert lines[:3] == ["training on cpu", *map(str, records)]


# What goes wrong


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_loss_that_is_not_finite_stops_before_its_step(bad, some_images):
    net, states = lenet(), []

    class Loss(nn.CrossEntropyLoss):
        def forward(self, y_hat, y):
            states.append(copy_of(net))
            loss = super().forward(y_hat, y)
            return loss * bad if len(states) == 3 else loss

    with pytest.raises(FloatingPointError, match=f"batch 2: .* {bad}"):
        train_epoch(net, some_images, Loss(), sgd(net), "cpu")
    assert not torch.equal(states[1]["12.bias"], states[2]["12.bias"])
    assert_same_weights(copy_of(net), states[2])


def test_a_divergence_is_named_by_epoch_minibatch_and_lr(some_images):
    good, spoilt = list(some_images), list(some_images)
    spoilt[2] = (spoilt[2][0] * math.nan, spoilt[2][1])

    class Spoilt:
        epochs = iter([good, spoilt])

        def __iter__(self):
            return iter(next(self.epochs))

    with pytest.raises(FloatingPointError) as error:
        train_ch6(lenet(), Spoilt(), some_images, 3, 0.75, "cpu")
    message = str(error.value)
    assert message.startswith("epoch 1, batch 2: the loss is nan")
    assert "lr 0.75" in message
    assert "smaller" in message


def test_a_learning_rate_far_too_high_diverges_by_name(shuffled, some_images):
    with pytest.raises(FloatingPointError, match="epoch 0, batch "):
        train_ch6(lenet(), shuffled, some_images, 1, 1e38, "cpu")


class Interrupted:
    """Ctrl-C while the third minibatch of the second epoch is fetched."""

    def __init__(self, loader):
        self.loader, self.epochs = loader, 0

    def __iter__(self):
        self.epochs += 1
        for i, batch in enumerate(self.loader):
            if (self.epochs, i) == (2, 2):
                signal.raise_signal(signal.SIGINT)
            yield batch


def test_stopped_from_the_keyboard_it_returns_the_finished_epochs(
    shuffled, some_images, capsys
):
    records = train_ch6(
        lenet(), Interrupted(shuffled), some_images, 3, 0.9, "cpu"
    )
    assert [r.epoch for r in records] == [0]
    out = capsys.readouterr().out.splitlines()
    assert "stopped after 1 of 3 epochs" in out


def test_stopped_from_the_keyboard_the_net_is_that_of_the_last_record(
    shuffled, some_images
):
    """Half an epoch more would be weights that no record describes."""
    net = lenet()
    (record,) = train_ch6(
        net, Interrupted(shuffled), some_images, 3, 0.9, "cpu"
    )
    X, y = some_images.dataset.tensors
    assert record.test_acc == d2l.accuracy(net(X), y) / 600
    torch.manual_seed(0)
    one = lenet()
    train_ch6(one, shuffled, some_images, 1, 0.9, "cpu")
    assert_same_weights(net.state_dict(), one.state_dict())


@pytest.mark.parametrize("num_epochs", [0, -1])
def test_no_epoch_at_all_is_refused(num_epochs, some_images):
    with pytest.raises(ValueError, match=f"num_epochs .* {num_epochs}$"):
        train_ch6(lenet(), some_images, some_images, num_epochs, 0.9, "cpu")


def test_a_negative_learning_rate_is_refused(some_images):
    with pytest.raises(ValueError, match="-1"):
        train_ch6(lenet(), some_images, some_images, 1, -1, "cpu")


def test_data_without_an_example_is_refused(some_images):
    with pytest.raises(ValueError, match="no example"):
        train_ch6(lenet(), [], some_images, 1, 0.9, "cpu")


def test_initial_weights_are_xaviers(some_images):
    """With a step of no length the weights stay as they were drawn."""
    net, drawn, data = lenet(), lenet(), list(some_images)
    drawn.load_state_dict(net.state_dict())
    torch.manual_seed(1)
    train_ch6(net, data, data, 1, 0.0, "cpu")
    torch.manual_seed(1)
    drawn.apply(init_weights)
    assert_same_weights(net.state_dict(), drawn.state_dict())


def test_a_refused_learning_rate_leaves_the_weights_alone(some_images):
    net = lenet()
    before = copy_of(net)
    with pytest.raises(ValueError, match=r"-0\.9"):
        train_ch6(net, some_images, some_images, 1, -0.9, "cpu")
    assert all(map(torch.equal, before.values(), net.state_dict().values()))


@pytest.mark.parametrize("stop", [KeyboardInterrupt, FloatingPointError])
def test_an_epoch_that_is_stopped_leaves_the_weights_before_it(
    stop, some_images
):
    """Even if it is stopped in its evaluation, after all its steps."""

    def stopping():
        yield from some_images
        raise stop

    net = lenet().apply(init_weights)
    before = copy_of(net)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.9)
    with pytest.raises(stop):
        train_and_test(
            0,
            net,
            some_images,
            stopping(),
            nn.CrossEntropyLoss(),
            optimizer,
            "cpu",
        )
    assert all(map(torch.equal, before.values(), net.state_dict().values()))
