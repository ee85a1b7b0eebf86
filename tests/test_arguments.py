"""Command lines: what is wrong is one line that says what would be right."""

import argparse
import os
import re
import shlex
import subprocess
import sys

import pytest
from command_line import USAGE, run, the_error_line
from torch import nn

from lenet_d2l.__main__ import COMMANDS, parser
from lenet_d2l.commands import train
from lenet_d2l.commands.arguments import Parser
from lenet_d2l.results.runs import save_run

SEEDS = "seeds --seeds 0:2 --out x.csv "
LONG = "x" * 256

# What the error line says: command lines
WRONG = {
    "--lr: must be a finite number above 0, such as 0.9, not": [
        *("--lr=-1", "--lr=0", "--lr=nan", "--lr=inf", "--lr=fast"),
        "--lr=1e39",  # Torch cannot convert it to float32
    ],
    "--num-epochs: must be a whole number of at least 1, not": [
        *("--num-epochs=0", "--num-epochs=-3", "--num-epochs=1.5"),
        "--num-epochs=ten",
    ],
    "--batch-size: must be a whole number from 1 to 60000, not": [
        *("--batch-size=0", "--batch-size=70000")
    ],
    "--seed: must be a whole number from 0 to": [
        *("--seed=-1", f"--seed={2**63}")
    ],
    "--jobs: must be a whole number of at least 1, not": [
        *(SEEDS + "--jobs=0", SEEDS + "--jobs=-1", SEEDS + "--jobs=two")
    ],
    "--repeats: must be a whole number of": ["bench --out x.csv --repeats=0"],
    "--seeds: must be FIRST:END, such as 0:100 for the seeds 0 to 99, not": [
        f"{SEEDS} --seeds={value}"
        for value in (
            *("5", "5:1", "a:b", "-1:3", "0:0", "1:2:3", "1.5:3", "3:", ":"),
            *("''", "0:99999999999999999999"),
        )
    ],
    "--seeds: must be at most 1,000,000 seeds": [SEEDS + "--seeds=0:1000001"],
    "required: --seeds": ["seeds --out x.csv"],
    "required: --out": ["seeds --seeds 0:2", "bench"],
    "required: IMAGE": ["predict"],
    "unknown: --epochs 3": ["--epochs 3", "predict a-file --epochs 3"],
    "--device: must be cpu, cuda, mps, xpu, or": [
        *("--device=meta", "--device=nonsense", SEEDS + "--device=nonsense")
    ],
    "--device: 'cuda:77' is missing; this machine has cpu": [
        *("--device=cuda:77", SEEDS + "--device=cuda:77"),
        "predict a-file --device=cuda:77",
    ],
    "--data: invalid choice: 'cifar'": ["--data=cifar"],
    "must be a name, not ''": [
        *("--out=", "--data-dir=", "--weights=", "predict ''"),
        *("study '' --seeds 0:2 --out x.csv", "bench --out="),
    ],
    "File name too long": [
        *(f"--out={LONG}", f"--data-dir={LONG}", f"--weights={LONG}"),
        *(f"--out={'x/' * 2100}", f"predict {LONG}"),
        *(f"bench --out={LONG}.csv", f"{SEEDS} --out={'x' * 250}.csv"),
    ],
    "Too many levels of symbolic links": ["--out=a-loop", "predict a-loop"],
    "--out: 'a-file/run': Not a directory": ["--out=a-file/run"],
    "--out: a-file cannot be written: it is not a folder": ["--out=a-file"],
    "--out: a-run cannot .*: it holds a run already; name an": [
        "--out=a-run"
    ],
    "--out: /proc/a-run cannot be written": ["--out=/proc/a-run"],
    "--out: /proc/x.csv cannot be written: No such file": [
        SEEDS + "--out=/proc/x.csv"
    ],
    "--out: 'x.txt' does not end in .csv": [SEEDS + "--out=x.txt"],
    "the value of an option cannot be '--'": ["--lr=--", "--data=--"],
    "--out: 'x.csv/' does not end in .csv": [SEEDS + "--out=x.csv/"],
    "--out: there is no folder 'none'": [SEEDS + "--out=none/x.csv"],
    "--out: 'a-folder.csv' is not a file": [SEEDS + "--out=a-folder.csv"],
    "is not a folder": [
        *("--data-dir=none", "--data-dir=a-file", SEEDS + "--data-dir=none")
    ],
    "there is no file 'none'": ["--weights=none", "predict none"],
    "'a-run' is a folder": ["--weights=a-run", "predict a-run"],
    "'a-pipe' is a pipe or a device": ["--weights=a-pipe", "predict a-pipe"],
    "--weights: a-file is no safetensors file": [
        *("--weights=a-file", "predict a-file --weights=a-file")
    ],
    "--weights: other is of another net: the shape of 1.weight is missing": [
        "--weights=other"
    ],
    "--cluster: nonsense": [SEEDS + "--cluster=nonsense"],
    "--cluster: foo://x": [SEEDS + "--cluster=foo://x"],
}


