"""The built book, for those who hear it, and those who type."""

from pathlib import Path

import pytest
from bs4 import BeautifulSoup

SITE = Path(__file__).parents[1] / "book" / "_build" / "html"


@pytest.fixture(scope="module")
def pages():
    """Each page's path, with its HTML parsed."""
    paths = sorted(SITE.glob("*.html"))
    assert paths, f"No pages in {SITE}: run `make book`"
    return {
        path: BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")
        for path in paths
    }


def found(pages, selector, at_fault=bool):
    """The elements that match ``selector`` and are at fault, by page."""
    return {
        path.name: faults
        for path, page in pages.items()
        if (faults := [e for e in page.select(selector) if at_fault(e)])
    }


def test_each_heading_of_a_table_has_text(pages):
    assert found(pages, "th"), "No table has headings"
    assert not found(pages, "th", lambda th: not th.get_text(strip=True))


def test_each_page_has_its_icon(pages):
    for path, page in pages.items():
        icon = page.find("link", rel="icon")
        assert icon, path.name
        assert (path.parent / icon["href"]).is_file(), path.name


def test_an_entry_of_the_bibliography_is_an_item_of_its_list(pages):
    lists = found(pages, "[role=list]")
    assert lists
    for name, elements in lists.items():
        for element in elements:
            children = element.find_all(recursive=False)
            assert {child.get("role") for child in children} == {
                "listitem"
            }, name


def test_no_page_has_the_same_inline_script_twice(pages):
    for path, page in pages.items():
        scripts = [s.string for s in page("script") if s.string]
        assert len(set(scripts)) == len(scripts), path.name


def test_a_button_with_text_is_named_by_it(pages):
    """Speech control presses a button by the words that it shows."""
    assert found(pages, "button.search-button-field")
    assert not found(
        pages,
        "button[aria-label]",
        lambda button: (
            " ".join(button.get_text(" ").split()) not in button["aria-label"]
        ),
    )
