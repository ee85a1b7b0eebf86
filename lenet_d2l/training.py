"""Training: the post's ``train_ch6``, with records and an honest clock.

Source: chapter 7 of the book; the post's section 2; d2l, section 6.6.
"""

import math
import time
from collections.abc import Iterable
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from ._d2l import d2l
from .accuracy import evaluate_accuracy_gpu
from .animator import Animator
from .net import init_weights


@dataclass(frozen=True)
class EpochRecord:
    """What one epoch of training gave; as a string, a line of the log.

    ``epoch`` counts from 0. ``train_loss`` (nats) and ``train_acc`` are
    running means over the ``examples`` of the epoch, during which the
    weights change; ``test_acc`` is measured after it. ``train_seconds`` is
    the wall time of the epoch: fetching minibatches, forward, backward, step
    and metrics. ``eval_seconds`` is the wall time of the evaluation.
    """

    epoch: int
    train_loss: float
    train_acc: float
    test_acc: float
    train_seconds: float
    eval_seconds: float
    examples: int
    device: str

    def __str__(self) -> str:
        return (
            f"epoch {self.epoch}, loss {self.train_loss:.3f}, "
            f"train acc {self.train_acc:.3f}, test acc {self.test_acc:.3f}, "
            f"{self.examples / self.train_seconds:.1f} examples/sec "
            f"on {self.device} (evaluation {self.eval_seconds:.2f} s)"
        )


def synchronize(device: torch.device | str) -> None:
    """Wait until ``device`` has done its work, so that a clock may be read.

    Calls to a GPU return before the work is done; calls to a CPU do not.
    """
    if torch.device(device).type != "cpu":
        torch.accelerator.synchronize(device)


def train_epoch(
    net: nn.Module,
    train_iter: Iterable,
    loss: nn.Module,
    optimizer: torch.optim.Optimizer,
    device: torch.device | str,
) -> tuple[float, float, int]:
    """Train ``net`` for one epoch; return loss, accuracy and examples.

    ``train_iter`` gives minibatches ``X, y``; ``loss`` maps logits and class
    numbers to their mean loss. Loss and accuracy are running means over
    examples, so a smaller last minibatch weighs less.

    Raises:
        FloatingPointError: the loss of a minibatch is not finite. Its step
            is not taken. The message names the minibatch, counted from 0.
        ValueError: ``train_iter`` gives no example.
    """
    metric = d2l.Accumulator(3)  # Loss, right answers, examples
    net.train()
    for i, (X, y) in enumerate(train_iter):
        X, y = X.to(device), y.to(device)
        optimizer.zero_grad()
        y_hat = net(X)
        l = loss(y_hat, y)
        if not math.isfinite(l.item()):
            raise FloatingPointError(f"batch {i}: the loss is {l.item()}")
        l.backward()
        optimizer.step()
        with torch.no_grad():
            metric.add(l * len(y), d2l.accuracy(y_hat, y), len(y))
    if metric[2] == 0:
        raise ValueError("train_iter gives no example to train on")
    return metric[0] / metric[2], metric[1] / metric[2], int(metric[2])


def train_and_test(
    epoch: int,
    net: nn.Module,
    train_iter: Iterable,
    test_iter: Iterable,
    loss: nn.Module,
    optimizer: torch.optim.Optimizer,
    device: torch.device | str,
) -> EpochRecord:
    """Train ``net`` for one epoch, then test it; return the record.

    Raises:
        FloatingPointError, ValueError: as ``train_epoch`` does.
    """
    start = time.perf_counter()
    train_loss, train_acc, examples = train_epoch(
        net, train_iter, loss, optimizer, device
    )
    synchronize(device)
    trained = time.perf_counter()
    test_acc = evaluate_accuracy_gpu(net, test_iter, device)
    tested = time.perf_counter()
    return EpochRecord(
        epoch,
        train_loss,
        train_acc,
        test_acc,
        trained - start,
        tested - trained,
        examples,
        str(device),
    )


def training_curves(num_epochs: int, **settings: Any) -> Animator:
    """Return empty curves for ``train_ch6``, one point per epoch in each.

    ``settings`` are further arguments of ``Animator``, such as ``figsize``.
    """
    return Animator(
        xlabel="epoch",
        ylabel="loss (nats), accuracy",
        xlim=(0, max(1, num_epochs - 1)),
        legend=["train loss", "train acc", "test acc"],
        **settings,
    )


def train_ch6(
    net: nn.Module,
    train_iter: Iterable,
    test_iter: Iterable,
    num_epochs: int,
    lr: float,
    device: torch.device | str,
    animator: Animator | None = None,
    records: list[EpochRecord] | None = None,
) -> list[EpochRecord]:
    """Train ``net`` by SGD from fresh weights; return a record per epoch.

    The post's recipe: Xavier's weights, plain SGD with learning rate ``lr``,
    cross entropy. Each epoch prints its record and adds it to the curves of
    ``animator``, or else to curves that are made and shown here. Ctrl-C ends
    the training with the last finished epoch. Whatever ends it, the net has
    the weights of that epoch, and ``records``, if a list is given, has its
    record and those before.

    Raises:
        ValueError: ``num_epochs`` is below 1, or ``lr`` negative.
        FloatingPointError: the loss is no longer finite. The message says
            in which epoch and minibatch, both from 0, and what to try.
    """
    if num_epochs < 1:
        raise ValueError(f"num_epochs must be at least 1, not {num_epochs}")
    optimizer = torch.optim.SGD(net.parameters(), lr=lr)
    loss = nn.CrossEntropyLoss()
    net.apply(init_weights)
    net.to(device)
    print("training on", device)
    curves = animator or training_curves(num_epochs)
    records = [] if records is None else records
    finished, weights = -1, net.state_dict()
    try:
        for epoch in range(num_epochs):
            # In one step, as Ctrl-C may come at any moment
            finished, weights = len(records), deepcopy(net.state_dict())
            record = train_and_test(
                epoch, net, train_iter, test_iter, loss, optimizer, device
            )
            records.append(record)
            print(record)
            curves.add(
                epoch, (record.train_loss, record.train_acc, record.test_acc)
            )
    except KeyboardInterrupt:
        print(f"stopped after {len(records)} of {num_epochs} epochs")
    except FloatingPointError as error:
        raise FloatingPointError(
            f"epoch {epoch}, {error}; lr {lr} is probably too high: try a "
            f"smaller one"
        ) from error
    finally:
        if len(records) == finished:  # The last epoch has no record
            net.load_state_dict(weights)
    if animator is None:
        curves.show()
    return records
