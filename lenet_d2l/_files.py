"""Files: whole or not at all, one writer at a time, elsewhere if need be."""

import errno
import os
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


def reason(error: Exception) -> str:
    """Return what ``error`` says, in one line, without a number or a path."""
    said = error.strerror if isinstance(error, OSError) else None
    return " ".join((said or str(error) or repr(error)).split())


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a scratch path beside ``path``; move it there on success.

    The body writes the scratch file. It takes the place of ``path`` (of what
    a link points to) in one step, so nobody ever reads half a file, even
    after a power cut; after an exception it is removed. It keeps the suffix
    of ``path``, by which some writers choose a format.
    """
    path = Path(os.path.realpath(path))
    scratch = path.with_name(f".{uuid.uuid4().hex}{path.suffix}")
    try:
        yield scratch
        with scratch.open("rb+") as file:
            os.fsync(file.fileno())
        scratch.replace(path)
    finally:
        scratch.unlink(missing_ok=True)


def check_room(folder: Path, size: int = 2**20) -> None:
    """Raise OSError if ``size`` bytes cannot be written to ``folder``."""
    with tempfile.TemporaryFile(dir=folder) as file:
        file.write(bytes(size))
        file.flush()


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Let no other process enter with ``path``; free it even if killed.

    The empty lock file beside it must stay: another process may be about to
    lock it.

    Raises:
        BlockingIOError: another process is in.
        OSError: the folder of ``path`` cannot be written.
    """
    from filelock import FileLock, Timeout  # Help can do without

    path = Path(os.path.realpath(path))
    check_room(path.parent)
    lock = FileLock(path.with_name(f".{path.name}.lock"))
    try:
        lock.acquire(blocking=False)
    except Timeout:
        said = "another process is writing it now"
        raise BlockingIOError(errno.EAGAIN, said, str(path)) from None
    try:
        yield
    finally:
        lock.release()


def spare_folder() -> Path:
    """Return a new folder for what does not fit where it should go."""
    for parent in tempfile.gettempdir(), Path.home():
        with suppress(OSError):
            check_room(Path(parent))
            return Path(tempfile.mkdtemp(prefix="lenet-d2l-", dir=parent))
    raise OSError(errno.ENOSPC, "there is no room anywhere")
