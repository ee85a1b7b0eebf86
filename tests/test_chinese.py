"""The Chinese edition says what the English one says, in good Chinese."""

import re
import runpy
from collections import Counter
from string import Formatter

import nbformat
import pytest
from accounts import check, split
from catalogue import (
    README,
    WIDE,
    accept,
    catalogue_of,
    digest,
    english,
    joined,
    main,
    pages,
    problems,
    read,
)
from conftest import BOOK, NOTEBOOKS, SOLUTIONS, each_notebook
from figures import translated
from translation import compare, untidy
from words import Words
from write import PICTURE, configuration
from write import notebook as in_chinese

# A number with the signs beside it
NUMBER = re.compile(r"[±×·-]?\d+(?:[.,]\d+)*%?")
each_page = pytest.mark.parametrize(
    "page", pages(), ids=lambda page: page.relative_to(BOOK.parent).as_posix()
)


def entries(page):
    """Each entry's name, English text and Chinese text."""
    texts = english(page)
    for key, entry in read(catalogue_of(page)).items():
        yield f"{page.name} {key}", texts[key], entry.text


@each_page
def test_each_english_text_has_its_entry_and_no_entry_is_stale(page):
    assert problems(page) == []


@each_page
def test_a_translation_has_what_its_original_has(page):
    found = [
        f"{name}: {problem}"
        for name, original, chinese in entries(page)
        for problem in compare(original, chinese) + untidy(chinese)
    ]
    assert found == []


@each_page
def test_numbers_and_verdicts_in_chinese_are_accounted_for(page):
    found = [
        f"{name}: {problem}"
        for name, _, chinese in entries(page)
        if not name.endswith(" alt")
        for paragraph in split(joined(chinese))
        for problem in check(paragraph)[1]
    ]
    assert found == []


drawn_text = runpy.run_path(str(BOOK / "conftest.py"))["drawn_text"]


def outputs_by_kind(cells):
    """What the outputs show, in pairs of a kind and a text."""
    for cell in cells:
        for output in cell.get("outputs", []):
            yield from output.get("data", {}).items()
            yield "text", output.get("text", "")


@each_notebook
def test_a_chinese_notebook_differs_in_words_alone(notebook):
    words = Words()
    theirs = nbformat.read(notebook, as_version=4)
    ours = in_chinese(notebook, words)
    assert not words.missing
    assert [c.id for c in ours.cells] == [c.id for c in theirs.cells]
    for one, other in zip(ours.cells, theirs.cells):
        if one.cell_type == "code":
            assert one.source == other.source
            assert one.execution_count == other.execution_count
    shown = zip(outputs_by_kind(ours.cells), outputs_by_kind(theirs.cells))
    for (kind, one), (_, other) in shown:
        if kind == "image/svg+xml":  # But for the places of texts
            one, other = drawn_text(one), drawn_text(other)
        if kind != "image/png":
            numbers = [
                Counter(NUMBER.findall(re.sub(r"[ \xa0]%", "%", text)))
                for text in (one, other)
            ]
            assert numbers[0] == numbers[1]


def test_no_word_of_the_dictionary_is_left_over():
    words, used = Words(), set()
    words.words = Recorded(words.words, used)
    here = {name: set() for name in words.pages}
    for path in NOTEBOOKS:
        words.pages = {
            name: Recorded(table, here[name])
            for name, table in Words().pages.items()
        }
        in_chinese(path, words)
    for picture in (BOOK / "_static").glob("*.svg"):
        translated(picture.read_text(encoding="utf-8"), words.marked_up)
    configuration(words)
    assert not words.missing
    assert set(words.words) - used == set()
    assert here == {name: set(page) for name, page in Words().pages.items()}


def test_a_text_of_the_dictionary_has_the_places_of_its_key():
    words = Words()
    tables = [words.words, *words.pages.values()]
    for key, chinese in (item for table in tables for item in table.items()):
        fields = [field for _, field, *_ in Formatter().parse(chinese)]
        places = [field for field in fields if field is not None]
        n = key.count("{}")
        numbered = sorted(places) == [str(i) for i in range(n)]
        assert places == [""] * n or numbered, key
        # Names and code stay as they are
        assert chinese == key or re.search(WIDE, chinese), key


