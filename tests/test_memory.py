"""Freed memory is kept, where the C library is glibc."""

import platform
import subprocess
import sys
from unittest.mock import Mock

import pytest

from lenet_d2l.speed.memory import keep_freed_memory

# The megabytes that the process still has when it has freed a block of 64
KEPT = """
import resource
from pathlib import Path
from lenet_d2l.speed.memory import keep_freed_memory
SIZE = 64 << 20  # A name: a product of constants is made at once
def megabytes():
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() >> 20
def kept():
    before = megabytes()
    bytearray(b"1") * SIZE
    return megabytes() - before
print(kept())
keep_freed_memory()
print(kept())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="about glibc")
def test_freed_memory_is_kept_if_asked_for():
    printed = subprocess.check_output([sys.executable, "-c", KEPT], text=True)
    before, after = map(int, printed.split())
    assert before < 32 < after


def test_other_c_libraries_are_left_alone(monkeypatch):
    monkeypatch.setattr("ctypes.CDLL", Mock(side_effect=OSError))
    keep_freed_memory()
