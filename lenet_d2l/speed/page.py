"""The net for a browser: ``page.c``, compiled to WebAssembly.

Source: the chapter "The net in your hands".
"""

import os
import subprocess
import sys
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

SOURCE = Path(__file__).with_suffix(".c")
# Functions to call, and where the numbers are
EXPORTS = [
    *("seed", "draw_weights", "begin_pass", "shuffle"),
    *("minibatch", "step", "predict", "evaluate"),
    *("net", "gradient", "images", "labels", "order"),
    *("activation", "pooling", "right"),
]
# The clang in PyPI's ziglang. WebAssembly's vectors have four numbers; it
# has no C library here. Nothing that would let the compiler reorder sums
COMPILE = ["cc", "-target", "wasm32-freestanding", "-msimd128", "-O3"]
COMPILE += ["-std=gnu11", "-nostdlib", "-Wl,--no-entry", "-Wl,--strip-all"]
COMPILE += ["-Wl,--export-memory", *(f"-Wl,--export={e}" for e in EXPORTS)]


def digest() -> str:
    """Return the SHA-256 of all that the compiled code depends on.

    That is ``page.c``, its header and the flags; not the compiler, whose
    version is pinned in ``pyproject.toml``.
    """
    files = SOURCE.with_name("convolution.h"), SOURCE
    parts = [*(file.read_text("utf-8") for file in files), *COMPILE]
    return sha256("\0".join(parts).encode()).hexdigest()


def compile_page() -> bytes:
    """Return ``page.c`` as WebAssembly.

    Raises:
        RuntimeError: the compiler failed, or PyPI's ziglang, which has it, is
            not installed; the message is what it said.
    """
    zig = [sys.executable, "-m", "ziglang"]
    with TemporaryDirectory(prefix="lenet-d2l-") as folder:
        cache = {
            f"ZIG_{kind}_CACHE_DIR": folder for kind in ("GLOBAL", "LOCAL")
        }
        done = subprocess.run(
            [*zig, *COMPILE, SOURCE, "-o", "page.wasm"],
            cwd=folder,
            env=os.environ | cache,
            capture_output=True,
            text=True,
        )
        if done.returncode != 0:
            raise RuntimeError(done.stderr)
        return Path(folder, "page.wasm").read_bytes()
