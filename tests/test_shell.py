"""What a shell does to commands: closed pipes, full disks, signals, names."""

import os
import re
import signal
import sys
from pathlib import Path

import pytest
from command_line import USAGE, run
from hypothesis import given, settings
from hypothesis import strategies as st

from lenet_d2l import __main__
from lenet_d2l.commands import predict, study
from lenet_d2l.commands.shell import SIGNALS, Stream, stopped_once

FULL = "/dev/full"


@pytest.fixture
def prints(monkeypatch):
    """Have ``predict`` print two lines, and say that it came to its end."""
    ends = []

    def run(parser, args):
        for line in "ab":
            print(line, flush=True)
        ends.append(args)
        return 0

    monkeypatch.setattr(predict, "run", run)
    return ends


def test_a_closed_pipe_ends_no_command(
    prints, closed_pipe, monkeypatch, capsys
):
    monkeypatch.setattr(sys, "stdout", closed_pipe)
    assert run("predict", __file__) == 0
    assert len(prints) == 1
    assert capsys.readouterr().err == ""


@pytest.mark.skipif(not Path(FULL).exists(), reason=f"there is no {FULL}")
def test_a_full_disk_under_stdout_is_said_at_the_end(
    prints, monkeypatch, capsys
):
    with Path(FULL).open("w") as full:
        monkeypatch.setattr(sys, "stdout", full)
        assert run("predict", __file__) == 1
    assert len(prints) == 1
    assert "stdout: No space left on device\n" in capsys.readouterr().err


def test_streams_that_the_shell_has_closed_are_none(prints, monkeypatch):
    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "stderr", None)
    assert run("predict", __file__) == 0
    assert run("predict", "none") == USAGE
    assert len(prints) == 1


@given(st.text())
def test_a_stream_shows_a_terminal_nothing_to_obey(text):
    reader, writer = os.pipe()
    with os.fdopen(reader, encoding="ascii") as shown:
        with os.fdopen(writer, "w", encoding="ascii", newline="") as file:
            Stream(file).write(text)
        assert all(c.isprintable() or c in "\n\r\t" for c in shown.read())


@given(st.text(st.characters(exclude_categories=["C", "Z"]) | st.just(" ")))
def test_a_stream_leaves_what_can_be_shown(text):
    class Kept:
        encoding, write = (
            "utf-8",
            staticmethod(lambda text: kept.append(text)),
        )

    kept = []
    assert Stream(Kept()).write(text) == len(text)
    assert kept == [text]


@pytest.mark.parametrize("number", SIGNALS)
def test_the_first_signal_stops_and_a_second_does_not_disturb(number):
    before = [signal.getsignal(each) for each in SIGNALS]
    with stopped_once():
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(number)
        for each in SIGNALS:
            signal.raise_signal(each)
    assert [signal.getsignal(each) for each in SIGNALS] == before


def test_a_signal_that_nohup_ignores_stays_ignored():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with stopped_once():
            signal.raise_signal(signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_disk_error_that_nobody_expects_is_one_line(monkeypatch, capsys):
    def fail(parser, args):
        raise OSError(5, "Input/output error", "a\nfile")

    monkeypatch.setattr(predict, "run", fail)
    assert run("predict", __file__) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith("predict: stopped: 'a\\nfile': Input/output error")


# Any command line

OPTIONS = sorted(
    {
        option
        for command in __main__.parser("x")._actions[-1].choices.values()
        for action in command._actions
        for option in action.option_strings
    }
    - {"-h", "--help"}
)
names = st.text(st.characters(exclude_characters="\0"), max_size=300)
values = names | st.integers().map(str) | st.floats().map(str)


@settings(max_examples=300)
@given(
    command=st.sampled_from(sorted(__main__.COMMANDS)) | names,
    options=st.lists(st.tuples(st.sampled_from(OPTIONS), values)),
    others=st.lists(values, max_size=3),
)
def test_any_command_line_that_is_wrong_is_one_line(
    command, options, others, tmp_path, monkeypatch, capsys
):
    """What would be right is not run."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(study, "do_study", lambda *arguments: 0)
    for module in __main__.COMMANDS.values():
        monkeypatch.setattr(module, "run", lambda parser, args: 0)
    words = [command, *(f"{name}={value}" for name, value in options)]
    code = run(*words, *others)
    err = capsys.readouterr().err
    assert (code == 0 and err == "") or code == USAGE
    if code:
        (line,) = err.splitlines()
        assert re.match(r"python -m lenet_d2l( \w+)?: error: .", line)
        assert line.isprintable()
    assert list(tmp_path.iterdir()) == []
