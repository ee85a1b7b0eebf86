"""A clock that gives the seconds of a training to its phases, from outside.

Source: the chapter "Where the time goes". The code that trains does not know
of it, so it can look into d2l's own as well as into the package's.
"""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

import torch
from torch import nn
from torch.optim import SGD, Optimizer
from torch.utils.data import DataLoader
from torch.utils.data.dataloader import _BaseDataLoaderIter

from .. import training
from .._d2l import d2l
from ..animator import Animator
from .fused import FusedLeNet

REST = "rest"  # Metrics, Python
CLOSED = ("evaluation", "drawing")  # All that they call belongs to them
PHASES = ("data", "forward", "backward", "step", *CLOSED, REST)

CALLS: list[tuple[Any, str, str]] = [
    (DataLoader, "__iter__", "data"),
    (_BaseDataLoaderIter, "__next__", "data"),
    (nn.Sequential, "forward", "forward"),
    (FusedLeNet, "forward", "forward"),
    (nn.CrossEntropyLoss, "forward", "forward"),
    (torch.Tensor, "backward", "backward"),
    (Optimizer, "zero_grad", "step"),
    (SGD, "step", "step"),
    (d2l, "evaluate_accuracy_gpu", "evaluation"),
    (training, "evaluate_accuracy_gpu", "evaluation"),
    (d2l.Animator, "__init__", "drawing"),
    (d2l.Animator, "add", "drawing"),
    (Animator, "__init__", "drawing"),
    (Animator, "add", "drawing"),
]


class PhaseClock:
    """Seconds by phase. Each second belongs to one phase alone."""

    def __init__(self, device: torch.device | str):
        self.device = device
        self.now = [REST]
        self.start()

    def start(self) -> None:
        """Start from zero."""
        self.seconds = dict.fromkeys(PHASES, 0.0)
        self.last = time.perf_counter()

    def lap(self) -> None:
        """Give the time since the last lap to the present phase."""
        training.synchronize(self.device)
        now = time.perf_counter()
        self.seconds[self.now[-1]] += now - self.last
        self.last = now

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Give the time of the body to ``name``."""
        self.lap()
        self.now.append(self.now[-1] if self.now[-1] in CLOSED else name)
        try:
            yield
        finally:
            self.lap()
            self.now.pop()

    @contextmanager
    def watch(self) -> Iterator[None]:
        """Take the time of all training in the body, from zero."""
        with ExitStack() as stack:
            for owner, name, phase in CALLS:
                timed = self.phase(phase)(getattr(owner, name))
                stack.enter_context(patch.object(owner, name, timed))
            self.start()
            yield
            self.lap()
