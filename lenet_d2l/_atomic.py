"""Files appear whole or not at all."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a scratch path beside ``path``; move it there on success.

    The body writes the scratch file. It takes the place of ``path`` in one
    step, so nobody ever reads half a file; after an exception it is removed.
    It keeps the suffix of ``path``, by which some writers choose a format.
    """
    scratch = path.with_name(f".{path.stem}-{uuid.uuid4().hex}{path.suffix}")
    try:
        yield scratch
        scratch.replace(path)
    finally:
        scratch.unlink(missing_ok=True)
