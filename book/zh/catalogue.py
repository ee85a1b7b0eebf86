"""The catalogue of Chinese texts, and the English ones that they translate.

Each page has a file here, with an entry for each Markdown cell, for each
description of a figure, and for each section of a page in Markdown. An entry
begins with a line such as ``<!-- cell-02 1f0e2d3c -->``: the id of the cell,
and a digest of the English text that the entry translates.

After a change of an English text, translate it again. Then ``python
book/zh/catalogue.py accept 02_convolution cell-02`` stores its digest. It
also adds what is missing, in English, and removes what is left over.
"""

import re
import sys
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

import nbformat
from markdown_it import MarkdownIt
from nbformat import NotebookNode

ZH = Path(__file__).parent
BOOK = ZH.parent
README = BOOK.parent / "README.md"
HEAD = re.compile(r"^<!-- (\S+(?: alt)?) ([0-9a-f]{8}) -->\n", re.M)
HEADING = re.compile(r"^#+ (.*)$", re.M)
FENCE = re.compile(r"(?ms)^ *(`{3,}).*?^ *\1 *$")
# Chinese characters and their punctuation, at the ends of a line
WIDE = r"[\u2014\u2018-\u201d\u2026\u3000-\u303f\u4e00-\u9fff\uff00-\uffef]"
LAST_WIDE = re.compile(rf"{WIDE}(?:\*|<!--.*?-->)*$")
FIRST_WIDE = re.compile(rf"[*\[]*{WIDE}")
MARKDOWN = MarkdownIt("commonmark").enable("table")


class Entry(NamedTuple):
    """A Chinese text, and the digest of the English one."""

    digest: str
    text: str


def digest(text: str) -> str:
    """Return a short digest of ``text``, however its lines are filled."""
    filled = [" ".join(part.split()) for part in text.split("\n\n")]
    return sha256("\n\n".join(filled).encode()).hexdigest()[:8]


def slug(title: str) -> str:
    """Return what a heading is called in an address."""
    title = re.sub(r"<!--.*?-->", "", title).strip().lower()
    return re.sub(r"[^\w-]", "", title.replace(" ", "-"))


def sections(text: str) -> dict[str, str]:
    """Return the sections of a page in Markdown by the names of headings."""
    fenced = [match.span() for match in FENCE.finditer(text)]
    headings = [
        match
        for match in HEADING.finditer(text)
        if not any(a <= match.start() < b for a, b in fenced)
    ]
    ends = [match.start() for match in headings[1:]] + [len(text)]
    found = {
        slug(match[1]): text[match.start() : end].strip()
        for match, end in zip(headings, ends)
    }
    assert headings[0].start() == 0, "a page begins with its title"
    assert len(found) == len(headings), "two headings have one name"
    return found


def english(page: Path) -> dict[str, str]:
    """Return the texts of a page by the keys of their entries, in order."""
    if page.suffix == ".md":
        return sections(page.read_text(encoding="utf-8"))
    found = {}
    for cell in nbformat.read(page, as_version=4).cells:
        if cell.cell_type == "markdown":
            found[cell.id] = cell.source
        elif alt := alternative(cell):
            found[f"{cell.id} alt"] = alt
    return found


def alternative(cell: NotebookNode) -> str:
    """Return the description of the figure that a cell draws, or nothing."""
    return cell.metadata.get("mystnb", {}).get("image", {}).get("alt", "")


def catalogue_of(page: Path) -> Path:
    """Return where the Chinese texts of a page are."""
    if page == README:
        return README.with_suffix(".zh.md")
    return ZH / page.relative_to(BOOK).with_suffix(".md")


def read(catalogue: Path) -> dict[str, Entry]:
    """Return the entries of a catalogue by their keys."""
    if not catalogue.exists():
        return {}
    text = catalogue.read_text(encoding="utf-8")
    heads = list(HEAD.finditer(text))
    ends = [head.start() for head in heads[1:]] + [len(text)]
    return {
        head[1]: Entry(head[2], text[head.end() : end].strip())
        for head, end in zip(heads, ends)
    }


def joined(text: str) -> str:
    """Return ``text`` with each paragraph in one line.

    A catalogue has a line for each sentence, and HTML would show its end as
    a space, which Chinese has none of.
    """
    lines = text.split("\n")
    for token in reversed(MARKDOWN.parse(text)):
        if token.type == "inline" and token.map:
            first, end = token.map
            line = lines[first]
            for following in lines[first + 1 : end]:
                following = following.lstrip(" >")
                tight = LAST_WIDE.search(line) or FIRST_WIDE.match(following)
                line += following if tight else f" {following}"
            lines[first:end] = [line]
    return "\n".join(lines)


def pages() -> list[Path]:
    """Return the pages that have a Chinese edition."""
    found = [*BOOK.glob("*.ipynb"), *BOOK.glob("*.md")]
    found += [*BOOK.glob("solutions/*.ipynb"), *BOOK.glob("solutions/*.md")]
    return [*sorted(found), README]


def problems(page: Path) -> list[str]:
    """Return what keeps a catalogue from being its page's, line by line."""
    texts, catalogue = english(page), catalogue_of(page)
    entries = read(catalogue)
    name = catalogue.relative_to(BOOK.parent).as_posix()
    found = []
    for key, text in texts.items():
        if key not in entries:
            found.append(f"{name}: {key} is missing")
        elif entries[key].digest != digest(text):
            found.append(f"{name}: {key} is stale, its English has changed")
    left = [key for key in entries if key not in texts]
    found += [f"{name}: {key} is left over" for key in left]
    if not found and list(entries) != list(texts):
        found.append(f"{name}: the entries are in another order")
    return found


def accept(page: Path, keys: list[str]) -> str | None:
    """Store the digests of ``keys``, and put the entries in order.

    What is missing is added, in English; what is left over is removed. Return
    what is wrong with ``keys``.
    """
    texts, catalogue = english(page), catalogue_of(page)
    if unknown := set(keys) - set(texts):
        return f"{page.name} has no {', '.join(sorted(unknown))}"
    entries, parts = read(catalogue), []
    for key, text in texts.items():
        entry = entries.get(key, Entry(digest(text), text))
        seen = digest(text) if key in keys else entry.digest
        parts.append(f"<!-- {key} {seen} -->\n{entry.text}\n")
    catalogue.parent.mkdir(exist_ok=True)
    catalogue.write_text("\n".join(parts), encoding="utf-8")
    return None


def main(arguments: list[str]) -> str | None:
    """Accept what ``arguments`` name; return what is wrong with them."""
    names = {
        catalogue_of(page).relative_to(ZH).with_suffix("").as_posix(): page
        for page in pages()
        if page != README
    } | {"README": README}
    match arguments:
        case ["accept", name, *keys] if name in names:
            return accept(names[name], keys)
        case ["accept", name, *_]:
            return f"{name} is no page. Pages are {', '.join(names)}"
    return __doc__


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
