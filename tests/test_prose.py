"""Numbers and verdicts in prose have accounts that hold, or need none."""

import facts
import nbformat
import pandas as pd
import pytest
from accounts import PAGES, SIGNS, check, opposite, paragraphs
from nbformat import v4


@pytest.mark.parametrize("page", PAGES)
def test_numbers_of_a_page_are_accounted_for(page):
    problems = [p for text in paragraphs(PAGES[page]) for p in check(text)[1]]
    assert problems == []


@pytest.fixture
def names(monkeypatch):
    monkeypatch.setattr(facts, "ACC", 0.7612, raising=False)
    monkeypatch.setattr(facts, "N", 5, raising=False)
    rounds = pd.Series([0.1, 0.2])
    monkeypatch.setattr(facts, "ROUNDS", rounds, raising=False)


@pytest.mark.parametrize(
    "text",
    [
        "falls to 0.761<!-- ACC -->, or 76 %<!-- ACC -->",
        "from 0.76 to 5.0 of 5<!-- ACC, *2 * [N] -->",
        "in 1998, chapter 3 had 5<!-- N -->",
        "| 0.761 | $N = 5$ | `lr=5` |<!-- ACC, N, N -->",
        "## Why 5?\n<!-- N -->",
        "+900, -44 and 174,566.9<!-- 900, -44, 174_566.94 -->",
        r"$60\,000$, 99 %, 0.95 \%<!-- 6e4, 0.9905, 0.0095 -->",
        "release 0.17.0<!-- '0.17.0' -->",
        "higher<!-- ACC - 0.7 --> and 5 less<!-- 4 - N --> of 5<!-- N, N -->",
        "More<!-- ROUNDS --> in all, *no\nbetter<!-- -ROUNDS, -N -->*",
    ],
)
def test_accounts_that_hold(names, text):
    assert check(text)[1] == []


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("to 0.762<!-- ACC -->", "0.762 is not ACC: 0.761, in: to 0.762<!--"),
        ("to 0.7612<!-- N -->", "0.7612 is not N: 5.0000, in: to 0.7612"),
        ("It falls to 0.7.", "no account of 0.7, in: It falls to 0.7."),
        ("5 or 6<!-- N + 1 -->", "no account of 5, in: 5 or 6<!-- N + 1"),
        ("a <!-- N -->", "N raises ValueError: numbers here: 0, in: a"),
        ("5<!-- N, N -->", "N, N raises ValueError: numbers here: 1"),
        ("5<!-- N --> <!-- N -->", "N raises ValueError: numbers here: 0"),
        ("5<!-- -->", "no account of 5, in: 5<!-- -->"),
        ("5<!-- M -->", "M raises NameError: name 'M' is not defined"),
        ("5<!-- N + -->", "N + raises SyntaxError"),
        ("5<!-- [N] -->", "[N] raises TypeError"),
        ("lower<!-- N -->", "lower is not N: [5], in: lower<!-- N -->"),
        ("no gain<!-- N -->", "no gain is not N: [5], in: no gain<!--"),
        ("more<!-- ROUNDS - 0.1 -->", "more is not ROUNDS - 0.1: ["),
        ("more<!-- N - N -->", "more is not N - N: [0], in: more<!-- N"),
        ("less<!-- N * float('nan') -->", "less is not N * float('nan'): ["),
        ("more<!-- ROUNDS[:0] -->", "more is not ROUNDS[:0]: [Series"),
        ("more<!-- M -->", "M raises NameError: name 'M' is not defined"),
        ("of 5\n<!-- N --> a", "N is misplaced, in: of 5 <!-- N"),
        ("## Why 5<!-- N -->", "N is misplaced, in: ## Why 5"),
        ("the $5<!-- N -->$", "N is misplaced, in: the $5"),
        ("the `5<!-- N -->`", "N is misplaced, in: the `5"),
    ],
)
def test_each_problem_is_one_line(names, text, problem):
    (found,) = check(text)[1]
    assert problem in found


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("the paper of 1998", "a year"),
        ("each pixel +1", "0 or 1"),
        ("see `--seeds 0:100`", "in code"),
        ("Python 3.11, 3.12 or 3.13", "a name"),
        ("chapters 5 to 8", "a name"),
        ("12. [An item](b.md)", "a name"),
        ("$$ (2a/3)^2 $$", "one digit in a formula"),
        ("$2a/33$", ""),
        ("the year 1,998", ""),
        ("chapter 3 has 5", ""),
        ("with $n$ of 5 and `m`", ""),
        ("it is one more", "a word"),
    ],
)
def test_what_needs_no_account(text, rule):
    assert check(text)[0][-1][2] == rule


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("conv2d, train_ch6, C1, LeNet-5, F6, 07_training, utf-8", []),
        ("SHA-256, d2l.bands, python3.12, `cuda:1`", ["1"]),
        ("[chapter\n13](14.ipynb), https://15.org/16", ["13"]),
        (r"\frac{60\,000 \cdot 10}{n_2}", [r"60\,000", "10"]),
        ("0.95 %, 99%, 5 of 3.", ["0.95 %", "99%", "5", "3"]),
        ("28×28, 16·5·5, 5x6", ["28", "28", "16", "5", "5", "5", "6"]),
        ("-0.1, n - 1, 0.8-0.9, +90", ["-0.1", "1", "0.8", "0.9", "+90"]),
        ("3N, $2p$, tanh(2a/3), 10ms", ["3", "2", "2", "3", "10"]),
        ("accuracy-0.761 and SGD-9.", ["0.761"]),
    ],
)
def test_what_is_a_number(text, expected):
    assert [number["number"] for number, *_ in check(text)[0]] == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "Faster, no faster, no\n  more",
            ["Faster", "no faster", "no\n  more"],
        ),
        ("a looks-like, morello, more-or-less, unlike", ["unlike"]),
        ("`more` $more$ [a](more.md) no<!-- more -->", []),
    ],
)
def test_what_is_a_word_of_comparison(text, expected):
    assert [word["word"] for word, *_ in check(text)[0]] == expected


