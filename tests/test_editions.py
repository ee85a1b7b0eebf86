"""The built pages of both editions: alike, linked, searched, whole.

What a browser shows is looked at from a disk, as a reader without a server
may open the book.
"""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from bs4 import BeautifulSoup
from editions import SearchPairs, pairs

# Where the text of each figure's parts is, in the units of the figure
BOXES = """(svg) => {
  document.body.innerHTML = svg;
  const drawing = document.querySelector("svg");
  const {width, height} = drawing.viewBox.baseVal;
  const around = drawing.getBoundingClientRect();
  const unit = width / around.width;
  const texts = [...drawing.querySelectorAll("text")];
  return texts.filter((text) => text.textContent.trim()).map((text) => {
    const box = text.getBoundingClientRect();
    return {
      text: text.textContent.trim(),
      left: (box.left - around.left) * unit,
      right: (box.right - around.left) * unit,
      top: (box.top - around.top) * unit,
      bottom: (box.bottom - around.top) * unit,
      width,
      height,
    };
  });
}"""
# What a reader may look for: a chapter that has it
SEARCHED = {
    "卷积神经网络": "15_next.html",
    "学习率": "06_learning.html",
    "平台期": "07_training.html",
    "Fashion-MNIST训练": "04_data.html",
    "混淆矩阵": "08_results.html",
    "碗": "06_learning.html",
}
NOWHERE = "循环网络"


def both(pages):
    """Each Chinese page with its address and its English page."""
    for address, page in pages.items():
        if address.startswith("zh/"):
            name = address.removeprefix("zh/")
            yield name, page, pages[name]


def test_each_page_has_its_other_edition_and_says_its_language(pages):
    chinese = {name for name, *_ in both(pages)}
    assert {a for a in pages if not a.startswith("zh/")} == chinese
    for name, ours, theirs in both(pages):
        assert (ours.html["lang"], theirs.html["lang"]) == ("zh-CN", "en")
        up = "../" * name.count("/")
        for page, way, code in (
            (theirs, f"{up}zh/{name}", "zh-CN"),
            (ours, f"{up}../{name}", "en"),
        ):
            (switch,) = page.select("a.edition")
            (alternate,) = page.select("link[hreflang]")
            for link in switch, alternate:
                assert (link["href"], link["hreflang"]) == (way, code), name
            assert switch["lang"] == code
            assert switch.get_text() == {"en": "English"}.get(code, "中文")


def test_the_places_in_a_page_have_one_name_in_both(pages):
    for name, ours, theirs in both(pages):
        if ours.article is None:
            continue
        ids = [
            [section["id"] for section in page.article.select("section[id]")]
            for page in (ours, theirs)
        ]
        assert ids[0] == ids[1], name
        levels = [
            [tag.name for tag in page.article(re.compile(r"^h[1-6]$"))]
            for page in (ours, theirs)
        ]
        assert levels[0] == levels[1], name


def test_code_and_figures_are_the_same_in_both(pages):
    for name, ours, theirs in both(pages):
        if ours.article is None:
            continue
        for what in (
            "img",
            "math",
            "table",
            "tr",
            ".cell_output",
            "[data-live]",
        ):
            found = [
                len(page.article.select(what)) for page in (ours, theirs)
            ]
            assert found[0] == found[1], (name, what)
        code = [
            [pre.get_text() for pre in page.article.select(".cell_input pre")]
            for page in (ours, theirs)
        ]
        assert code[0] == code[1], name


def test_the_frame_of_a_chinese_page_is_chinese(pages):
    """Its buttons, menus, labels and titles; names stay as they are."""
    known = re.compile(
        r"LeNet(-5)?|GPU|JavaScript|English|Ctrl|K|PDF|\.(ipynb|md|pdf)|[A-D]\.|px"
    )
    found = set()
    for name, page, _ in both(pages):
        frame = BeautifulSoup(str(page), "html.parser")
        for tag in frame.select("article, script, style, .page-toc, nav a"):
            tag.decompose()
        shown = [*frame.stripped_strings]
        for key in "aria-label", "title", "placeholder", "alt":
            shown += [tag[key] for tag in frame.select(f"[{key}]")]
        # What has the name of a thing within the text
        for key in "aria-label", "title":
            shown += [tag[key] for tag in page.select(f"article [{key}]")]
        found |= {
            (text, name)
            for text in shown
            if re.search(r"[A-Za-z]{2}", known.sub("", text))
        }
    assert found == set()