class Recorded(dict):
    """A dictionary that keeps which of its keys were read."""

    def __init__(self, content, used):
        super().__init__(content)
        self.used = used

    def __getitem__(self, key):
        self.used.add(key)
        return super().__getitem__(key)

    def get(self, key, default=None):
        if key in self:
            self.used.add(key)
        return super().get(key, default)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("  epoch 3: no", "  第3轮：否"),
        ("coat taken for ankle boot", "把外套认成短靴"),
        ("loss -0.5 of 1,000 <", "1,000个中的损失-0.5 <"),
        ("C1", "C1"),
        ("LeNet-5", "LeNet-5"),
    ],
)
def test_the_dictionary_moves_numbers_and_changes_none(text, expected):
    words = Words()
    words.words = {
        "epoch {}: no": "第{}轮：否",
        "{} taken for {}": "把{}认成{}",
        "loss {} of {} <": "{1}个中的损失{0} <",
    }
    assert words.printed(text) == expected
    assert not words.missing


def test_columns_stay_below_each_other():
    words = Words()
    words.words = {"mean": "均值", "accuracy": "准确率"}
    text = "accuracy   0.5\nmean       0.25\nx  accuracy  1"
    assert words.printed(text) == (
        "准确率     0.5\n均值       0.25\nx  准确率    1"
    )
    words.printed("no such word")
    assert [*words.missing] == ["no such word"]


def titles(path, level):
    """The Chinese headings of a level, in order."""
    texts = [chinese for _, _, chinese in entries(path)]
    return re.findall(rf"^{level} (.*)$", "\n".join(texts), re.M)


@pytest.mark.parametrize("solutions", SOLUTIONS, ids=lambda path: path.name)
def test_titles_of_exercises_are_those_of_their_solutions(solutions):
    solved = titles(solutions, "##")
    of_chapter = titles(BOOK / solutions.name, "###")
    assert solved and [t for t in of_chapter if t in solved] == solved


# What the rules see: a planted mistake is one line

ENGLISH = """## Why 0.9?

> **The post** takes 0.9<!-- RECIPE.lr --> and *falls*<!-- -1 -->
> to 0.761<!-- LAST.test_acc -->.

- See `lr`, $\\eta = 0.9$<!-- RECIPE.lr -->, [6](06.ipynb#at), [C1](b.md).
- The learning rate, {ref}`here`, <span>twice</span>.

| a | b |
|---|---|
| 1 | 93 %<!-- 0.93 --> |
"""
CHINESE = """## 为什么是0.9？

> **博文**取0.9<!-- RECIPE.lr -->，*下降*<!-- -1 -->到
> 0.761<!-- LAST.test_acc -->。

- 见`lr`、$\\eta = 0.9$<!-- RECIPE.lr -->、[6](06.ipynb#at)和[C1](b.md)。
- 学习率，{ref}`here`，<span>两次</span>。

| 甲 | 乙 |
|---|---|
| 1 | 93%<!-- 0.93 --> |
"""


def test_a_good_translation_has_no_problem():
    assert compare(ENGLISH, CHINESE) + untidy(CHINESE) == []


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("0.761<", "0.716<", "numbers: '0.761' is missing (1)"),
        (
            "**取0.9<!-- RECIPE.lr -->",
            "**取",
            "accounts: 'RECIPE.lr' is missing",
        ),
        ("-1", "-2", "accounts: '-2' is too many (1)"),
        ("`lr`", "`rl`", "code: 'rl' is too many (1)"),
        ("\\eta", "\\mu", "formulas: '\\\\mu=0.9' is too many (1)"),
        ("#at", "", "links: '06.ipynb#at' is missing (1)"),
        (
            "{ref}`here`",
            "{ref}`there`",
            "roles and directives: '{ref}`here`'",
        ),
        ("<span>", "", "tags: '<span>' is missing (1)"),
        ("*下降*", "下降", "emphasis: 'em' is missing (1)"),
        ("> **", "**", "blocks: h2 p "),
        ("- 学习率", "学习率", "blocks: "),
        ("| 1 |", "| 1 | 2 |", "numbers: '2' is too many (1)"),
        ("学习率", "速率", "terms: learning rate is 学习率"),
        ("C1", "C2", "names: C1 is missing"),
        ("C1", "C2", "words: C2 is not in the English"),
        ("两次", "NumPy两次", "words: NumPy is not in the English"),
        ("，*下降*", "，不下降", "verdicts: 不下降 denies"),
        (
            "[6](06.ipynb#at)和[C1](b.md)",
            "[C1](b.md)和[6](06.ipynb#at)",
            "links: ['b.md', '06.ipynb#at'] are in another order",
        ),
        (
            "学习率，{ref}`here`，<span>两次</span>。",
            "The learning rate, {ref}`here`, <span>twice</span>.",
            "left in English: The learning rate",
        ),
        ("两次", "您", "terms: 您 should be 你"),
    ],
)
def test_each_difference_is_seen(old, new, problem):
    assert old in CHINESE
    found = compare(ENGLISH, CHINESE.replace(old, new, 1))
    assert [line for line in found if line.startswith(problem)], found


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("损失, 准确率", "typography: "),
        ("见(第一章)", "half-width: "),
        ("用 PyTorch训练", "space: 用 PyTorch训练"),
        ("这是 **“好”**的", "space: "),
        ("这是**“好”**的", "no emphasis: 这是**“好”**的"),
        ("这里 the net sees all of its images 没有", "left in English: "),
    ],
)
def test_what_is_not_typeset_as_chinese_is_seen(text, problem):
    found = untidy(text)
    assert [line for line in found if line.startswith(problem)], found


