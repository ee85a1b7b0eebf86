"""Where the data comes from, with nothing of this machine's in the way.

Nothing here reaches the network: apt-get and dpkg-deb are scripts of ours.
"""

import gzip
import multiprocessing
import os
import shutil
import signal
import sys
import tempfile
import warnings
from pathlib import Path

import pytest

from lenet_d2l.datasets import fashion_mnist
from lenet_d2l.datasets.fashion_mnist import (
    FASHION_MNIST,
    read_fashion_mnist,
)
from lenet_d2l.datasets.idx_files import IdxFiles

SHA256, cache_folder = FASHION_MNIST.sha256, FASHION_MNIST.cache_folder

LABELS = "train-labels-idx1-ubyte"  # The file that the tests damage

# What each fake apt-get does when it is asked for the package
BRINGS_IT = "open('dataset-fashion-mnist_1_all.deb', 'w').close()"
BRINGS_NOTHING = "pass"
FAILS = "sys.exit('W: a warning\\nE: Unable to locate package')"
# In Latin-1, as a German apt may write it
FAILS_IN_LATIN_1 = "os.write(2, b'E: Ung\\xfcltig'); sys.exit(100)"
# Its parent is the process that loads the data
KILLS_ITS_PARENT = "os.kill(os.getppid(), signal.SIGKILL)"
IS_INTERRUPTED = (
    "open(os.environ['PID_FILE'], 'w').write(str(os.getpid())); "
    "os.kill(os.getppid(), signal.SIGINT); time.sleep(600)"
)


def replace_source(monkeypatch, source, fetch):
    """Let ``fetch(scratch)`` be what "fetched" or "mirrors" does."""
    if source == "fetched":
        monkeypatch.setattr(fashion_mnist, "unpack_debian_package", fetch)
    else:
        monkeypatch.setattr(
            IdxFiles, "download", lambda files, scratch: fetch(scratch)
        )


@pytest.fixture(scope="module")
def genuine():
    """The four files as the user's own cache has them."""
    return read_fashion_mnist()


@pytest.fixture(scope="module")
def shelf(genuine, tmp_path_factory):
    """A folder with the four files, for the fake sources to give away."""
    folder = tmp_path_factory.mktemp("shelf")
    for name, content in genuine.items():
        (folder / name).write_bytes(content)
    return folder


@pytest.fixture(autouse=True)
def no_source(tmp_path, monkeypatch):
    """An empty cache and no other source; each test adds what it needs."""

    def unreachable(scratch):
        raise OSError("the network is away")

    (tmp_path / "scratch").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "scratch"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(fashion_mnist, "DEBIAN_FOLDER", tmp_path / "debian")
    for source in ("fetched", "mirrors"):
        replace_source(monkeypatch, source, unreachable)


@pytest.fixture
def fill(shelf):
    """Return a function that puts the four files into a folder."""

    def fill(folder):
        folder.mkdir(parents=True)
        for file in shelf.iterdir():
            (folder / file.name).symlink_to(file)

    return fill


@pytest.fixture
def fetcher(shelf, monkeypatch):
    """A fetcher in the place of Debian's that works."""
    monkeypatch.setattr(
        fashion_mnist, "unpack_debian_package", lambda scratch: shelf
    )


@pytest.fixture
def debian(shelf, tmp_path, monkeypatch, no_source):
    """Return a function that puts a fake apt-get and dpkg-deb on PATH."""

    def fake(name, *lines):
        file = tmp_path / "bin" / name
        start = f"#!{sys.executable} -IS"
        modules = "import os, shutil, signal, sys, time"
        file.write_text("\n".join([start, modules, *lines]))
        file.chmod(0o755)

    def install(download=BRINGS_IT, unpack=""):
        (tmp_path / "bin").mkdir()
        package = tmp_path / "usr"
        monkeypatch.setenv("PATH", str(tmp_path / "bin"))
        monkeypatch.setenv("PID_FILE", str(tmp_path / "pid"))
        monkeypatch.setattr(
            fashion_mnist, "unpack_debian_package", UNPACK_DEBIAN_PACKAGE
        )
        monkeypatch.setattr(fashion_mnist, "DEBIAN_FOLDER", package)
        inside = package.relative_to("/")
        fake("apt-get", "if 'download' in sys.argv:", f"    {download}")
        fake(
            "dpkg-deb",
            unpack
            or f"shutil.copytree('{shelf}', sys.argv[3] + '/{inside}')",
        )

    return install


