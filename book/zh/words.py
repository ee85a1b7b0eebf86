"""What cells print and pictures show, in Chinese.

``words.toml`` has a line for each text, with ``{}`` in the place of each
number and each class of clothes: a number comes out as it went in.
"""

import re
import tomllib
from html import escape, unescape
from pathlib import Path
from unicodedata import east_asian_width

from nbformat import NotebookNode

DICTIONARY = Path(__file__).parent / "words.toml"
# Where a reader of an output sees words; pandas writes a style first
VISIBLE = {
    "image/svg+xml": re.compile(r"(?s)(?<=>)[^<>]+(?=</text>|</tspan>)"),
    "text/html": re.compile(r"(?s)(?<=>)[^<>]+(?=<(?!/style>))"),
}
PADDED = re.compile(r"(?s)(\s*)(.*?)(\s*)")


class Words:
    """The dictionary of what cells print and pictures show."""

    def __init__(self, path: Path = DICTIONARY) -> None:
        words = tomllib.loads(path.read_text(encoding="utf-8"))
        self.words: dict[str, str] = words["words"]
        self.classes: dict[str, str] = words["classes"]
        self.code = re.compile("|".join(words["code"]))
        names = "|".join(sorted(self.classes, key=len, reverse=True))
        # A class, or a number: with its sign, but not of a word such as C1
        self.value = re.compile(
            rf"(?<![\w-])(?:{names})(?![\w-])"
            r"|(?<![\w.)-])[-+]?\d+(?:[.,]\d+)*(?:e[-+]\d+)?(?!\w)"
        )
        self.missing: dict[str, None] = {}  # In the order in which they come

    def translated(self, text: str) -> str:
        """Return ``text`` in Chinese; its numbers stay as they are."""
        before, words, after = PADDED.fullmatch(text).groups()
        key = self.value.sub("{}", words)
        if key in self.words:
            key = self.words[key]
        elif re.search("[A-Za-z]{2}", key) and not self.code.fullmatch(words):
            self.missing[key] = None
        values = [self.classes.get(v, v) for v in self.value.findall(words)]
        return before + key.format(*values) + after

    def in_markup(self, text: str, place: re.Pattern[str]) -> str:
        """Return SVG or HTML with the words at each ``place`` in Chinese."""
        return place.sub(
            lambda m: escape(self.translated(unescape(m[0])), quote=False),
            text,
        )

    def printed(self, text: str) -> str:
        """Return printed lines in Chinese, columns below each other."""
        return "\n".join(map(self.line, text.split("\n")))

    def line(self, line: str) -> str:
        """Return a printed line in Chinese: as a whole, or its columns."""
        indent, words, _ = PADDED.fullmatch(line).groups()
        if self.value.sub("{}", words) in self.words:
            return indent + self.translated(words)
        made, behind = "", 0  # How many columns more than in English
        for part in re.split(r"(\t| {2,})", line):
            if not part.strip(" "):
                made += part[: max(1, len(part) - behind)] + " " * -behind
                behind = 0
            else:
                new = part if part.isspace() else self.translated(part)
                behind += columns(new) - columns(part)
                made += new
        return made

    def output(self, output: NotebookNode) -> None:
        """Translate an output of a cell, in place."""
        if "text" in output:
            output.text = self.printed(output.text)
        for kind, place in VISIBLE.items():
            if kind in output.get("data", {}):
                data = output.data
                data[kind] = self.in_markup(data[kind], place)


def columns(text: str) -> int:
    """Return how many columns ``text`` takes where all letters are alike."""
    return sum(1 + (east_asian_width(letter) in "WF") for letter in text)
