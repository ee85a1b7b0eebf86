"""Changes of stored numbers are seen: a sample of ``make mutate``."""

import random
import shutil
import subprocess
import sys

import nbformat
import pytest
from mutate import (
    NUMBER,
    change,
    changed,
    in_outputs,
    in_prose,
    numbers,
    report,
)
from rerun import BOOK, same

HTML = (
    "<style scoped>td { top: 1px }</style>"
    '<table border="1"><td>0.761</td><td>10</td></table>'
)
SVG = (
    '<?xml version="1.0"?>\n<svg width="72pt"><path d="M 10 20"/>'
    "<g><text x='3'>2.5</text><text><tspan>1</tspan></text></g></svg>\n"
)
TINY = """
from IPython.display import SVG, display
print("falls to 0.761")
display({{"text/html": {html!r}, "image/svg+xml": {svg!r}}}, raw=True)
"""


@pytest.mark.parametrize("chapter", ["01_lenet.ipynb", "05_training.ipynb"])
def test_every_change_of_a_number_in_outputs_is_seen(chapter):
    results = list(in_outputs(BOOK / chapter, random.Random(0)))
    assert len(results) > 30
    unseen = [str(change) for change, seen in results if not seen]
    assert unseen == []


@pytest.mark.parametrize("page", ["book/06_results.ipynb", "book/errata.md"])
def test_every_change_of_a_runs_number_in_prose_is_seen(page):
    results = list(in_prose(page, random.Random(0)))
    made = [
        (change, seen)
        for change, seen in results
        if change.where == "prose, of a run"
    ]
    assert len(made) > 10
    assert [str(change) for change, seen in made if not seen] == []


@pytest.mark.parametrize(
    ("kind", "text", "expected"),
    [
        (
            "stdout",
            "epoch 9, loss 0.459, 1,234.5/s",
            ["9", "0.459", "1,234.5"],
        ),
        ("text/html", HTML, ["0.761", "10"]),
        ("image/svg+xml", SVG, ["2.5", "1"]),
    ],
)
def test_what_of_an_output_is_a_number(kind, text, expected):
    assert [match.group() for match in numbers(kind, text)] == expected


def test_a_change_is_of_one_digit():
    rng = random.Random(0)
    text = "loss 0.459 at 9"
    for number in NUMBER.finditer(text):
        new = changed(text, number, rng)
        assert sum(a != b for a, b in zip(text, new, strict=True)) == 1
        assert new[: number.start()] == text[: number.start()]
        assert new[number.end() :] == text[number.end() :]


def test_the_report_counts_and_names():
    text = "falls to 0.761"
    (number,) = NUMBER.finditer(text)
    one = change("page", "stdout", text, number, "falls to 0.762")
    lines = report([(one, True), (one, False)]).splitlines()
    assert lines == [
        "stdout: 1 of 2 seen",
        "not seen: page, stdout: 0.761 became 0.762 in 'falls to 0.761'",
    ]


@pytest.fixture(scope="module")
def executed(tmp_path_factory):
    """A tiny notebook that has been run, with nbval's conftest beside it."""
    folder = tmp_path_factory.mktemp("tiny")
    shutil.copy(BOOK / "conftest.py", folder)
    notebook = nbformat.v4.new_notebook()
    source = TINY.format(html=HTML, svg=SVG)
    notebook.cells = [nbformat.v4.new_code_cell(source)]
    path = folder / "tiny.ipynb"
    nbformat.write(notebook, path)
    command = ["nbconvert", "--to", "notebook", "--execute", "--inplace"]
    subprocess.run(
        [sys.executable, "-m", "jupyter", *command, str(path)], check=True
    )
    return path


def nbval(path):
    """Whether nbval passes."""
    options = ["--nbval", "--nbval-current-env", "-p", "no:cacheprovider"]
    command = [sys.executable, "-m", "pytest", *options, str(path)]
    return subprocess.run(command, cwd=path.parent).returncode == 0


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("nothing", "nothing"),
        ("falls to 0.761", "falls to 0.762"),
        ("<td>10</td>", "<td>11</td>"),
        (">2.5</text>", ">2.6</text>"),
        ("M 10 20", "M 10 21"),  # Not a number that is read
    ],
)
def test_the_comparison_here_is_that_of_nbval(old, new, executed, tmp_path):
    stored = nbformat.read(executed, as_version=4)
    fresh = nbformat.read(executed, as_version=4)
    for output in stored.cells[0].outputs:
        if "text" in output:
            output.text = output.text.replace(old, new)
        for kind, text in output.get("data", {}).items():
            output.data[kind] = text.replace(old, new)
    equal = same(stored.cells[0].outputs, fresh.cells[0].outputs)
    assert equal == (old == "nothing" or old.startswith("M"))
    shutil.copy(executed.parent / "conftest.py", tmp_path)
    nbformat.write(stored, tmp_path / "tiny.ipynb")
    assert nbval(tmp_path / "tiny.ipynb") == equal
