"""Each chapter ends in exercises, solved in a notebook of their own."""

import re

import nbformat
import pytest
from conftest import CHAPTERS, SOLUTIONS, each_notebook

# How an exercise's title begins, from a minute's thought to an afternoon's
TIMES = "A minute|Ten minutes|Half an hour|An hour|An afternoon"
WITH_EXERCISES = [path for path in CHAPTERS if "00_" not in path.name]


def markdown(notebook):
    """The text of a notebook, without its code."""
    cells = nbformat.read(notebook, as_version=4).cells
    return "\n\n".join(c.source for c in cells if c.cell_type == "markdown")


def fragment(title):
    """What a heading is called in the address of its page."""
    return re.sub(r"[^\w-]", "", title.lower().replace(" ", "-"))


def test_each_chapter_has_a_notebook_of_solutions():
    names = [path.name for path in WITH_EXERCISES]
    assert [path.name for path in SOLUTIONS] == names


@pytest.mark.parametrize("chapter", WITH_EXERCISES, ids=lambda p: p.name)
def test_chapter_ends_in_exercises_and_each_leads_to_its_solution(chapter):
    text = markdown(chapter)
    headings = re.findall(r"^## .*$", text, re.M)
    assert headings[-2:] == ["## Summary", "## Exercises"]
    _, *exercises = re.split(
        r"^### ", text.split("\n## Exercises\n")[1], flags=re.M
    )
    assert 3 <= len(exercises) <= 5
    titles = [exercise.partition("\n")[0] for exercise in exercises]
    assert all(re.match(rf"(?:{TIMES}): \S", title) for title in titles)
    for title, exercise in zip(titles, exercises):
        to = f"solutions/{chapter.name}#{fragment(title)}"
        assert exercise.rstrip().endswith(f"[Solution]({to})"), title

    solutions = markdown(chapter.parent / "solutions" / chapter.name)
    assert f"](../{chapter.name})" in solutions
    assert re.findall(r"^## (.*)$", solutions, re.M) == titles
    for title in titles:
        back = f"[The exercise](../{chapter.name}#{fragment(title)})"
        assert f"## {title}\n\n{back}" in solutions


@each_notebook
def test_notebook_reads_well_outside_the_book(notebook):
    """Jupyter and Colab show a directive of MyST as it is written."""
    text = markdown(notebook)
    assert not re.findall(r"^ *(?::{3,}|`{3,}\{)|\{\w+\}`", text, re.M)
    for cell in nbformat.read(notebook, as_version=4).cells:
        folded = "hide-input" in cell.metadata.get("tags", [])
        # For HTML, JupyterLab and Colab
        assert cell.metadata.get("cellView", "") == "form" * folded
        hidden = cell.metadata.get("jupyter", {}).get("source_hidden", False)
        assert hidden == folded


def test_titles_of_exercises_are_unique_in_their_chapter():
    for chapter in WITH_EXERCISES:
        titles = re.findall(r"^### (.*)$", markdown(chapter), re.M)
        assert len({fragment(title) for title in titles}) == len(titles)
