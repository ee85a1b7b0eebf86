"""Freed memory, kept by the process for its next minibatch.

Source: the chapter "Where the time goes".
"""

import ctypes

# Numbers of glibc's malloc.h
M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4


def keep_freed_memory() -> None:
    """Have glibc keep freed memory for later, in this whole process.

    By default it returns large blocks to the system, which clears every page
    of them before it gives them out again: of a training step on a CPU, that
    is a large part. Other C libraries are left as they are.
    """
    try:
        libc = ctypes.CDLL("libc.so.6")
    except OSError:
        return
    libc.mallopt(M_MMAP_MAX, 0)  # No block with a mapping of its own
    libc.mallopt(M_TRIM_THRESHOLD, 2**30)