def test_words_are_in_pairs():
    for word, sign in SIGNS.items():
        assert SIGNS[opposite(word)] == -sign
    assert opposite("Faster") == "Slower"
    assert opposite("no\nbetter") == "better"


def test_numbers_that_a_chapter_prints(monkeypatch, tmp_path):
    table = v4.new_output("display_data", {"text/plain": "n  7 +9"})
    lines = v4.new_output("stream", text="a: 1,000 of 2.5\nb:  -3 of 4\n")
    cell = v4.new_code_cell("", outputs=[lines, table])
    nbformat.write(v4.new_notebook(cells=[cell]), tmp_path / "99_page.ipynb")
    monkeypatch.setattr(facts, "BOOK", tmp_path)
    assert facts.printed("99", ": {} of {}").tolist() == [
        [1000, -3],
        [2.5, 4],
    ]
    assert facts.printed("99", "n {} {}").tolist() == [[7], [9]]
    with pytest.raises(ValueError, match="chapter 99 prints no 'c: "):
        facts.printed("99", "c: {}")


def test_paragraphs(tmp_path):
    text = (
        "# Title 1\n\n> The post\n> 2\n\nso\n\n$$ 3 $$\n\n4\n\n"
        "```sh\nhead -6\n```\n\n"
        "````{list-table}\n:widths: 7 8\n\n* - 9\n```\n10\n```\n````\n"
        "```{literalinclude} 11.py\n:lines: 12\n```\n"
    )
    expected = ["# Title 1", "The post\n2", "so\n\n$$ 3 $$\n\n4", "* - 9"]
    (tmp_path / "page.md").write_text(text)
    cells = [v4.new_markdown_cell(text), v4.new_code_cell("13")]
    nbformat.write(v4.new_notebook(cells=cells), tmp_path / "page.ipynb")
    for page in tmp_path.iterdir():
        found = [paragraph.strip() for paragraph in paragraphs(page)]
        assert [paragraph for paragraph in found if paragraph] == expected
