"""Where the data comes from, with nothing of this machine's in the way.

Nothing here reaches the network: apt-get and dpkg-deb are scripts of ours,
and the files are small ones that pass for those of the data.
"""

import gzip
import io
import os
import shutil
import socket
import sys
import tarfile
import tempfile
import warnings
from pathlib import Path
from types import SimpleNamespace

import platformdirs
import pytest
import torchvision

from lenet_d2l import load_data_fashion_mnist
from lenet_d2l.datasets import fashion_mnist
from lenet_d2l.datasets.fashion_mnist import FASHION_MNIST, read_fashion_mnist
from lenet_d2l.datasets.idx_files import (
    FILES,
    ROOM,
    SILENCE,
    IdxFiles,
    digests,
)

cache_folder = FASHION_MNIST.cache_folder
LABELS = "train-labels-idx1-ubyte"  # The file that the tests damage
# The real ones, which `no_source` hides
UNPACK, DOWNLOAD = fashion_mnist.unpack_debian_package, IdxFiles.download


@pytest.fixture(autouse=True)
def no_source(small_data, tmp_path, monkeypatch):
    """An empty cache and no other source; each test adds what it needs."""

    def unreachable(*args):
        raise OSError("the network is away")

    (tmp_path / "scratch").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "scratch"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(fashion_mnist, "DEBIAN_FOLDER", tmp_path / "debian")
    monkeypatch.setattr(fashion_mnist, "unpack_debian_package", unreachable)
    monkeypatch.setattr(IdxFiles, "download", unreachable)
    disk = SimpleNamespace(free=ROOM)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: disk)
    return disk


@pytest.fixture
def fetched(small_data, monkeypatch):
    """Return a function that replaces what Debian's package brings."""

    def replace(bring=lambda scratch: small_data):
        monkeypatch.setattr(fashion_mnist, "unpack_debian_package", bring)

    replace()
    return replace


def read_without_a_warning(data_dir=None):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return read_fashion_mnist(data_dir)


def why_not_fetched():
    """Read; return why Debian's package could not be had."""
    with pytest.raises(FileNotFoundError) as error:
        read_fashion_mnist()
    lines = str(error.value).splitlines()
    return lines[3].removeprefix("  - Debian's package, fetched: ")


def cached():
    return {file.name: file.read_bytes() for file in cache_folder().iterdir()}


# Order


def test_what_was_fetched_is_kept(small_files, fetched):
    assert read_without_a_warning() == small_files
    caches = platformdirs.user_cache_path("lenet_d2l")
    assert cache_folder() == caches / "fashion-mnist"
    assert cached() == small_files
    fetched(None)
    assert read_without_a_warning() == small_files


@pytest.mark.parametrize("place", ["given", "debian"])
@pytest.mark.parametrize("inside", ["", "FashionMNIST/raw"])
@pytest.mark.parametrize("zipped", [True, False])
def test_files_are_read_from_a_folder(
    place, inside, zipped, small_files, tmp_path
):
    folder = tmp_path / place / inside
    folder.mkdir(parents=True)
    for name, content in small_files.items():
        if zipped:
            name, content = f"{name}.gz", gzip.compress(content, 1)
        (folder / name).write_bytes(content)
    data_dir = tmp_path / place if place == "given" else None
    assert read_without_a_warning(data_dir) == small_files


@pytest.mark.parametrize("name", ["missing", "a file", ""])
def test_a_data_dir_that_is_no_folder_is_an_error(name, fetched, tmp_path):
    folder = name and str(tmp_path / name)
    (tmp_path / "a file").touch()
    with pytest.raises(NotADirectoryError) as error:
        read_fashion_mnist(folder)
    assert str(error.value) == f"{folder!r} is not a folder"


def test_without_any_source_the_error_says_why_of_each_and_what_helps(
    tmp_path,
):
    missing = "no train-images-idx3-ubyte, nor its .gz, in"
    with (
        pytest.raises(FileNotFoundError) as error,
        pytest.warns(UserWarning, match=f"^data_dir: {missing}"),
    ):
        read_fashion_mnist(tmp_path)
    assert str(error.value) == (
        "Fashion-MNIST was not found. Tried:\n"
        f"  - data_dir: {missing} {tmp_path}\n"
        f"  - the cache: {missing} {cache_folder()}\n"
        f"  - Debian's installed package: {missing} {tmp_path / 'debian'}\n"
        "  - Debian's package, fetched: the network is away\n"
        "  - torchvision's mirrors: the network is away\n"
        "To mend this: on Debian or Ubuntu, apt-get install "
        "dataset-fashion-mnist; elsewhere, put the four files "
        f"{', '.join(FILES)} (or their .gz) into a folder and name it: "
        "data_dir=FOLDER, or --data-dir FOLDER on the command line."
    )


