"""Each chapter ends in exercises, and each exercise has a folded solution."""

import re

import nbformat
from conftest import CHAPTERS, each_chapter

# How an exercise's title begins, from a minute's thought to an afternoon's
TIMES = "A minute|Ten minutes|Half an hour|An hour|An afternoon"
DIRECTIVE = re.compile(
    r"^:::\{(exercise|solution(?:-start|-end)?)\}(.*)\n((?::[\w-]+:.*\n)*)",
    re.M,
)


def directives(text):
    """The name, argument and options of each directive, in their order."""
    return [
        (name, argument.strip(), dict(re.findall(r":([\w-]+): *(.*)", given)))
        for name, argument, given in DIRECTIVE.findall(text + "\n")
    ]


def markdown(chapter):
    """The text of a chapter, without its code."""
    cells = nbformat.read(chapter, as_version=4).cells
    return "\n".join(c.source for c in cells if c.cell_type == "markdown")


@each_chapter
def test_chapter_has_three_to_five_exercises_each_solved_and_folded(chapter):
    found = directives(markdown(chapter))
    exercises = [d for d in found if d[0] == "exercise"]
    solutions = [d for d in found if d[0] in ("solution", "solution-start")]
    assert 3 <= len(exercises) <= 5
    assert all(re.match(rf"(?:{TIMES}): \S", d[1]) for d in exercises)
    labels = [options["label"] for _, _, options in exercises]
    assert [label for _, label, _ in solutions] == labels
    assert all(given.get("class") == "dropdown" for *_, given in solutions)
    gates = [name for name, _, _ in found if name.startswith("solution-")]
    assert gates == ["solution-start", "solution-end"] * (len(gates) // 2)


@each_chapter
def test_exercises_are_the_end_of_a_chapter(chapter):
    headings = re.findall(r"^##? .*$", markdown(chapter), re.M)
    assert headings[-2:] == ["## Summary", "## Exercises"]
    before, _ = markdown(chapter).split("\n## Exercises\n")
    assert directives(before) == []


def test_labels_of_exercises_are_unique_in_the_book():
    labels = [
        options["label"]
        for chapter in CHAPTERS
        for name, _, options in directives(markdown(chapter))
        if name == "exercise"
    ]
    assert len(set(labels)) == len(labels)
