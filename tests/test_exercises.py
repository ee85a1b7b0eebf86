"""Each chapter ends in exercises, and each exercise has a folded solution."""

import re
from typing import NamedTuple

import nbformat
import pytest
from conftest import CHAPTERS, each_chapter

# How an exercise's title begins, from a minute's thought to an afternoon's
TIMES = "A minute|Ten minutes|Half an hour|An hour|An afternoon"
DIRECTIVE = re.compile(
    r"^:::\{(exercise|solution(?:-start|-end)?)\}(.*)\n((?::[\w-]+:.*\n)*)",
    re.M,
)


class Found(NamedTuple):
    """A directive: its name, its argument and its options, in the text."""

    name: str
    argument: str
    options: dict[str, str]


def directives(text):
    """The exercises and solutions in ``text``, in their order."""
    return [
        Found(
            match[1],
            match[2].strip(),
            dict(re.findall(r"^:([\w-]+): *(.*)$", match[3], re.M)),
        )
        for match in DIRECTIVE.finditer(text + "\n")
    ]


def problems(text):
    """What is wrong with the exercises and solutions in ``text``."""
    found = directives(text)
    exercises = [d for d in found if d.name == "exercise"]
    solutions = [d for d in found if d.name in ("solution", "solution-start")]
    labels = [d.options.get("label") for d in exercises]
    said = []
    if not 3 <= len(exercises) <= 5:
        said.append(f"{len(exercises)} exercises")
    said += [
        f"does not say how long it takes: {d.argument}"
        for d in exercises
        if not re.match(rf"(?:{TIMES}): \S", d.argument)
    ]
    if [d.argument for d in solutions] != labels:
        said.append(f"{labels} solved by {[d.argument for d in solutions]}")
    said += [
        f"not folded: {d.argument}"
        for d in solutions
        if d.options.get("class") != "dropdown"
    ]
    expected = "solution-start"
    for gate in (d.name for d in found if d.name.startswith("solution-")):
        if gate != expected:
            said.append(f"{gate} where {expected} should be")
        starts = gate == "solution-start"
        expected = "solution-end" if starts else "solution-start"
    if expected == "solution-end":
        said.append("the last solution is not closed")
    return said


def markdown(chapter):
    """The text of a chapter, without its code."""
    cells = nbformat.read(chapter, as_version=4).cells
    return "\n".join(c.source for c in cells if c.cell_type == "markdown")


@each_chapter
def test_chapter_has_three_to_five_exercises_each_solved_and_folded(chapter):
    assert problems(markdown(chapter)) == []


@each_chapter
def test_exercises_are_the_end_of_a_chapter(chapter):
    headings = re.findall(r"^##? .*$", markdown(chapter), re.M)
    assert headings[-2:] == ["## Summary", "## Exercises"]
    before, _ = markdown(chapter).split("\n## Exercises\n")
    assert directives(before) == []


def test_labels_of_exercises_are_unique_in_the_book():
    labels = [
        found.options["label"]
        for chapter in CHAPTERS
        for found in directives(markdown(chapter))
        if found.name == "exercise"
    ]
    assert len(set(labels)) == len(labels)


@pytest.fixture
def good():
    """Three exercises with their solutions, the last one with gates."""
    return """## Exercises
:::{exercise} A minute: one
:label: one
:::
:::{solution} one
:class: dropdown
:::
:::{exercise} Ten minutes: two
:label: two
:::
:::{solution} two
:class: dropdown
:::
:::{exercise} An afternoon: three
:label: three
:::
:::{solution-start} three
:class: dropdown
:::
:::{solution-end}
:::"""


def test_good_exercises_have_no_problems(good):
    assert problems(good) == []


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (":::{exercise} A minute: one\n:label: one", "", "2 exercises"),
        ("A minute: one", "One", "does not say how long it takes: One"),
        ("{solution} two", "{solution} one", "solved by"),
        (":::{solution} two\n:class: dropdown", "", "solved by"),
        ("} two\n:class: dropdown", "} two", "not folded: two"),
        ("} three\n:class: dropdown", "} three", "not folded: three"),
        (":::{solution-end}", "", "the last solution is not closed"),
        ("## Exercises", ":::{solution-end}\n:::", "solution-end where"),
    ],
)
def test_a_fault_in_the_exercises_is_found(good, old, new, said):
    assert good.count(old) == 1
    assert any(
        said in problem for problem in problems(good.replace(old, new))
    )
