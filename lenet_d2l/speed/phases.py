"""A clock that says what each phase of a training takes, from outside.

Source: the chapter "Where the time goes". Nothing in the code that trains
knows of it, so d2l's own can be looked into as well as the package's.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

import torch
from torch import nn
from torch.optim.optimizer import Optimizer
from torch.utils.data import DataLoader

from .. import training
from .._d2l import d2l
from ..animator import Animator

PHASES = ("data", "forward", "backward", "step", "evaluation", "drawing")
REST = "rest"  # Metrics, Python
WHOLE = ("evaluation", "drawing")  # What they call belongs to them


class PhaseClock:
    """Seconds by phase. Each second belongs to one phase alone."""

    def __init__(self, device: torch.device | str):
        self.device = device
        self.seconds: dict[str, float] = dict.fromkeys((*PHASES, REST), 0.0)
        self.now = [REST]
        self.last = time.perf_counter()

    def lap(self) -> None:
        """Give the time since the last lap to the phase that is on."""
        training.synchronize(self.device)
        time_now = time.perf_counter()
        self.seconds[self.now[-1]] += time_now - self.last
        self.last = time_now

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Give the time of the body to ``name``."""
        self.lap()
        self.now.append(self.now[-1] if self.now[-1] in WHOLE else name)
        try:
            yield
        finally:
            self.lap()
            self.now.pop()

    def timed(self, name: str, function: Callable) -> Callable:
        """Return ``function`` with its calls given to ``name``."""

        def call(*args: Any, **kwargs: Any) -> Any:
            with self.phase(name):
                return function(*args, **kwargs)

        return call

    def fetching(self, iterate: Callable) -> Callable:
        """Return ``DataLoader.__iter__`` with its work given to data."""

        def iterator(loader: DataLoader) -> Iterator:
            with self.phase("data"):
                batches = iterate(loader)
            while True:
                with self.phase("data"):
                    batch = next(batches, None)
                if batch is None:
                    return
                yield batch

        return iterator

    @contextmanager
    def watch(self, net: nn.Module) -> Iterator[None]:
        """Take the time of all that trains in the body, ``net`` at least."""
        calls: list[tuple[Any, str, str]] = [
            (net, "forward", "forward"),
            (nn.CrossEntropyLoss, "forward", "forward"),
            (torch.Tensor, "backward", "backward"),
            (Optimizer, "zero_grad", "step"),
            (torch.optim.SGD, "step", "step"),
            (d2l, "evaluate_accuracy_gpu", "evaluation"),
            (training, "evaluate_accuracy_gpu", "evaluation"),
            (d2l.Animator, "__init__", "drawing"),
            (d2l.Animator, "add", "drawing"),
            (Animator, "__init__", "drawing"),
            (Animator, "add", "drawing"),
        ]
        with ExitStack() as stack:
            for owner, name, phase in calls:
                timed = self.timed(phase, getattr(owner, name))
                stack.enter_context(patch.object(owner, name, timed))
            iterate = self.fetching(DataLoader.__iter__)
            stack.enter_context(patch.object(DataLoader, "__iter__", iterate))
            self.last = time.perf_counter()
            yield
            self.lap()