@pytest.fixture
def surroundings(tmp_path, monkeypatch):
    """A folder with the files that the wrong options name."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a-file").write_text("text, and no weights\n" * 9)
    (tmp_path / "a-folder.csv").mkdir()
    (tmp_path / "a-loop").symlink_to("a-loop")
    os.mkfifo(tmp_path / "a-pipe")
    save_run(tmp_path / "a-run", nn.Linear(2, 2), [])
    (tmp_path / "a-run/weights.safetensors").rename(tmp_path / "other")
    return tmp_path


@pytest.mark.parametrize(
    ("line", "said"),
    [(line, said) for said, lines in WRONG.items() for line in lines],
    ids=lambda text: text[:40],
)
def test_a_wrong_command_line_is_one_line_and_writes_nothing(
    line, said, surroundings, capsys
):
    before = sorted(surroundings.rglob("*"))
    assert run(*shlex.split(line)) == USAGE
    first, *_ = line.split()
    command = first if first in COMMANDS else "train"
    assert re.search(said, the_error_line(capsys, command))
    assert sorted(surroundings.rglob("*")) == before


# Help


@pytest.mark.parametrize("command", COMMANDS)
def test_help_explains_each_option_and_names_its_default(command, capsys):
    assert run(command, "--help") == 0
    text = " ".join(capsys.readouterr().out.split())
    assert text.startswith(f"usage: python -m lenet_d2l {command} [-h]")
    (commands,) = [
        action
        for action in parser("x")._actions
        if isinstance(action.choices, dict)
    ]
    for action in commands.choices[command]._actions:
        assert action.help in text or "(default: " in action.help
        if action.default not in (None, False, argparse.SUPPRESS):
            assert f"(default: {action.default})" in text


def test_help_names_every_command_and_how_to_get_more(capsys):
    assert run("--help") == 0
    text = capsys.readouterr().out
    for name, module in COMMANDS.items():
        assert re.search(rf"^ +{name} +{module.HELP[:20]}", text, re.M)
    assert "COMMAND --help' lists the options" in " ".join(text.split())


def test_the_defaults_are_those_of_the_post():
    train.add_arguments(parser := Parser())
    given = vars(parser.parse_args([]))
    assert {name: to for name, to in given.items() if to is not None} == {
        **{"seed": 0, "num_epochs": 10, "lr": 0.9, "batch_size": 256},
        **{"data": "fashion-mnist", "plain": False},
    }


QUICK = [
    *("--help", "--version", "nonsense", "--lr fast", "--weights none"),
    *("--out a-file/run", "predict none.png", "bench --out x.txt"),
    "study none.py --seeds 0:1 --out x.csv",
    "seeds --seeds 0:1 --out none/x.csv",
    *(f"{name} --help" for name in COMMANDS),
]


@pytest.mark.parametrize("line", QUICK)
def test_help_and_errors_of_usage_import_nothing_slow(line, surroundings):
    code = f"""
import sys
from lenet_d2l.__main__ import main
try:
    main({line.split()})
finally:
    slow = {{"torch", "numpy", "pandas", "matplotlib", "d2l", "joblib"}}
    print(sorted(slow & sys.modules.keys()), file=sys.stderr)
"""
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True
    )
    wanted = 0 if {"--help", "--version"} & {*line.split()} else USAGE
    assert result.returncode == wanted, result.stderr
    assert result.stderr.splitlines()[-1] == "[]"
