"""Where the four files of Fashion-MNIST come from, each one verified.

The sources are tried in order and every one holds the same bytes: a file
counts only if its SHA-256, decompressed, is the one below, so which source
answered cannot change a result. Source: Xiao, Rasul, Vollgraf,
Fashion-MNIST, 2017 (arXiv:1708.07747); MIT licence.
"""

import gzip
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import warnings
import zlib
from collections.abc import Callable
from contextlib import suppress
from http.client import HTTPException
from pathlib import Path

import platformdirs
import torchvision
from tqdm.auto import tqdm

from .atomic import replacing

SHA256 = {
    "train-images-idx3-ubyte": (
        "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888"
    ),
    "train-labels-idx1-ubyte": (
        "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9"
    ),
    "t10k-images-idx3-ubyte": (
        "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b"
    ),
    "t10k-labels-idx1-ubyte": (
        "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34"
    ),
}
DEBIAN_PACKAGE = "dataset-fashion-mnist"
DEBIAN_FOLDER = Path("/usr/share/datasets/fashion-mnist")

Files = dict[str, bytes]


class DamagedFileError(ValueError):
    """A file is there, but is not the published one."""


def cache_folder() -> Path:
    """Return the folder that keeps what was fetched, in the user's cache."""
    return platformdirs.user_cache_path("lenet_d2l") / "fashion-mnist"


def read_fashion_mnist(
    data_dir: str | os.PathLike[str] | None = None,
) -> Files:
    """Return the four files, decompressed and verified, by their names.

    Tried in order: ``data_dir`` if given, the cache, Debian's data package
    where it is installed, that package fetched and unpacked without root,
    torchvision's mirrors. What is fetched goes to the cache. A folder holds
    the files as they are or as .gz, directly or under FashionMNIST/raw.

    Warns where ``data_dir`` or a damaged file had to be passed over.

    Raises:
        NotADirectoryError: ``data_dir`` is not a folder.
        FileNotFoundError: no source has the data; the message says why of
            each one, and what to do.
    """
    sources: dict[str, Callable[[], Files]] = {
        "the cache": lambda: read_folder(cache_folder()),
        "Debian's installed package": lambda: read_folder(DEBIAN_FOLDER),
        "Debian's package, fetched": lambda: fetch(unpack_debian_package),
        "torchvision's mirrors": lambda: fetch(download_from_mirrors),
    }
    if data_dir is not None:
        named = Path(data_dir)
        if not named.is_dir():
            raise NotADirectoryError(
                f"data_dir: {os.fspath(data_dir)!r} is not a folder"
            )
        sources = {"data_dir": lambda: read_folder(named)} | sources
    reasons = []
    for source, read in sources.items():
        try:
            return read()
        except DamagedFileError as error:
            reasons.append(f"{source}: {error}")
            warnings.warn(reasons[-1], stacklevel=3)
        except (
            OSError,
            RuntimeError,
            HTTPException,
            subprocess.SubprocessError,
        ) as error:
            reasons.append(f"{source}: {error}")
            if source == "data_dir":
                warnings.warn(reasons[-1], stacklevel=3)
    raise FileNotFoundError(
        "Fashion-MNIST cannot be had. Tried:\n  - "
        + "\n  - ".join(reasons)
        + "\nWhat helps: on Debian or Ubuntu, apt-get install "
        f"{DEBIAN_PACKAGE}; elsewhere, put the four files "
        f"{', '.join(SHA256)} (or their .gz) into a folder and name it: "
        "load_data_fashion_mnist(batch_size, data_dir=FOLDER), or "
        "--data-dir FOLDER on the command line."
    )


def read_folder(folder: Path) -> Files:
    """Read and verify the four files of ``folder``.

    Raises:
        FileNotFoundError: a file is missing.
        DamagedFileError: a file is not the published one.
    """
    if (folder / "FashionMNIST" / "raw").is_dir():
        folder = folder / "FashionMNIST" / "raw"
    return {name: read_verified(folder / name) for name in SHA256}


