"""Files: whole or not at all, by one process at a time, elsewhere if full."""

import errno
import os
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from lenet_d2l._files import alone, reason, replacing, spare_folder


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_file_is_replaced_at_once_with_the_rights_of_any_new_file(tmp_path):
    file, other = tmp_path / "x.csv", tmp_path / "other"
    file.write_text("old")
    other.write_text("other")
    with replacing(file) as scratch:
        scratch.write_text("new")
        assert file.read_text() == "old"
        assert scratch.suffix == ".csv"
    assert file.read_text() == "new"
    assert stat.S_IMODE(file.stat().st_mode) == stat.S_IMODE(
        other.stat().st_mode
    )
    assert names(tmp_path) == ["other", "x.csv"]


def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path):
    file = tmp_path / "x.csv"
    file.write_text("old")
    with pytest.raises(KeyboardInterrupt), replacing(file) as scratch:
        scratch.write_text("half")
        raise KeyboardInterrupt
    assert file.read_text() == "old"
    assert names(tmp_path) == ["x.csv"]


def test_it_is_on_the_disk_before_it_gets_its_name(tmp_path, monkeypatch):
    def full(opened):
        raise OSError(errno.ENOSPC, "No space left on device")

    file = tmp_path / "x.csv"
    file.write_text("old")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"), replacing(file) as scratch:
        scratch.write_text("new")
    assert file.read_text() == "old"


@pytest.mark.parametrize("dangling", [False, True])
def test_what_a_link_points_to_is_written_and_the_link_stays(
    dangling, tmp_path
):
    link, target = tmp_path / "link.csv", tmp_path / "target.csv"
    link.symlink_to(target.name)
    if not dangling:
        target.write_text("old")
    with replacing(link) as scratch:
        scratch.write_text("new")
    assert link.is_symlink()
    assert target.read_text() == "new"


def test_the_longest_name_that_there_is_can_be_replaced(tmp_path):
    file = tmp_path / ("x" * 251 + ".csv")
    with replacing(file) as scratch:
        scratch.write_text("new")
    assert file.read_text() == "new"


ENTER = """
import sys
from pathlib import Path
from lenet_d2l._files import alone
with alone(Path(sys.argv[1])):
    print("in", flush=True)
    input()
"""


def test_one_process_at_a_time_enters_also_after_one_was_killed(tmp_path):
    file = tmp_path / "x.csv"
    command = [sys.executable, "-c", ENTER, str(file)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, text=True, **pipes) as process:
        assert process.stdout.readline() == "in\n"
        with pytest.raises(BlockingIOError, match="another process is"):
            alone(file).__enter__()
        process.kill()
    with alone(file):
        pass


@pytest.mark.parametrize("folder", ["/proc", "none", "a-file"])
def test_a_folder_that_cannot_be_written_is_named_for_what_it_is(
    folder, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    Path("a-file").touch()
    with pytest.raises(OSError) as caught:
        alone(Path(folder, "x.csv")).__enter__()
    assert not isinstance(caught.value, BlockingIOError)
    assert names(tmp_path) == ["a-file"]


def test_what_does_not_fit_goes_to_the_home_if_tmp_is_full_too(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(tempfile, "gettempdir", lambda: "/proc")
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    assert spare_folder().parent == tmp_path
    monkeypatch.setattr(Path, "home", lambda: Path("/proc"))
    with pytest.raises(OSError, match="no room anywhere"):
        spare_folder()


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(28, "No space left on device", "x"), "No space left on"),
        (OSError("it is\n full"), "it is full"),
        (ValueError(), r"ValueError\(\)"),
    ],
)
def test_a_reason_is_one_line_without_number_or_path(error, said):
    with pytest.raises(AssertionError, match=f"^{said}"):
        raise AssertionError(reason(error))
