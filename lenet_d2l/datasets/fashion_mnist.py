"""Where the four files of Fashion-MNIST come from, each one verified.

The sources are tried in order, and every one holds the same bytes. Source:
Xiao, Rasul, Vollgraf, Fashion-MNIST, 2017 (arXiv:1708.07747); MIT licence.
"""

import io
import os
import shutil
import subprocess
import sys
import tarfile
from contextlib import suppress
from pathlib import Path

from .idx_files import SILENCE, Files, IdxFiles, digests

FASHION_MNIST = IdxFiles(
    "Fashion-MNIST",
    "FashionMNIST",
    digests(
        "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
        "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
        "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
        "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
    ),
)
# The ten kinds of clothing, as d2l calls them
CLASSES = (
    *("t-shirt", "trouser", "pullover", "dress", "coat"),
    *("sandal", "shirt", "sneaker", "bag", "ankle boot"),
)

DEBIAN_PACKAGE = "dataset-fashion-mnist"
DEBIAN_FOLDER = Path("/usr/share/datasets/fashion-mnist")


def read_fashion_mnist(
    data_dir: str | os.PathLike[str] | None = None,
) -> Files:
    """Return the four files, decompressed and verified, by their names.

    Tried in order: ``data_dir`` if given, the cache, Debian's data package
    where it is installed, that package fetched and unpacked without root,
    torchvision's mirrors. What is fetched goes to the cache. A folder holds
    the files as they are or as .gz, directly or under FashionMNIST/raw.

    Warns if it passes over ``data_dir`` or a damaged file.

    Raises:
        NotADirectoryError: ``data_dir`` is not a folder.
        FileNotFoundError: no source has the data; the message says why of
            each one, and what to do.
    """
    files = FASHION_MNIST
    folder, fetch = files.read_folder, files.fetch
    sources = {
        "the cache": lambda: folder(files.cache_folder()),
        "Debian's installed package": lambda: folder(DEBIAN_FOLDER),
        "Debian's package, fetched": lambda: fetch(unpack_debian_package),
        "torchvision's mirrors": lambda: fetch(files.download),
    }
    remedy = (
        f"on Debian or Ubuntu, apt-get install {DEBIAN_PACKAGE}; elsewhere"
    )
    return files.read(data_dir, sources, remedy)


def unpack_debian_package(scratch: Path) -> Path:
    """Fetch Debian's data package with apt and unpack it, all in ``scratch``.

    apt gets package lists of its own there, so neither root nor an earlier
    ``apt-get update`` is needed.
    """
    if not (shutil.which("apt-get") and shutil.which("dpkg-deb")):
        raise FileNotFoundError("this system has no apt-get and dpkg-deb")
    for folder in scratch / "lists/partial", scratch / "archives/partial":
        folder.mkdir(parents=True)
        if os.geteuid() == 0:  # As root, apt works as a user of its own
            scratch.chmod(0o711)
            with suppress(LookupError):
                shutil.chown(folder, "_apt")
    settings = {
        "Dir::State::Lists": scratch / "lists",
        "Dir::Cache": scratch,
        "Acquire::Languages": "none",
        "Acquire::Retries": 1,
        "Acquire::http::Timeout": SILENCE,
        "Acquire::https::Timeout": SILENCE,
    }
    apt: list[str | Path] = ["apt-get", "-qq"]
    for name, value in settings.items():
        apt += ["-o", f"{name}={value}"]
    print("Fashion-MNIST: fetching 31 MB from Debian", file=sys.stderr)
    run([*apt, "update"], scratch)
    run([*apt, "download", DEBIAN_PACKAGE], scratch)
    package = next(scratch.glob("*.deb"), None)
    if package is None:
        raise FileNotFoundError(f"apt-get brought no {DEBIAN_PACKAGE}")
    # Of whatever is in it, nothing but the four files reaches the disk
    unpacked = io.BytesIO(
        run(["dpkg-deb", "--fsys-tarfile", package], scratch)
    )
    with tarfile.open(fileobj=unpacked) as tar:
        for member in tar:
            name = member.name.rpartition("/")[2]
            known = name.removesuffix(".gz") in FASHION_MNIST.sha256
            if content := known and tar.extractfile(member):
                (scratch / name).write_bytes(content.read())
    return scratch


def run(command: list[str | Path], folder: Path) -> bytes:
    """Run ``command`` in ``folder``; return what it writes to stdout.

    Raises:
        RuntimeError: it failed; the message is the first error that it
            states, else the last line it wrote.
    """
    done = subprocess.run(
        command, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True
    )
    if done.returncode != 0:
        # The system may have any encoding
        said = (done.stderr or done.stdout).decode(errors="replace")
        lines = said.strip().splitlines() or [f"{command[0]} failed"]
        errors = [line for line in lines if line.startswith("E: ")]
        raise RuntimeError((errors or lines[-1:])[0])
    return done.stdout
