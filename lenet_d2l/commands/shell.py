"""What a command makes of its shell: streams that may close, and signals.

Neither may lose the result of a training.
"""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from typing import Any

STOPPED = 130  # The exit code of a shell's command that Ctrl-C has ended
PATIENCE = 10  # Seconds for which a second signal to stop is not obeyed
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
def streams() -> Iterator[Stream]:
    """Have stdout and stderr last as long as the command; yield stdout."""
    # What the shell has closed is None here, and an error in new processes
    while (opened := os.open(os.devnull, os.O_RDWR)) < 3:
        os.set_inheritable(opened, True)
    with os.fdopen(opened, "w") as nowhere:
        out = Stream(sys.stdout or nowhere)
        err = Stream(sys.stderr or nowhere)
        with redirect_stdout(out), redirect_stderr(err):  # type: ignore
            try:
                yield out
            finally:
                out.flush()
                err.flush()


class Stop:
    """A handler of signals: the first is KeyboardInterrupt, others wait.

    A second one would stop the saving of what the first has stopped. After
    ``PATIENCE`` it ends the process, which may hang.
    """

    def __init__(self) -> None:
        self.since: float | None = None

    def __call__(self, number: int, frame: object) -> None:
        if self.since is None:
            self.hold()
            raise KeyboardInterrupt
        if time.monotonic() - self.since > PATIENCE:
            os._exit(STOPPED)

    def hold(self) -> None:
        """Let even a first signal wait from now on."""
        self.since = time.monotonic()


def hold_signals() -> None:
    """Let no signal stop this command any longer."""
    for each in SIGNALS:
        handler = signal.getsignal(each)
        if isinstance(handler, Stop):
            handler.hold()


@contextmanager
def stopped_once(to_the_end: bool) -> Iterator[None]:
    """Handle signals to stop by ``Stop``, even ``to_the_end`` of Python."""
    before = {}
    if threading.current_thread() is threading.main_thread():
        stop = Stop()
        for each in SIGNALS:
            if signal.getsignal(each) is not signal.SIG_IGN:  # By nohup
                before[each] = signal.signal(each, stop)
    try:
        yield
    finally:
        hold_signals()
        if not to_the_end:
            for each, handler in before.items():
                signal.signal(each, handler)
