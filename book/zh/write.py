"""Write the Chinese edition: the English one, with other words.

``python book/zh/write.py`` writes notebooks and pages, settings and pictures
into ``book/_build/zh``, ready to be built, unless an entry of the catalogue
is missing, stale or left over.
"""

import json
import re
import shutil
import sys
from pathlib import Path
from typing import Any

import figures
import nbformat
import yaml
from catalogue import (
    BOOK,
    README,
    ZH,
    alternative,
    catalogue_of,
    joined,
    pages,
    problems,
    read,
)
from nbformat import NotebookNode
from words import Words, load

BUILD = BOOK / "_build/zh"
PICTURE = ZH / "picture.svg"  # Of the README, which no build writes
# The words in a table of pandas; a style stands before it
CELL = re.compile(r"(?s)(?<=>)[^<>]+(?=<(?!/style>))")


def translate(output: NotebookNode, words: Words) -> None:
    """Translate an output of a cell, in place."""
    if "text" in output:
        output.text = words.printed(output.text)
    data = output.get("data", {})
    if svg := data.get("image/svg+xml"):
        data["image/svg+xml"] = figures.translated(svg, words.marked_up)
    if html := data.get("text/html"):
        data["text/html"] = CELL.sub(lambda m: words.marked_up(m[0]), html)
    if list(data) == ["text/plain"]:
        data["text/plain"] = words.printed(data["text/plain"])


def notebook(page: Path, words: Words) -> NotebookNode:
    """Return a notebook in Chinese, with the code and its numbers as is."""
    words.turn_to(page.stem)
    texts = {key: e.text for key, e in read(catalogue_of(page)).items()}
    made = nbformat.read(page, as_version=4)
    for cell in made.cells:
        if cell.cell_type == "markdown":
            cell.source = joined(texts[cell.id])
            continue
        settings = cell.metadata.get("mystnb", {})
        if alternative(cell):
            settings.image.alt = texts[f"{cell.id} alt"]
        for button in settings.keys() & {
            "code_prompt_show",
            "code_prompt_hide",
        }:
            settings[button] = words.translated(settings[button])
        for output in cell.outputs:
            translate(output, words)
    return made


def configuration(words: Words) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return Jupyter Book's settings and table of contents in Chinese."""
    config, ours, toc = (
        yaml.safe_load(file.read_text(encoding="utf-8"))
        for file in (
            BOOK / "_config.yml",
            ZH / "config.yml",
            BOOK / "_toc.yml",
        )
    )
    sphinx = config["sphinx"]["config"]
    for table, key in (
        (config, "title"),
        (config, "author"),
        (sphinx, "nb_code_prompt_show"),
        (sphinx, "nb_code_prompt_hide"),
    ):
        table[key] = words.translated(table[key])
    sphinx |= ours
    for part in toc["parts"]:
        part["caption"] = words.translated(part["caption"])
        rows = part["chapters"]
        for row in [*rows, *(s for r in rows for s in r.get("sections", []))]:
            if "title" in row:
                row["title"] = words.translated(row["title"])
    return config, toc


def write(words: Words) -> None:
    """Write the Chinese book into ``BUILD``, ready for Jupyter Book."""
    BUILD.mkdir(parents=True, exist_ok=True)
    for old in BUILD.iterdir():
        if old.is_file():
            old.unlink()
        elif old.name != "runs":  # What a reader has trained
            shutil.rmtree(old)
    left_out = shutil.ignore_patterns(
        "_build", "zh", "runs", "__pycache__", ".*"
    )
    shutil.copytree(BOOK, BUILD, ignore=left_out, dirs_exist_ok=True)
    for page in pages():
        if page == README:
            continue
        file = BUILD / page.relative_to(BOOK)
        if page.suffix == ".ipynb":
            nbformat.write(notebook(page, words), file)
        else:
            texts = [
                joined(e.text) for e in read(catalogue_of(page)).values()
            ]
            file.write_text("\n\n".join(texts) + "\n", encoding="utf-8")
    words.turn_to("index")
    for picture in (BUILD / "_static").glob("*.svg"):
        drawing = picture.read_text(encoding="utf-8")
        new = figures.translated(drawing, words.marked_up)
        picture.write_text(new, encoding="utf-8")
        if picture.name == PICTURE.name and PICTURE.read_text("utf-8") != new:
            PICTURE.write_text(new, encoding="utf-8")
    for name, content in zip(
        ("_config.yml", "_toc.yml"), configuration(words)
    ):
        text = yaml.safe_dump(content, allow_unicode=True, sort_keys=False)
        (BUILD / name).write_text(text, encoding="utf-8")
    shown = words.classes | load("controls")
    content = json.dumps(shown, ensure_ascii=False)
    script = f'"use strict";\nlive.data.words = {content};\n'
    (BUILD / "_extra/live/data/words.js").write_text(script, encoding="utf-8")


def main() -> str | None:
    """Write the Chinese edition; return what is wrong, a line each."""
    found = [problem for page in pages() for problem in problems(page)]
    if not found:
        write(words := Words())
        found = [f"words.toml: {text!r} is missing" for text in words.missing]
    return "\n".join(found) or None


if __name__ == "__main__":
    sys.exit(main())
