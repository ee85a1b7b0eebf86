"""What a command makes of its shell: streams that may close, and signals.

Neither may lose the result of a training.
"""

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from typing import Any

STOPPED = 130  # The exit code of a shell's command that Ctrl-C has ended
SIGNALS = [
    getattr(signal, name)
    for name in ("SIGINT", "SIGTERM", "SIGHUP")
    if hasattr(signal, name)  # Windows has no SIGHUP
]


class Stream:
    """A text stream that goes on in silence once it cannot be written.

    Its pipe may be closed, or its disk full; ``error`` says which. What the
    stream cannot encode, or a terminal would obey, is escaped: it may come
    from the name of a file.
    """

    def __init__(self, stream: Any):
        self.stream = stream
        self.error: OSError | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)

    def write(self, text: str) -> int:
        """Write ``text``, a character of which may be escaped."""
        encoding = self.stream.encoding or "utf-8"
        shown = "".join(
            c if c.isprintable() or c in "\n\r\t" else ascii(c)[1:-1]
            for c in text
        ).encode(encoding, "backslashreplace")
        self.attempt(self.stream.write, shown.decode(encoding))
        return len(text)

    def flush(self) -> None:
        """Write what is buffered."""
        self.attempt(self.stream.flush)

    def attempt(self, write: Callable, *arguments: str) -> None:
        """Call ``write``; if that fails, send all to nowhere from now on."""
        try:
            write(*arguments)
        except OSError as error:
            self.error = error
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.stream.fileno())
            os.close(nowhere)


@contextmanager
def streams() -> Iterator[tuple[Stream, Stream]]:
    """Have stdout and stderr last as long as the command."""
    with open(os.devnull, "w") as nowhere:  # noqa: PTH123
        out = Stream(sys.stdout or nowhere)  # None if the shell closed it
        err = Stream(sys.stderr or nowhere)
        with redirect_stdout(out), redirect_stderr(err):  # type: ignore
            try:
                yield out, err
            finally:
                out.flush()
                err.flush()


@contextmanager
def stopped_once() -> Iterator[None]:
    """Raise KeyboardInterrupt at the first signal to stop, and only then.

    A second one would stop the saving of what the first has stopped.
    """

    def stop(number: int, frame: object) -> None:
        for each in SIGNALS:
            signal.signal(each, signal.SIG_IGN)
        raise KeyboardInterrupt

    before = {}
    if threading.current_thread() is threading.main_thread():
        for each in SIGNALS:
            if signal.getsignal(each) is not signal.SIG_IGN:  # By nohup
                before[each] = signal.signal(each, stop)
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
