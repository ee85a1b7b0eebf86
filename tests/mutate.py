"""Change the numbers that the book stores, one at a time; count what is seen.

``make mutate`` runs this. In memory, a digit of a number is replaced by
another: in each output of each chapter (printed lines, tables, texts in
pictures), and in the prose of each page. After each change the checks that
need no training look at it: nbval's comparison of the outputs with those
that the cells give when they are run again, and the account of the prose's
numbers in ``claims.py``. A change that neither sees is reported.
"""

import random
import re
import sys
from collections import Counter
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import NamedTuple

import claims
import nbformat
from rerun import CHAPTERS, rerun, same

NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
BETWEEN_TAGS = re.compile(r"(?s)(?<=>)[^<>]+(?=<)")
PICTURE_TEXT = re.compile(r"(?s)(?<=>)[^<>]+(?=</text>|</tspan>)")


class Change(NamedTuple):
    """A number of a page replaced by another, and where it stands."""

    page: str
    where: str  # A kind of output, or of prose
    before: str
    after: str
    around: str

    def __str__(self) -> str:
        return (
            f"{self.page}, {self.where}: {self.before} became {self.after} "
            f"in {self.around!r}"
        )


def visible(kind: str, text: str) -> Iterator[tuple[int, int]]:
    """Yield the spans of ``text`` that a reader sees."""
    if kind == "image/svg+xml":
        yield from (m.span() for m in PICTURE_TEXT.finditer(text))
    elif kind == "text/html":
        start = text.find("</style>") + 1  # pandas writes a style first
        yield from (m.span() for m in BETWEEN_TAGS.finditer(text, start))
    else:
        yield 0, len(text)


def numbers(kind: str, text: str) -> Iterator[re.Match]:
    """Yield the numbers in ``text`` that a reader sees."""
    for start, end in visible(kind, text):
        yield from NUMBER.finditer(text, start, end)


def changed(text: str, number: re.Match, rng: random.Random) -> str:
    """Return ``text`` with one digit of ``number`` replaced by another."""
    places = [i for i in range(*number.span()) if text[i].isdigit()]
    place = rng.choice(places)
    digit = rng.choice([d for d in "0123456789" if d != text[place]])
    return text[:place] + digit + text[place + 1 :]


def change(page, where, text, number, new) -> Change:
    """Describe the change of ``number`` from ``text`` to ``new``."""
    start, end = number.span()
    around = " ".join(text[max(0, start - 30) : end + 20].split())
    return Change(page, where, text[start:end], new[start:end], around)


def in_outputs(
    chapter: Path, rng: random.Random
) -> Iterator[tuple[Change, bool]]:
    """Yield each change of a number in a chapter's outputs, and if seen."""
    stored = nbformat.read(chapter, as_version=4)
    for cell, again in zip(stored.cells, rerun(chapter).cells):
        if cell.cell_type != "code":
            continue
        assert same(cell.outputs, again.outputs), cell.source
        for i, output in enumerate(cell.outputs):
            data = output.get("data", {"stdout": output.get("text", "")})
            for kind, text in data.items():
                for number in numbers(kind, text):
                    new = changed(text, number, rng)
                    outputs = deepcopy(cell.outputs)
                    if kind == "stdout":
                        outputs[i].text = new
                    else:
                        outputs[i].data[kind] = new
                    seen = not same(outputs, again.outputs)
                    yield change(chapter.name, kind, text, number, new), seen


def in_prose(page: str, rng: random.Random) -> Iterator[tuple[Change, bool]]:
    """Yield each change of a number in a page's prose, and if it is seen."""
    text = claims.prose(claims.PAGES[page])
    assert not claims.problems(page, text), page
    of_runs = [
        range(match.start(), match.end())
        for claim in claims.CLAIMS[page]
        for match in re.finditer(re.escape(claim), text)
    ]
    for number in claims.numbers(text):
        made = any(number.start() in span for span in of_runs)
        where = "prose, of a run" if made else "prose, of no run"
        new = changed(text, number, rng)
        seen = bool(claims.problems(page, new))
        yield change(page, where, text, number, new), seen


def report(results: list[tuple[Change, bool]]) -> str:
    """Return how many changes were seen, and those that were not."""
    planted = Counter(change.where for change, _ in results)
    caught = Counter(change.where for change, seen in results if seen)
    lines = [f"{w}: {caught[w]} of {n} seen" for w, n in planted.items()]
    lines += [f"not seen: {change}" for change, seen in results if not seen]
    return "\n".join(lines)


def main() -> int:
    """Change every number of the book; return how many changes no one saw.

    Numbers in prose that no run produced are reported, but not counted.
    """
    rng = random.Random(0)
    results = []
    for chapter in CHAPTERS:
        results += in_outputs(chapter, rng)
        print(f"{chapter.name}: done", file=sys.stderr)
    for page in claims.PAGES:
        results += in_prose(page, rng)
    print(report(results))
    return sum(
        not seen and change.where != "prose, of no run"
        for change, seen in results
    )


if __name__ == "__main__":
    sys.exit(min(main(), 1))