def read_verified(file: Path) -> bytes:
    """Return the bytes of ``file``, or of ``file``.gz decompressed."""
    name, zipped = file.name, file.with_name(file.name + ".gz")
    if file.exists():
        content = file.read_bytes()
    elif zipped.exists():
        file = zipped
        try:
            content = gzip.decompress(file.read_bytes())
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise DamagedFileError(f"{file} is damaged: {error}") from error
    else:
        raise FileNotFoundError(
            f"no {file.name}, nor its .gz, in {file.parent}"
        )
    found = hashlib.sha256(content).hexdigest()
    if found != SHA256[name]:
        raise DamagedFileError(
            f"{file} is damaged: {len(content)} bytes with SHA-256 {found}, "
            f"not {SHA256[name]}"
        )
    return content


def fetch(bring: Callable[[Path], Path]) -> Files:
    """Have ``bring`` put the files into a scratch folder; cache what is good.

    ``bring`` gets the scratch folder and returns the folder of the files in
    it. Nothing reaches the cache before all four files are verified, and
    each arrives there whole: an interrupted fetch leaves no trace in it, and
    several processes may fetch at once.
    """
    with tempfile.TemporaryDirectory(prefix="fashion-mnist-") as scratch:
        files = read_folder(bring(Path(scratch)))
    try:
        cache_folder().mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            with replacing(cache_folder() / name) as file:
                file.write_bytes(content)
    except OSError as error:
        warnings.warn(
            f"Fashion-MNIST was fetched but cannot be cached: {error}",
            stacklevel=4,
        )
    return files


def unpack_debian_package(scratch: Path) -> Path:
    """Fetch Debian's data package with apt and unpack it, all in ``scratch``.

    apt gets package lists of its own there, so neither root nor an earlier
    ``apt-get update`` is needed.
    """
    if not (shutil.which("apt-get") and shutil.which("dpkg-deb")):
        raise FileNotFoundError("this system has no apt-get and dpkg-deb")
    (scratch / "lists" / "partial").mkdir(parents=True)
    (scratch / "archives" / "partial").mkdir(parents=True)
    settings = {
        "Dir::State::Lists": scratch / "lists",
        "Dir::Cache": scratch,
        "Acquire::Languages": "none",
        "Acquire::Retries": 1,
        "APT::Sandbox::User": "",  # As root, apt may write to our folder
    }
    apt = ["apt-get", "-qq"]
    for name, value in settings.items():
        apt += ["-o", f"{name}={value}"]
    run_with_progress([*apt, "update"], scratch, "Debian's package lists")
    run_with_progress(
        [*apt, "download", DEBIAN_PACKAGE], scratch, "Fashion-MNIST (31 MB)"
    )
    package = next(scratch.glob("*.deb"), None)
    if package is None:
        raise FileNotFoundError(f"apt-get brought no {DEBIAN_PACKAGE}")
    subprocess.run(
        ["dpkg-deb", "-x", package, scratch / "unpacked"], check=True
    )
    return scratch / "unpacked" / DEBIAN_FOLDER.relative_to("/")


def run_with_progress(command: list[str], folder: Path, what: str) -> None:
    """Run an apt ``command`` in ``folder`` and show its progress in percent.

    Raises:
        RuntimeError: the command failed; the message is its last line.
    """
    read_end, write_end = os.pipe()
    # apt writes in the encoding of the system, whatever that is
    with (folder / "errors.txt").open("w+", errors="replace") as errors:
        with subprocess.Popen(
            [*command, "-o", f"APT::Status-Fd={write_end}"],
            cwd=folder,
            pass_fds=[write_end],
            stdin=subprocess.DEVNULL,
            stdout=errors,
            stderr=errors,
        ) as process:
            os.close(write_end)
            try:
                with (
                    os.fdopen(read_end, errors="replace") as status,
                    tqdm(total=100, desc=what, unit="%") as bar,
                ):
                    for line in status:
                        with suppress(ValueError, IndexError):
                            percent = float(line.split(":")[2])
                            bar.update(max(0.0, percent - bar.n))
            except BaseException:
                process.kill()
                raise
        if process.returncode != 0:
            errors.seek(0)
            lines = errors.read().strip().splitlines()
            raise RuntimeError(lines[-1] if lines else f"{command[0]} failed")


def download_from_mirrors(scratch: Path) -> Path:
    """Have torchvision download the files from its mirrors."""
    print("Fashion-MNIST: trying torchvision's mirrors", file=sys.stderr)
    torchvision.datasets.FashionMNIST(root=str(scratch), download=True)
    return scratch
