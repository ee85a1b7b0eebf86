"""Freed memory is kept, where the C library is glibc."""

import platform
import subprocess
import sys

import pytest

from lenet_d2l.speed.memory import keep_freed_memory

# The megabytes that the process still has when it has freed a block of 64
KEPT = """
import torch
from pathlib import Path
from lenet_d2l.speed.memory import keep_freed_memory
def pages():
    return int(Path("/proc/self/statm").read_text().split()[1])
{call}
before = pages()
torch.ones(64 << 20, dtype=torch.uint8)
print((pages() - before) * 4096 >> 20)
"""


@pytest.mark.slow
@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="about glibc")
@pytest.mark.parametrize("call", ["keep_freed_memory()", ""])
def test_freed_memory_is_kept_if_asked_for(call):
    command = [sys.executable, "-c", KEPT.format(call=call)]
    kept = int(subprocess.check_output(command, text=True))
    assert (kept >= 60) == (call != "")


def test_other_c_libraries_are_left_alone(monkeypatch):
    def missing(name):
        raise OSError(f"{name}: cannot open shared object file")

    monkeypatch.setattr("ctypes.CDLL", missing)
    keep_freed_memory()