# The real one, which `no_source` hides
UNPACK_DEBIAN_PACKAGE = fashion_mnist.unpack_debian_package


def read_without_a_warning(data_dir=None):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return read_fashion_mnist(data_dir)


def scratch_of(tmp_path):
    return list((tmp_path / "scratch").iterdir())


def assert_the_cache_is_good(genuine):
    found = {
        file.name: file.read_bytes() for file in cache_folder().iterdir()
    }
    assert found == genuine


def in_other_processes(count, work):
    """Run ``work`` in processes of their own; return their exit codes."""
    # Forked, so that they have the fake sources of the test
    fork = multiprocessing.get_context("fork")
    processes = [fork.Process(target=work) for _ in range(count)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    return [process.exitcode for process in processes]


# Python 3.12 warns of a fork while torch's threads exist
forks = pytest.mark.filterwarnings("ignore:This process")


# Order


SOURCES = ["data_dir", "cache", "debian", "fetched", "mirrors"]


@pytest.mark.parametrize("source", SOURCES)
def test_the_first_source_that_has_the_files_is_the_last_one_touched(
    source, genuine, shelf, fill, tmp_path, monkeypatch
):
    def must_not_be_touched(scratch):
        raise AssertionError("a source was touched after one that is good")

    folders = {
        "data_dir": tmp_path / "given",
        "cache": cache_folder(),
        "debian": tmp_path / "debian",
    }
    for later in SOURCES[SOURCES.index(source) + 1 :]:
        if later in folders:
            # Touched, it would be warned of
            folders[later].mkdir(parents=True)
            for name in SHA256:
                (folders[later] / name).write_bytes(b"damaged")
        else:
            replace_source(monkeypatch, later, must_not_be_touched)
    if source in folders:
        fill(folders[source])
    else:
        replace_source(monkeypatch, source, lambda scratch: shelf)
    data_dir = folders["data_dir"] if source == "data_dir" else None
    assert read_without_a_warning(data_dir) == genuine


def test_what_was_fetched_is_kept(genuine, fetcher, monkeypatch):
    assert read_without_a_warning() == genuine
    assert_the_cache_is_good(genuine)
    monkeypatch.delattr(fashion_mnist, "unpack_debian_package")
    assert read_without_a_warning() == genuine


def test_a_data_dir_without_the_files_is_passed_over_with_a_warning(
    genuine, fill, tmp_path
):
    fill(cache_folder())
    with pytest.warns(UserWarning, match="^data_dir: no train-images"):
        assert read_fashion_mnist(tmp_path) == genuine


@pytest.mark.parametrize("kind", ["missing", "a file"])
def test_a_data_dir_that_is_no_folder_is_an_error(kind, fill, tmp_path):
    fill(cache_folder())
    folder = tmp_path / "given"
    if kind == "a file":
        folder.touch()
    with pytest.raises(NotADirectoryError, match=str(folder)):
        read_fashion_mnist(folder)


def test_without_any_source_the_error_says_why_of_each_and_what_helps(
    tmp_path,
):
    with (
        pytest.raises(FileNotFoundError) as error,
        pytest.warns(UserWarning, match="data_dir"),
    ):
        read_fashion_mnist(tmp_path)
    lines = str(error.value).splitlines()
    tried = [line[4:] for line in lines if line.startswith("  - ")]
    missing = "no train-images-idx3-ubyte, nor its .gz, in"
    assert tried == [
        f"data_dir: {missing} {tmp_path}",
        f"the cache: {missing} {cache_folder()}",
        f"Debian's installed package: {missing} {tmp_path / 'debian'}",
        "Debian's package, fetched: the network is away",
        "torchvision's mirrors: the network is away",
    ]
    for remedy in (
        "apt-get install dataset-fashion-mnist",
        "data_dir=FOLDER",
        "--data-dir FOLDER",
        *SHA256,
    ):
        assert remedy in lines[-1]


# Damage


def cut(content):
    return content[: len(content) // 2]


def with_one_wrong_byte(content):
    middle = len(content) // 2
    wrong = bytes([content[middle] ^ 1])
    return content[:middle] + wrong + content[middle + 1 :]


DAMAGES = {
    "raw, cut short": lambda b: (LABELS, cut(b)),
    "raw, one wrong byte": lambda b: (LABELS, with_one_wrong_byte(b)),
    "raw, empty": lambda b: (LABELS, b""),
    "gz, cut short": lambda b: (LABELS + ".gz", cut(gzip.compress(b))),
    "gz, one wrong byte": lambda b: (
        LABELS + ".gz",
        with_one_wrong_byte(gzip.compress(b)),
    ),
    "gz of other bytes": lambda b: (
        LABELS + ".gz",
        gzip.compress(with_one_wrong_byte(b)),
    ),
    "gz, no gz at all": lambda b: (LABELS + ".gz", b"<html>404</html>"),
    "gz, empty": lambda b: (LABELS + ".gz", b""),
}


@pytest.fixture(params=DAMAGES)
def damage(request, genuine, fill):
    """Return a function that fills a folder, but damages one file."""

    def damage(folder):
        fill(folder)
        name, content = DAMAGES[request.param](genuine[LABELS])
        (folder / LABELS).unlink()
        (folder / name).write_bytes(content)
        return folder / name

    return damage


def test_a_damaged_file_of_data_dir_is_refused_by_name(
    damage, genuine, fill, tmp_path
):
    fill(cache_folder())
    file = damage(tmp_path / "given")
    with pytest.warns(UserWarning) as warned:
        assert read_fashion_mnist(tmp_path / "given") == genuine
    (warning,) = warned
    assert str(warning.message).startswith(f"data_dir: {file} is damaged: ")


def test_a_damaged_file_of_the_cache_is_refused_by_name_and_replaced(
    damage, genuine, fetcher
):
    file = damage(cache_folder())
    with pytest.warns(UserWarning) as warned:
        assert read_fashion_mnist() == genuine
    (warning,) = warned
    assert str(warning.message).startswith(f"the cache: {file} is damaged: ")
    # Once: the files fetched take precedence over the damaged one
    assert read_without_a_warning() == genuine


def test_damaged_files_that_were_fetched_do_not_reach_the_cache(
    genuine, shelf, fill, tmp_path, monkeypatch
):
    fill(tmp_path / "bad")
    (tmp_path / "bad" / LABELS).unlink()
    (tmp_path / "bad" / LABELS).write_bytes(cut(genuine[LABELS]))
    replace_source(monkeypatch, "fetched", lambda _: tmp_path / "bad")
    replace_source(monkeypatch, "mirrors", lambda _: shelf)
    with pytest.warns(UserWarning, match=f"fetched: .*{LABELS} is damaged"):
        assert read_fashion_mnist() == genuine
    assert_the_cache_is_good(genuine)


def test_genuine_files_are_read_from_gz_as_well(genuine, fill, tmp_path):
    fill(tmp_path / "given")
    for name in SHA256:
        (tmp_path / "given" / name).unlink()
        with gzip.open(tmp_path / "given" / f"{name}.gz", "wb", 1) as file:
            file.write(genuine[name])
    assert read_without_a_warning(tmp_path / "given") == genuine


# A cache that cannot be written


def test_where_the_cache_cannot_be_made_the_data_is_had_with_a_warning(
    genuine, fetcher, tmp_path, monkeypatch
):
    # Below a file, since root may write to any folder
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.warns(UserWarning, match="fetched but not cached"):
        assert read_fashion_mnist() == genuine


def test_a_full_disk_leaves_no_half_file(genuine, fetcher, monkeypatch):
    write = Path.write_bytes

    def full_at_the_second(file, content):
        write(file, cut(content))
        if "labels" in file.name:
            raise OSError(28, "No space left on device")
        return write(file, content)

    monkeypatch.setattr(Path, "write_bytes", full_at_the_second)
    with pytest.warns(UserWarning, match="not cached.*No space left"):
        assert read_fashion_mnist() == genuine
    (first,) = cache_folder().iterdir()
    assert first.read_bytes() == genuine["train-images-idx3-ubyte"]


# Several at once


@forks
def test_three_first_loads_at_once_all_succeed(genuine, shelf, monkeypatch):
    all_fetch = multiprocessing.get_context("fork").Barrier(3, timeout=60)

    def copy_while_the_others_do(scratch):
        shutil.copytree(shelf, scratch / "copy")
        all_fetch.wait()
        return scratch / "copy"

    monkeypatch.setattr(
        fashion_mnist, "unpack_debian_package", copy_while_the_others_do
    )

    def load():
        assert read_without_a_warning() == genuine

    assert in_other_processes(3, load) == [0, 0, 0]
    assert_the_cache_is_good(genuine)
    assert read_without_a_warning() == genuine


# An interruption half way


@forks
def test_killed_while_it_writes_the_cache_the_next_load_works(
    genuine, fetcher
):
    write = Path.write_bytes

    def die_at_the_second(file, content):
        if "labels" in file.name:
            write(file, cut(content))
            os.kill(os.getpid(), signal.SIGKILL)
        return write(file, content)

    def load():
        Path.write_bytes = die_at_the_second
        read_fashion_mnist()

    assert in_other_processes(1, load) == [-signal.SIGKILL]
    whole = [f for f in cache_folder().iterdir() if f.name in SHA256]
    assert [f.name for f in whole] == ["train-images-idx3-ubyte"]
    assert read_without_a_warning() == genuine
    assert read_without_a_warning() == genuine


def test_interrupted_while_it_writes_the_cache_the_next_load_works(
    genuine, fetcher, monkeypatch
):
    write = Path.write_bytes

    def interrupt_the_second(file, content):
        if "labels" in file.name:
            write(file, cut(content))
            signal.raise_signal(signal.SIGINT)
        return write(file, content)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", interrupt_the_second)
        with pytest.raises(KeyboardInterrupt):
            read_fashion_mnist()
    assert [f.name for f in cache_folder().iterdir()] == [
        "train-images-idx3-ubyte"
    ]
    assert read_without_a_warning() == genuine
    assert_the_cache_is_good(genuine)


@forks
def test_killed_while_apt_runs_nothing_is_cached(
    genuine, shelf, debian, monkeypatch
):
    debian(KILLS_ITS_PARENT)
    codes = in_other_processes(1, read_fashion_mnist)
    assert codes == [-signal.SIGKILL]
    assert not cache_folder().exists()
    monkeypatch.setattr(
        fashion_mnist, "unpack_debian_package", lambda scratch: shelf
    )
    assert read_without_a_warning() == genuine


def test_interrupted_while_apt_runs_apt_is_stopped_and_nothing_is_left(
    debian, tmp_path
):
    debian(IS_INTERRUPTED)
    with pytest.raises(KeyboardInterrupt):
        read_fashion_mnist()
    apt = int((tmp_path / "pid").read_text())
    with pytest.raises(ProcessLookupError):
        os.kill(apt, 0)
    assert scratch_of(tmp_path) == []
    assert not cache_folder().exists()


# Debian's package, fetched


def test_debians_package_is_fetched_unpacked_and_cached(
    genuine, debian, tmp_path
):
    debian()
    assert read_without_a_warning() == genuine
    assert_the_cache_is_good(genuine)
    assert scratch_of(tmp_path) == []


def reason_of_debians_package():
    with pytest.raises(FileNotFoundError) as error:
        read_fashion_mnist()
    (line,) = [
        line
        for line in str(error.value).splitlines()
        if line.startswith("  - Debian's package, fetched: ")
    ]
    return line.partition("fetched: ")[2]


def test_the_last_line_of_an_apt_that_fails_is_the_reason(debian, tmp_path):
    debian(FAILS)
    assert reason_of_debians_package() == "E: Unable to locate package"
    assert scratch_of(tmp_path) == []


def test_the_reason_may_be_in_any_encoding(debian):
    debian(FAILS_IN_LATIN_1)
    assert reason_of_debians_package().startswith("E: Ung")


def test_an_apt_that_brings_no_package_is_passed_over(debian):
    debian(BRINGS_NOTHING)
    assert "dataset-fashion-mnist" in reason_of_debians_package()


def test_a_package_that_cannot_be_unpacked_is_passed_over(debian):
    debian(unpack="sys.exit(2)")
    assert "dpkg-deb" in reason_of_debians_package()


def test_a_package_without_the_files_is_passed_over(debian):
    debian(unpack="os.makedirs(sys.argv[3])")
    assert "no train-images-idx3-ubyte" in reason_of_debians_package()


def test_a_system_without_apt_is_passed_over(debian, tmp_path):
    debian()
    (tmp_path / "bin" / "apt-get").unlink()
    assert "no apt-get" in reason_of_debians_package()


def test_a_command_that_fails_in_silence_is_named(tmp_path):
    with pytest.raises(RuntimeError, match="false failed"):
        fashion_mnist.run(["false"], tmp_path)
