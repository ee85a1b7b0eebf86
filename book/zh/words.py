"""What cells print and pictures show, in Chinese.

``words.toml`` has a line for each text, with ``{}`` in the place of each
number and each class of clothes: a number comes out as it went in.
"""

import re
import tomllib
from html import escape, unescape
from pathlib import Path
from typing import Any
from unicodedata import east_asian_width

# Between columns; in chapter 0 a pullover fills its column but for one space
SPACES = re.compile(r"(\t| {2,}|(?<=^pullover) (?=\d))")
PADDED = re.compile(r"(?s)(\s*)(.*?)(\s*)")


def load(name: str) -> dict[str, Any]:
    """Return what the TOML file ``name`` of this folder has."""
    file = Path(__file__).with_name(f"{name}.toml")
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise SystemExit(f"{file.name}: {error}") from None


class Words:
    """The dictionary of what cells print and pictures show."""

    def __init__(self) -> None:
        words = load("words")
        self.words: dict[str, str] = words["words"]
        # Where a page has another word than the others
        self.pages: dict[str, dict[str, str]] = words["pages"]
        self.page: dict[str, str] = {}
        self.classes: dict[str, str] = words["classes"]
        self.code = re.compile("|".join(words["code"]))
        names = "|".join(sorted(self.classes, key=len, reverse=True))
        # A class, or a number: with its sign, but not of a word such as C1
        self.value = re.compile(
            rf"(?<![\w-])(?:{names})(?![\w-])"
            r"|(?<![\w.)-])[-+]?\d+(?:[.,]\d+)*(?:e[-+]\d+)?(?!\w)"
        )
        self.missing: dict[str, None] = {}  # In the order in which they come

    def turn_to(self, page: str) -> None:
        """Take the words of ``page``, such as 12_lenet5."""
        self.page = self.pages.get(page, {})

    def translated(self, text: str) -> str:
        """Return ``text`` in Chinese; its numbers stay as they are."""
        before, words, after = PADDED.fullmatch(text).groups()
        words = words.replace("\xa0", " ")  # Which keeps a unit on its line
        key = self.value.sub("{}", words)
        values = [self.classes.get(v, v) for v in self.value.findall(words)]
        if key in self.words:
            new = self.page.get(key) or self.words[key]
            return before + new.format(*values) + after
        if re.search("[A-Za-z]{2}", key) and not self.code.fullmatch(words):
            self.missing[key] = None
        new = self.value.sub(lambda m: self.classes.get(m[0], m[0]), words)
        return before + new + after

    def marked_up(self, text: str) -> str:
        """Return ``text``, written as markup, in Chinese."""
        return escape(self.translated(unescape(text)), quote=False)

    def printed(self, text: str) -> str:
        """Return printed lines in Chinese, columns below each other."""
        return "\n".join(map(self.line, text.split("\n")))

    def line(self, line: str) -> str:
        """Return a printed line in Chinese: as a whole, or its columns."""
        indent, words, _ = PADDED.fullmatch(line).groups()
        if self.value.sub("{}", words) in self.words:
            return indent + self.translated(words)
        made, behind = "", 0  # How many columns more than in English
        for part in SPACES.split(line):
            if not part.strip(" "):
                spaces = max(1, len(part) - behind)
                behind += spaces - len(part)
                made += " " * spaces
            else:
                new = part if part.isspace() else self.translated(part)
                behind += columns(new) - columns(part)
                made += new
        return made


def columns(text: str) -> int:
    """Return how many columns ``text`` takes where all letters are alike."""
    return sum(1 + (east_asian_width(letter) in "WF") for letter in text)
