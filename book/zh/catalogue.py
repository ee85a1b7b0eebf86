"""The catalogue of Chinese texts, and the English ones that they translate.

Each page has a file here, with an entry for each Markdown cell, for each
description of a figure, and for each section of a page in Markdown. An entry
begins with a line such as ``<!-- cell-02 1f0e2d3c -->``: the id of the cell,
and a digest of the English text that the entry translates.

``python book/zh/catalogue.py accept 02_convolution`` adds what is missing, in
English, to be translated. Once an entry says what its English text says,
``accept 02_convolution cell-02`` stores that text's digest; if the entry is
left over, it is removed.
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
NEW = "00000000"  # For a digest, where nothing is translated yet
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
    if not headings or headings[0].start():
        raise ValueError("a page has to begin with its title")
    if len(found) < len(headings):
        raise ValueError("two headings have the same name")
    return found


def english(page: Path) -> dict[str, str]:
    """Return the texts of a page by the keys of their entries, in order."""
    if page.suffix == ".md":
        try:
            return sections(page.read_text(encoding="utf-8"))
        except ValueError as error:
            raise SystemExit(f"{page.name}: {error}") from None
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
        elif entries[key].digest == NEW:
            found.append(f"{name}: {key} is still to be translated")
        elif entries[key].digest != digest(text):
            found.append(f"{name}: {key} is stale, its English has changed")
    left = [key for key in entries if key not in texts]
    found += [f"{name}: {key} is left over" for key in left]
    if not found:
        written = catalogue.read_text(encoding="utf-8")
        keys = [head[1] for head in HEAD.finditer(written)]
        if keys != list(texts):
            found.append(
                f"{name}: the entries are in another order, or twice"
            )
        if not HEAD.match(written):
            found.append(f"{name}: a text stands before the first entry")
    return found


def accept(page: Path, keys: list[str]) -> str | None:
    """Store the digests of ``keys``, and put the entries in order.

    What is missing is added, in English and with the digest ``NEW``; what is
    left over is removed if it is among ``keys``. Return what is wrong with
    these.
    """
    texts, catalogue = english(page), catalogue_of(page)
    entries = read(catalogue)
    if unknown := set(keys) - {*texts, *entries}:
        return f"{page.name} has no {', '.join(sorted(unknown))}"
    made = {}
    for key, text in texts.items():
        made[key] = entries.get(key, Entry(NEW, text))
        if key in keys:
            made[key] = made[key]._replace(digest=digest(text))
    made |= {
        key: entry
        for key, entry in entries.items()
        if key not in texts and key not in keys
    }
    parts = [f"<!-- {k} {e.digest} -->\n{e.text}\n" for k, e in made.items()]
    catalogue.parent.mkdir(exist_ok=True)
    catalogue.write_text("\n".join(parts), encoding="utf-8", newline="\n")
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
