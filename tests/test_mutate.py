"""Changes of numbers and verdicts are seen: what ``make mutate`` counts."""

import random
import re
import shutil
import subprocess
import sys
from copy import deepcopy

import facts
import pytest
from accounts import PAGES
from catalogue import pages
from conftest import BOOK, CHAPTERS, each_notebook
from mutate import (
    changed,
    in_chinese,
    in_outputs,
    in_prose,
    marks,
    report,
    same,
)
from nbformat import v4, write

HTML = (
    "<style scoped>td { top: 1px }</style>"
    '<table border="1"><td>0.761</td><td>10</td></table>'
)
SVG = (
    '<?xml version="1.0"?>\n<svg width="72pt"><path d="M 10 20"/>'
    "<g><text x='3'>2.5</text><text><tspan>1</tspan></text></g></svg>\n"
)
DATA = {"text/html": HTML, "image/svg+xml": SVG}
TEXT = "epoch 9, loss 0.459, 1,234.5/s\n"
# Raw, so that it is displayed as it stands
CODE = f"""
from IPython.display import display
print({TEXT!r}, end="")
display({DATA!r}, raw=True)
"""
OUTPUTS = [
    v4.new_output("stream", text=TEXT),
    v4.new_output("display_data", DATA),
]


@each_notebook
def test_every_change_in_outputs_is_seen(notebook):
    results = list(in_outputs(notebook, random.Random(0)))
    assert len(results) > 30 * (notebook in CHAPTERS)
    assert [what for _, seen, what in results if not seen] == []


@pytest.mark.parametrize("page", PAGES)
def test_every_change_of_what_has_an_account_in_prose_is_seen(page):
    text, unseen = report(in_prose(PAGES[page], random.Random(0)))
    assert unseen == 0, text


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)
def test_every_change_of_a_number_in_chinese_is_seen(page):
    text, unseen = report(in_chinese(page, random.Random(0)))
    assert unseen == 0, text


def test_what_of_an_output_is_a_number():
    found = [
        [mark[0] for mark in marks(kind, text)]
        for kind, text in {"text": TEXT, **DATA}.items()
    ]
    assert found == [["9", "0.459", "1,234.5"], ["0.761", "10"], ["2.5", "1"]]


def test_a_change_is_of_one_digit():
    for number in marks("text", TEXT):
        new = changed(TEXT, number, random.Random(0))
        (place,) = [i for i, old in enumerate(TEXT) if new[i] != old]
        assert number.start() <= place < number.end()


def test_a_verdict_in_an_output_becomes_its_opposite():
    text = "ReLU: helps; post: like ours; equivalent; the same run"
    rng = random.Random(0)
    changes = [changed(text, mark, rng) for mark in marks("text", text)]
    assert changes == [
        text.replace("helps", "hurts"),
        text.replace("like", "unlike"),
        text.replace("equivalent", "undecided"),
        text.replace("the same run", "another run"),
    ]


def test_a_change_of_a_word_is_to_its_opposite(tmp_path, monkeypatch):
    monkeypatch.setattr(facts, "GAIN", 0.1, raising=False)
    page = tmp_path / "page.md"
    page.write_text("It is higher<!-- GAIN --> and no\nbetter<!-- -GAIN -->.")
    results = list(in_prose(page, random.Random(0)))
    assert {r[:2] for r in results} == {("prose, computed (a word)", True)}
    changes = [re.match(r"(?s)page.md, (.*?):", r[2])[1] for r in results]
    assert changes == ["higher became lower", "no better became better"]


def test_a_word_without_account_is_counted_and_not_seen(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("More is not always better.")
    wheres = [where for where, *_ in in_prose(page, random.Random(0))]
    assert wheres == ["prose, without account (a word)"] * 2


def test_the_report_counts_and_names():
    year = ("prose, without account (a year)", False, "1998 became 1988")
    lines = [
        "text: 1 of 2 seen",
        f"{year[0]}: 0 of 1 seen",
        "not seen, text: b",
    ]
    results = [("text", True, "a"), ("text", False, "b"), year]
    assert report(results) == ("\n".join(lines), 1)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("old", "new", "equal"),
    [
        ("nothing", "nothing", True),
        ("0.459", "0.458", False),
        ("<td>10</td>", "<td>11</td>", False),
        (">2.5</text>", ">2.6</text>", False),
        ("M 10 20", "M 10 21", True),  # Not a number that is read
    ],
)
def test_the_comparison_here_is_that_of_nbval(old, new, equal, tmp_path):
    stored = deepcopy(OUTPUTS)
    stored[0].text = TEXT.replace(old, new)
    stored[1].data = {k: text.replace(old, new) for k, text in DATA.items()}
    assert same(stored, OUTPUTS) == equal
    cell = v4.new_code_cell(CODE, execution_count=1, outputs=stored)
    write(v4.new_notebook(cells=[cell]), tmp_path / "tiny.ipynb")
    shutil.copy(BOOK / "conftest.py", tmp_path)
    options = ["--nbval", "--nbval-current-env", "-p", "no:cacheprovider"]
    command = [sys.executable, "-m", "pytest", *options, "tiny.ipynb"]
    assert (subprocess.run(command, cwd=tmp_path).returncode == 0) == equal