def test_the_search_cuts_a_query_as_it_cuts_the_pages():
    deno = Path(sys.prefix, "bin", "deno")
    queries = [*SEARCHED, NOWHERE, "网", "LeNet-5的C3，0.761", "Müller x_1"]
    script = (
        f"{SearchPairs.js_splitter_code}\n"
        f"console.log(JSON.stringify({json.dumps(queries)}.map(splitQuery)))"
    )
    answer = subprocess.run(
        [deno, "eval", script],
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    search = SearchPairs({})
    for query, words in zip(queries, json.loads(answer.stdout)):
        indexed = search.split(query)
        assert indexed[: len(words)] == words, query
        # A single letter of the page is found, too
        assert all(len(word) == 1 for word in indexed[len(words) :])
    assert pairs("神经网络") == ["神经", "经网", "网络"]
    assert search.split("网络a") == ["网络", "a", "网", "络"]


@pytest.fixture(scope="module")
def tab(browser):
    """One page of the browser, opened from disk."""
    page = browser.new_page()
    yield page
    page.close()


def test_the_switch_leads_to_the_same_place(site, tab):
    place = "solutions/01_lenet.html?seed=3#a-minute-which-net"
    tab.goto(f"{site.as_uri()}/{place}")
    tab.click("a.edition")
    assert tab.url == f"{site.as_uri()}/zh/{place}"
    tab.wait_for_selector("section:target")
    tab.click("a.edition")
    assert tab.url == f"{site.as_uri()}/{place}"
    # Without a place in the address, too. Playwright's click would scroll
    tab.goto(f"{site.as_uri()}/zh/06_learning.html")
    tab.evaluate("""() => {
      const place = document.querySelector("#summary");
      place.scrollIntoView({behavior: "instant"});
      document.querySelector("a.edition").click();
    }""")
    tab.wait_for_url(f"{site.as_uri()}/06_learning.html#summary")


@pytest.mark.parametrize("query", [*SEARCHED, NOWHERE])
def test_the_search_finds_chinese_words(site, tab, query):
    tab.goto(f"{site.as_uri()}/zh/search.html?q={query}")
    tab.wait_for_selector("#search-results p.search-summary")
    tab.wait_for_timeout(300)
    links = tab.locator("#search-results li a")
    found = [link.get_attribute("href") for link in links.all()]
    if query == NOWHERE:
        assert not found
    else:
        assert SEARCHED[query] in {
            a.split("?")[0].split("#")[0] for a in found
        }


def overlap(one, other):
    """Whether two texts hide each other."""
    wide = min(one["right"], other["right"]) - max(one["left"], other["left"])
    high = min(one["bottom"], other["bottom"]) - max(one["top"], other["top"])
    return wide > 1 and high > 4


def test_no_text_of_a_figure_is_cut_off_or_hidden(site, pages, tab):
    """Or it is in English, too; figures come in the same order in both."""
    fonts = shutil.which("fc-list") and subprocess.run(
        ["fc-list", ":lang=zh-cn"], capture_output=True, check=True
    )
    if not fonts or not fonts.stdout:
        pytest.skip("no Chinese font is installed")
    tab.goto("about:blank")
    found, figures = [], 0
    for name, *editions in both(pages):
        boxes = []
        for folder, page in zip(("zh", ""), editions):
            here = (site / folder / name).parent
            sources = [image["src"] for image in page.select("article img")]
            boxes.append(
                [
                    tab.evaluate(
                        BOXES, (here / src).read_text("utf-8").split("?>")[-1]
                    )
                    for src in sources
                    if src.endswith(".svg")
                ]
            )
        for ours, theirs in zip(*boxes, strict=True):
            figures += 1
            for i, (box, english) in enumerate(
                zip(ours, theirs, strict=True)
            ):
                cut = max(-box["left"], box["right"] - box["width"]) > 1
                if cut and box["text"] != english["text"]:
                    found.append((name, box["text"], "is cut off"))
                found += [
                    (name, box["text"], "hides", other["text"])
                    for j, other in enumerate(ours[:i])
                    if overlap(box, other) and not overlap(english, theirs[j])
                ]
    assert figures > 50
    assert found == []


def test_chinese_letters_have_a_font(site, tab):
    """Two letters that a font doesn't have look alike: as a box."""
    tab.goto(f"{site.as_uri()}/zh/index.html")
    drawn = """(letter) => {
      const canvas = document.createElement("canvas");
      const pen = canvas.getContext("2d");
      pen.font = `40px ${getComputedStyle(document.body).fontFamily}`;
      pen.fillText(letter, 10, 50);
      return canvas.toDataURL();
    }"""
    letters = "卷积网络损失率，"
    pictures = {tab.evaluate(drawn, letter) for letter in letters}
    if len(pictures) == 1:
        pytest.skip("no Chinese font is installed")
    assert len(pictures) == len(letters)
