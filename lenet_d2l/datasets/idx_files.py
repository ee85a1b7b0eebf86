"""The four IDX files of a data set, each verified, and where they are kept.

A file counts only if its SHA-256, decompressed, is the known one, so which
source it came from cannot change a result.
"""

import errno
import gzip
import hashlib
import os
import shutil
import socket
import sys
import tarfile
import tempfile
import warnings
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path

import platformdirs

from .._files import replacing

Files = dict[str, bytes]

# Bytes before the pixels or labels, of which each is then a byte: 4 that name
# the format, 4 for each size (examples, then rows and columns of an image)
HEADER = {"images-idx3-ubyte": 16, "labels-idx1-ubyte": 8}
FILES = tuple(
    f"{part}-{kind}" for part in ("train", "t10k") for kind in HEADER
)


def digests(*sha256: str) -> dict[str, str]:
    """Return the SHA-256 of each of ``FILES``, given in their order."""
    return dict(zip(FILES, sha256, strict=True))


class DamagedFileError(ValueError):
    """A file exists, but is not the published one."""


ROOM = 200 << 20  # Bytes that a fetch may fill before it is in the cache
SILENCE = 20  # Seconds after which a server that says nothing is given up

# After these, the next source is tried
FAILURES = (
    *(DamagedFileError, OSError, RuntimeError, HTTPException),
    tarfile.TarError,
)


@dataclass(frozen=True)
class IdxFiles:
    """A data set in four files that are known by their SHA-256.

    ``title`` is its name, ``torchvision_name`` the name of torchvision's
    class and folder, ``sha256`` the digest of each file, decompressed.
    """

    title: str
    torchvision_name: str
    sha256: dict[str, str]

    def cache_folder(self) -> Path:
        """Return the folder that keeps what was fetched: the user's cache."""
        return platformdirs.user_cache_path("lenet_d2l") / self.title.lower()

    def read(
        self,
        data_dir: str | os.PathLike[str] | None,
        sources: dict[str, Callable[[], Files]],
        remedy: str,
    ) -> Files:
        """Return the files from ``data_dir`` or the first of ``sources``.

        Warns if it passes over ``data_dir`` or a damaged file.

        Raises:
            NotADirectoryError: ``data_dir`` is not a folder.
            FileNotFoundError: no source has the data; the message says why
                of each one, and ends with ``remedy``.
        """
        if data_dir is not None:
            named = Path(data_dir)
            if not os.fspath(data_dir) or not named.is_dir():
                raise NotADirectoryError(
                    f"{os.fspath(data_dir)!r} is not a folder"
                )
            sources = {"data_dir": lambda: self.read_folder(named)} | sources
        reasons = []
        for source, read in sources.items():
            try:
                return read()
            except FAILURES as error:
                reasons.append(f"{source}: {error}")
                if source == "data_dir" or isinstance(
                    error, DamagedFileError
                ):
                    warnings.warn(reasons[-1], stacklevel=4)
        raise FileNotFoundError(
            f"{self.title} was not found. Tried:\n  - "
            + "\n  - ".join(reasons)
            + f"\nTo mend this: {remedy}, put the four files "
            f"{', '.join(FILES)} (or their .gz) into a folder and name "
            f"it: data_dir=FOLDER, or --data-dir FOLDER on the command line."
        )

    def read_folder(self, folder: Path) -> Files:
        """Read and verify the four files of ``folder``.

        They lie in it as they are or as .gz, directly or where torchvision
        puts them.

        Raises:
            FileNotFoundError: a file is missing.
            DamagedFileError: a file is not the published one.
        """
        raw = folder / self.torchvision_name / "raw"
        if raw.is_dir():
            folder = raw
        return {
            name: read_verified(folder / name, digest)
            for name, digest in self.sha256.items()
        }

    def fetch(self, bring: Callable[[Path], Path]) -> Files:
        """Have ``bring`` put the files into a scratch folder; cache them.

        ``bring`` gets the scratch folder and returns the folder in it that
        has the files. All four are verified before any reaches the cache,
        and each arrives there whole, even if the fetch is interrupted or
        several processes fetch at once.

        Raises:
            OSError: the scratch folder's disk is too full, for instance.
        """
        prefix = f"{self.title.lower()}-"
        with tempfile.TemporaryDirectory(prefix=prefix) as scratch:
            if shutil.disk_usage(scratch).free < ROOM:
                room = f"it needs {ROOM >> 20} MB in {tempfile.gettempdir()}"
                raise OSError(errno.ENOSPC, room)
            files = self.read_folder(bring(Path(scratch)))
        try:
            self.cache_folder().mkdir(parents=True, exist_ok=True)
            for name, content in files.items():
                with replacing(self.cache_folder() / name) as file:
                    file.write_bytes(content)
        except OSError as error:
            warnings.warn(
                f"{self.title} was fetched but not cached: {error}",
                stacklevel=6,
            )
        return files

    def download(self, scratch: Path) -> Path:
        """Have torchvision download the files from its mirrors."""
        import torchvision  # Slow to import, and seldom needed

        print(f"{self.title}: trying torchvision's mirrors", file=sys.stderr)
        dataset = getattr(torchvision.datasets, self.torchvision_name)
        # torchvision would wait for ever for a server that says nothing
        before = socket.getdefaulttimeout()
        socket.setdefaulttimeout(SILENCE)
        try:
            dataset(root=str(scratch), download=True)
        finally:
            socket.setdefaulttimeout(before)
        return scratch


def read_verified(file: Path, digest: str) -> bytes:
    """Return the bytes of ``file``, or of ``file``.gz decompressed.

    Raises:
        FileNotFoundError: there is neither.
        DamagedFileError: its SHA-256 is not ``digest``.
    """
    zipped = file.with_name(file.name + ".gz")
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
    if found != digest:
        raise DamagedFileError(
            f"{file} is damaged: {len(content)} bytes with SHA-256 {found}, "
            f"not {digest}"
        )
    return content
