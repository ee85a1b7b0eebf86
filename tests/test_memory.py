"""Freed memory is kept, where the C library is glibc."""

import subprocess
import sys

import pytest

from lenet_d2l.speed.memory import keep_freed_memory

# How many pages the system hands out in ten steps: the fewest and the most of
# some tries, as a heap grows at first, and now and then it is kept by chance
PAGES = """
import resource, torch
from lenet_d2l import lenet
from lenet_d2l.speed.memory import keep_freed_memory
{call}
net, X = lenet(), torch.rand(256, 1, 28, 28)
def pages():
    start = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(10):
        net(X).sum().backward()
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - start
tries = [pages() for _ in range(6)]
print(min(tries), max(tries))
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="about glibc")
def test_freed_memory_is_not_fetched_again():
    def pages(call):
        command = [sys.executable, "-c", PAGES.format(call=call)]
        printed = subprocess.check_output(command, text=True)
        return [int(count) for count in printed.split()]

    fewest, _ = pages("keep_freed_memory()")
    _, most = pages("")
    assert fewest < 100
    assert most > 1000


def test_other_c_libraries_are_left_alone(monkeypatch):
    def missing(name):
        raise OSError(f"{name}: cannot open shared object file")

    monkeypatch.setattr("ctypes.CDLL", missing)
    keep_freed_memory()