@pytest.mark.skipif(
    "MUTANT_UNDER_TEST" in os.environ, reason="mutmut's calls lie between"
)
def test_a_warning_names_the_line_that_asked_for_the_data(fetched, tmp_path):
    with pytest.warns(UserWarning, match="^data_dir: ") as warned:
        load_data_fashion_mnist(256, tmp_path)
    assert [warning.filename for warning in warned] == [__file__]


def test_each_file_has_a_digest():
    assert digests(*"abcd") == dict(zip(FILES, "abcd"))
    with pytest.raises(ValueError):
        digests(*"abc")


# Damage


def cut(content):
    return content[: len(content) // 2]


def spoil(content):
    """Change one byte in the middle."""
    middle = len(content) // 2
    wrong = bytes([content[middle] ^ 1])
    return content[:middle] + wrong + content[middle + 1 :]


@pytest.mark.parametrize(
    ("suffix", "damage"),
    [
        ("", cut),
        ("", spoil),
        ("", lambda content: b""),
        (".gz", lambda content: cut(gzip.compress(content))),
        (".gz", lambda content: spoil(gzip.compress(content))),
        (".gz", lambda content: gzip.compress(spoil(content))),
        (".gz", lambda content: b"<html>404</html>"),
        (".gz", lambda content: b""),
    ],
)
def test_a_damaged_file_is_refused_by_name_and_replaced(
    suffix, damage, small_data, small_files, fetched
):
    shutil.copytree(small_data, cache_folder())
    (cache_folder() / LABELS).unlink()
    file = cache_folder() / (LABELS + suffix)
    file.write_bytes(damage(small_files[LABELS]))
    with pytest.warns(UserWarning) as warned:
        assert read_fashion_mnist() == small_files
    (warning,) = warned
    assert str(warning.message).startswith(f"the cache: {file} is damaged: ")
    # Once: the files fetched take precedence over the damaged one
    assert read_without_a_warning() == small_files


def test_damaged_files_that_were_fetched_do_not_reach_the_cache(
    small_data, small_files, fetched, tmp_path, monkeypatch
):
    bad = shutil.copytree(small_data, tmp_path / "bad")
    (bad / LABELS).write_bytes(cut(small_files[LABELS]))
    fetched(lambda scratch: bad)
    monkeypatch.setattr(IdxFiles, "download", lambda *args: small_data)
    with pytest.warns(UserWarning, match=f"fetched: .*{LABELS} is damaged"):
        assert read_fashion_mnist() == small_files
    assert cached() == small_files


# The cache


def test_where_the_cache_cannot_be_made_the_data_is_had_with_a_warning(
    small_files, fetched, tmp_path, monkeypatch
):
    # Below a file, since root may write to any folder
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.warns(
        UserWarning, match="^Fashion-MNIST was fetched but not"
    ):
        assert read_fashion_mnist() == small_files


def test_a_full_disk_leaves_no_half_file(small_files, fetched, monkeypatch):
    write = Path.write_bytes

    def full_at_the_second(file, content):
        write(file, cut(content))
        if content == small_files[LABELS]:
            raise OSError(28, "No space left on device")
        return write(file, content)

    monkeypatch.setattr(Path, "write_bytes", full_at_the_second)
    with pytest.warns(UserWarning, match=r"not cached.*No space left"):
        assert read_fashion_mnist() == small_files
    assert cached() == {FILES[0]: small_files[FILES[0]]}


def test_without_room_for_it_nothing_is_fetched(no_source, tmp_path):
    no_source.free -= 1
    said = f"[Errno 28] it needs 200 MB in {tmp_path / 'scratch'}"
    assert why_not_fetched() == said


# torchvision's mirrors


def test_torchvisions_mirrors_are_not_waited_for_without_end(
    small_data, small_files, monkeypatch, capsys
):
    def from_mirrors(*, root, download):
        assert download is True
        assert socket.getdefaulttimeout() == SILENCE
        shutil.copytree(small_data, Path(root) / "FashionMNIST" / "raw")

    monkeypatch.setattr(IdxFiles, "download", DOWNLOAD)
    monkeypatch.setattr(torchvision.datasets, "FashionMNIST", from_mirrors)
    socket.setdefaulttimeout(5)
    assert read_without_a_warning() == small_files
    assert socket.getdefaulttimeout() == 5
    socket.setdefaulttimeout(None)
    said = "Fashion-MNIST: trying torchvision's mirrors\n"
    assert capsys.readouterr() == ("", said)


# Debian's package, fetched


@pytest.fixture
def apt(small_files, fetched, monkeypatch):
    """apt-get and dpkg-deb that work; the list of how they are called."""

    def run(command, folder):
        mode = oct(folder.stat().st_mode)[-3:]
        ready = [*map(Path.is_dir, folder.glob("*/partial"))]
        calls.append((folder, mode, ready, command))
        if "download" in command:
            (folder / "dataset-fashion-mnist_1_all.deb").touch()
        return package.getvalue()

    calls, package = [], io.BytesIO()
    contents = {f"./usr/share/{n}.gz": c for n, c in small_files.items()}
    contents |= {"../evil": b"evil", "./usr/copyright.gz": b"MIT"}
    with tarfile.open(fileobj=package, mode="w") as tar:
        tar.addfile(tarfile.TarInfo("./usr/share"))
        for name, content in contents.items():
            member, content = tarfile.TarInfo(name), gzip.compress(content, 1)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    monkeypatch.setattr(fashion_mnist, "run", run)
    monkeypatch.setattr(shutil, "which", lambda program: program)
    fetched(UNPACK)
    return calls


@pytest.mark.parametrize(
    ("user", "known", "mode"),
    [(1000, True, "700"), (0, True, "711"), (0, False, "711")],
)
def test_debians_package_is_fetched_unpacked_and_cached(
    user, known, mode, small_files, apt, tmp_path, monkeypatch, capsys
):
    """By any user; as root, apt works as a user of its own, if it has one."""
    owned = []

    def chown(folder, owner):
        owned.append((folder.parent.name, folder.name, owner))
        if not known:
            raise LookupError(owner)

    monkeypatch.setattr(os, "geteuid", lambda: user)
    monkeypatch.setattr(shutil, "chown", chown)
    assert read_without_a_warning() == cached() == small_files
    partial = [("lists", "partial", "_apt"), ("archives", "partial", "_apt")]
    assert owned == (partial if user == 0 else [])
    said = "Fashion-MNIST: fetching 31 MB from Debian\n"
    assert capsys.readouterr() == ("", said)
    assert list((tmp_path / "scratch").iterdir()) == []
    assert not list(tmp_path.rglob("evil*"))

    folder = apt[0][0]
    assert folder.name.startswith("fashion-mnist-")
    assert [call[:3] for call in apt] == [(folder, mode, [True, True])] * 3
    options = [
        f"Dir::State::Lists={folder}/lists",
        f"Dir::Cache={folder}",
        "Acquire::Languages=none",
        "Acquire::Retries=1",
        f"Acquire::http::Timeout={SILENCE}",
        f"Acquire::https::Timeout={SILENCE}",
    ]
    options = ["-qq", *(o for option in options for o in ("-o", option))]
    package = folder / "dataset-fashion-mnist_1_all.deb"
    assert [call[3] for call in apt] == [
        ["apt-get", *options, "update"],
        ["apt-get", *options, "download", "dataset-fashion-mnist"],
        ["dpkg-deb", "--fsys-tarfile", package],
    ]


@pytest.mark.parametrize("missing", ["apt-get", "dpkg-deb"])
def test_without_debians_programs_its_package_is_passed_over(
    missing, apt, monkeypatch
):
    monkeypatch.setattr(shutil, "which", lambda program: program != missing)
    assert why_not_fetched() == "this system has no apt-get and dpkg-deb"


def test_an_apt_that_brings_no_package_is_passed_over(apt, monkeypatch):
    monkeypatch.setattr(fashion_mnist, "run", lambda command, folder: b"")
    said = "apt-get brought no dataset-fashion-mnist"
    assert why_not_fetched() == said


def test_a_command_runs_in_its_folder_and_its_output_is_returned(tmp_path):
    command = [sys.executable, "-c", "import os; print(os.getcwd())"]
    assert fashion_mnist.run(command, tmp_path) == b"%s\n" % bytes(tmp_path)


@pytest.mark.parametrize(
    ("stdout", "stderr", "reason"),
    [
        (b"a", b"W: b\nE: c\nE: d\n", "E: c"),
        (b"a", b"b\nc\n", "c"),
        (b"a\nb", b"", "b"),
        (b"", b"", f"{sys.executable} failed"),
        # In Latin-1, as a German apt may write it
        (b"", b"E: Ung\xfcltig", "E: Ung\N{REPLACEMENT CHARACTER}ltig"),
    ],
)
def test_the_first_error_of_a_command_or_its_last_line_is_the_reason(
    stdout, stderr, reason, tmp_path
):
    code = f"import os; os.write(1, {stdout}); os.write(2, {stderr}); exit(2)"
    with pytest.raises(RuntimeError) as error:
        fashion_mnist.run([sys.executable, "-c", code], tmp_path)
    assert str(error.value) == reason
