"""Every number in prose is a claim that holds, or one that no run made."""

import re

import claims
import nbformat
import pytest
from claims import CLAIMS, NOT_OF_A_RUN, PAGES, numbers, problems, prose

each_page = pytest.mark.parametrize("page", PAGES)


@each_page
def test_numbers_of_a_page_are_accounted_for(page):
    assert problems(page, prose(PAGES[page])) == []


@pytest.mark.parametrize("entries", [CLAIMS, NOT_OF_A_RUN])
def test_every_page_has_its_entry_and_every_entry_its_page(entries):
    assert sorted(entries) == sorted(PAGES)


@each_page
def test_every_claim_has_a_number(page):
    assert [claim for claim in CLAIMS[page] if not numbers(claim)] == []


@each_page
def test_any_other_digit_in_a_claim_is_found(page):
    text = prose(PAGES[page])
    unfound = []
    for claim in CLAIMS[page]:
        start = text.index(claim)
        for digit in re.finditer(r"\d", claim):
            at = start + digit.start()
            other = str((int(text[at]) + 1) % 10)
            changed = text[:at] + other + text[at + 1 :]
            if not problems(page, changed):
                unfound.append(changed[start : start + len(claim)])
    assert unfound == []


@pytest.fixture
def page(monkeypatch):
    """A page with one claim and one other number."""
    monkeypatch.setitem(claims.CLAIMS, "page", ["falls to 0.761"])
    monkeypatch.setitem(claims.NOT_OF_A_RUN, "page", {"1998"})
    return "page"


def test_a_page_without_problems(page):
    assert problems(page, "In 1998 it falls to 0.761.") == []


def test_a_changed_digit_in_a_claim_is_found(page):
    missing, unaccounted = problems(page, "In 1998 it falls to 0.762.")
    assert missing == "0 times instead of once: falls to 0.761"
    assert unaccounted.startswith("unaccounted: 0.762 in:")


def test_a_digit_added_to_a_claim_is_found(page):
    (problem,) = problems(page, "In 1998 it falls to 0.7612.")
    assert problem.startswith("unaccounted: 0.7612 in:")


def test_a_second_copy_of_a_claim_is_found(page):
    twice = "In 1998 it falls to 0.761, and falls to 0.761."
    assert problems(page, twice) == [
        "2 times instead of once: falls to 0.761"
    ]


@pytest.mark.parametrize("number", ["0.799", "7", "1,998", "-1998", "19 %"])
def test_an_unaccounted_number_is_found(page, number):
    text = f"In 1998 it falls to 0.761, not {number}."
    (problem,) = problems(page, text)
    assert problem.startswith(f"unaccounted: {number} in: ")


def test_an_entry_that_is_not_used_is_found(page):
    assert problems(page, "It falls to 0.761.") == ["stale: 1998"]


def test_a_page_without_an_entry_may_have_no_number():
    assert problems("new page", "LeNet-5 without numbers") == []
    assert len(problems("new page", "It reaches 0.9 in 10 epochs.")) == 2


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("conv2d, train_ch6, C1, LeNet-5, F6, 05_training, utf-8", []),
        ("MD5, SHA-256, d2l.bands, python3.12, `cuda:1`", ["1"]),
        ("174,566.9, 0.17.0, 60_000", ["174,566.9", "0.17.0", "60_000"]),
        (r"\frac{60\,000 \cdot 10}{n_2}", [r"60\,000", "10"]),
        ("0.95 %, 99%, 5 of 3.", ["0.95 %", "99%", "5", "3"]),
        ("28×28, 16·5·5, 5x6", ["28", "28", "16", "5", "5", "5", "6"]),
        (
            "-0.1, n - 1, 0.82-0.84, +900",
            ["-0.1", "1", "0.82", "0.84", "900"],
        ),
        ("3N images, $2p$, tanh(2a/3), 10ms", ["3", "2", "2", "3", "10"]),
        ("accuracy-0.761 and SGD-9.", ["0.761"]),
    ],
)
def test_what_is_a_number(text, expected):
    assert [match["number"] for match in numbers(text)] == expected


def test_prose_of_markdown(tmp_path):
    path = tmp_path / "page.md"
    path.write_text(
        "# Title 1\n\n> **The post** says\n> *2*\tand `3`, 4*5.\n\n"
        "```sh\nhead -6\n```\n\n"
        "````{list-table}\n:widths: 7 8\n\n* - 9\n```\n10\n```\n````\n"
        "```{literalinclude} 11.py\n:lines: 12\n```\n"
        "See [chapter\n13](14.ipynb) and https://15.org/16.\n"
    )
    assert prose(path) == (
        "Title 1 The post says 2 and `3`, 4*5. * - 9 See chapter 13 and"
    )


def test_prose_of_a_notebook_is_its_markdown(tmp_path):
    notebook = nbformat.v4.new_notebook()
    notebook.cells = [
        nbformat.v4.new_markdown_cell("One\n1"),
        nbformat.v4.new_code_cell("2"),
        nbformat.v4.new_markdown_cell("Three"),
    ]
    path = tmp_path / "page.ipynb"
    nbformat.write(notebook, path)
    assert prose(path) == "One 1 Three"