@pytest.mark.parametrize(
    "text",
    [
        "形状(N, 1, 28, 28)变为`(1, 2)`，和$f(a)$。",
        "论文*Gradient-based learning applied to document recognition*。",
        "**博文**：损失0.5，“好”；卷积（convolution）。",
    ],
)
def test_what_is_typeset_as_chinese_is_not_seen(text):
    assert untidy(text) == []


def test_a_paragraph_is_joined_and_nothing_else_is():
    kept = "```\n十\n十\n```\n\n| 甲 | 乙 |\n|---|---|\n| 丙 | 丁 |"
    text = (
        "# 题\n\n一。\n二*三*。\n*四*\nLeNet\nis\n\n"
        f"> 五。\n> 六。\n\n- 七。\n  八。\n- 九\n\n{kept}"
    )
    assert joined(text) == (
        "# 题\n\n一。二*三*。*四*LeNet is\n\n"
        f"> 五。六。\n\n- 七。八。\n- 九\n\n{kept}"
    )


# An edition cannot drift from the other


@pytest.fixture
def page(tmp_path, monkeypatch):
    """A page of two sections, translated, in a book of its own."""
    monkeypatch.setattr("catalogue.BOOK", tmp_path)
    monkeypatch.setattr("catalogue.ZH", tmp_path / "zh")
    page = tmp_path / "page.md"
    page.write_text("# Title\n\nA line.\n\n## More\n\nWords.\n", "utf-8")
    accept(page, [])
    accept(page, ["title", "more"])
    assert problems(page) == []
    return page


def test_a_change_of_an_english_text_names_the_entry_to_look_at(page):
    page.write_text(page.read_text().replace("Words", "Other words"))
    (found,) = problems(page)
    assert found.endswith("page.md: more is stale, its English has changed")
    accept(page, ["more"])
    assert problems(page) == []


def test_filling_lines_anew_changes_no_digest():
    assert digest("a b\n\nc") == digest("a\n  b\n\nc")
    assert digest("a b\n\nc") != digest("a b c")


def found(page):
    """Its problems, without the name of the catalogue."""
    return [line.partition(": ")[2] for line in problems(page)]


def test_missing_and_left_over_entries_are_named(page):
    page.write_text("# Title\n\nA line.\n\n## Less\n\nWords.\n")
    assert found(page) == ["less is missing", "more is left over"]
    accept(page, [])  # Nothing translated is lost, no English text accepted
    assert found(page) == [
        "less is still to be translated",
        "more is left over",
    ]
    accept(page, ["less", "more"])
    assert found(page) == []
    assert list(read(catalogue_of(page))) == ["title", "less"]


def test_a_disorderly_catalogue_is_named(page):
    catalogue = catalogue_of(page)
    text = catalogue.read_text(encoding="utf-8")
    catalogue.write_text(text + text, encoding="utf-8")
    assert found(page) == ["the entries are in another order, or twice"]
    catalogue.write_text(f"Lost\n\n{text}", encoding="utf-8")
    assert found(page) == ["a text stands before the first entry"]


@pytest.mark.parametrize(
    "text", ["", "A line.\n\n# Title\n", "# A\n\n## A\n"]
)
def test_a_page_without_order_is_named(page, text):
    page.write_text(text, encoding="utf-8")
    with pytest.raises(SystemExit, match=r"page\.md: "):
        problems(page)


def test_accepting_nonsense_says_what_there_is():
    assert "is no page. Pages are 00_first_minute," in main(["accept", "x"])
    assert main(["accept", "index", "x"]) == "index.md has no x"
    assert "accept 02_convolution cell-02" in main([])


def test_the_readme_has_a_chinese_edition():
    drawing = (BOOK / "_static/picture.svg").read_text(encoding="utf-8")
    chinese = translated(drawing, Words().marked_up)
    assert PICTURE.read_text(encoding="utf-8") == chinese
    assert catalogue_of(README).name == "README.zh.md"
    assert f"]({catalogue_of(README).name})" in README.read_text("utf-8")
    assert "](README.md)" in catalogue_of(README).read_text(encoding="utf-8")
