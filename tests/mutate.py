"""Change what the book says, one thing at a time; count what is seen.

``make mutate`` runs this. In memory, a digit of a number is replaced by
another, and a verdict in words, such as "more" or "helps", by its opposite:
in each output of each chapter (printed lines, tables, texts in pictures), and
in the prose of each page, in both languages. Then the check of that place
looks at it. Of an output this is nbval's comparison with what is stored, to
which nbval holds what the cell gives; of the cell that trains, the same
comparison with the published run; of prose, the account; of Chinese prose,
the account, or else the comparison with the English. No cell is run.

Words that have no account are counted; ``--words`` lists them instead.
"""

import random
import re
import runpy
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from copy import deepcopy
from io import StringIO
from pathlib import Path
from types import SimpleNamespace

import matplotlib.pyplot as plt
import nbformat
from accounts import PAGES, WORD, check, opposite, paragraphs, split
from catalogue import catalogue_of, english, joined, pages, read
from conftest import BOOK, NOTEBOOKS
from nbformat import NotebookNode, v4
from nbval.plugin import IPyNbCell, coalesce_streams, nocolors
from translation import compare

from lenet_d2l.results.runs import PUBLISHED, load_run
from lenet_d2l.training import training_curves

MARK = re.compile(rf"\d+(?:[.,]\d+)*|{WORD}")  # A number or a word
# What a reader sees; pandas writes a style first
VISIBLE = {
    "image/svg+xml": re.compile(r"(?s)(?<=>)[^<>]+(?=</text>|</tspan>)"),
    "text/html": re.compile(r"(?s)(?<=>)[^<>]+(?=<(?!/style>))"),
}
# What nbval itself skips where it compares
SKIPPED = (
    *("metadata", "traceback", "prompt_number", "output_type", "name"),
    *("execution_count", "application/vnd.jupyter.widget-view+json"),
    *("image/png", "image/jpeg"),
)
TYPED = re.compile(r"[-\d., *+/]+")  # An account such as 0.8 or 50 * 250
EXEMPT = "without account"
adapt = runpy.run_path(str(BOOK / "conftest.py"))["pytest_collectstart"]


def same(stored: list[NotebookNode], fresh: list[NotebookNode]) -> bool:
    """Say whether nbval takes the outputs of two runs of a cell for equal."""
    cell = object.__new__(IPyNbCell)
    cell.parent = SimpleNamespace(sanitize_patterns={}, skip_compare=SKIPPED)
    adapt(cell.parent)
    cell.colors, cell.format_output_compare = nocolors, lambda *args: None
    # Copies, as nbval changes what it is given
    one, other = (coalesce_streams(deepcopy(o)) for o in (fresh, stored))
    return cell.compare_outputs(one, other)


def published() -> list[NotebookNode]:
    """Return the outputs of the training cell, made of the published run."""
    records, _ = load_run(PUBLISHED)
    log = [f"training on {records[0].device}", *map(str, records), ""]
    svg = StringIO()
    plt.switch_backend("agg")
    with plt.rc_context(fname=BOOK / "matplotlibrc"):
        curves = training_curves(len(records))
        for r in records:
            curves.add(r.epoch, (r.train_loss, r.train_acc, r.test_acc))
        curves.fig.savefig(svg, format="svg")
    data = {"image/svg+xml": svg.getvalue(), "text/plain": repr(curves.fig)}
    return [
        v4.new_output("stream", text="\n".join(log)),
        v4.new_output("display_data", data),
    ]


def marks(kind: str, text: str) -> Iterator[re.Match]:
    """Yield numbers and words in ``text``, an output, that a reader sees."""
    for seen in VISIBLE.get(kind, re.compile(r"(?s).+")).finditer(text):
        yield from MARK.finditer(text, *seen.span())


def changed(text: str, mark: re.Match, rng: random.Random) -> str:
    """Return ``text`` with a digit of a number, or a word, replaced."""
    start, end = mark.span()
    if mark["word"]:
        return text[:start] + opposite(mark[0]) + text[end:]
    places = [i for i in range(start, end) if text[i].isdigit()]
    place = rng.choice(places)
    digit = rng.choice([d for d in "0123456789" if d != text[place]])
    return text[:place] + digit + text[place + 1 :]


def what(page: Path, mark: re.Match, new: str) -> str:
    """Describe the change that made ``new`` of the text of ``mark``."""
    start = mark.start()
    end = mark.end() + len(new) - len(mark.string)
    around = " ".join(new[max(0, start - 30) : end + 20].split())
    old = " ".join(mark[0].split())
    return f"{page.name}, {old} became {new[start:end]}: {around}"


# Each change in the outputs of a chapter or the prose of a page: where it is,
# whether it is seen, and what it is
Results = Iterable[tuple[str, bool, str]]


def in_outputs(chapter: Path, rng: random.Random) -> Results:
    for cell in nbformat.read(chapter, as_version=4).cells:
        stored = cell.get("outputs", [])
        ignored = "nbval-ignore-output" in cell.metadata.get("tags", [])
        trains = ignored and "train_ch6" in cell.source
        fresh = published() if trains else stored
        assert same(stored, fresh), "not the published run"
        for i, output in enumerate(stored):
            data = output.get("data", {"text": output.get("text", "")})
            for kind, text in data.items():
                if kind == "image/png":  # The SVG beside it, as pixels
                    continue
                where = kind + " of the training" * trains
                for mark in marks(kind, text):
                    new = changed(text, mark, rng)
                    outputs = deepcopy(stored)
                    outputs[i].get("data", outputs[i])[kind] = new
                    seen = not same(outputs, fresh)
                    by_word = " (a word)" * bool(mark["word"])
                    yield where + by_word, seen, what(chapter, mark, new)


def in_prose(page: Path, rng: random.Random) -> Results:
    for paragraph in paragraphs(page):
        for token, account, rule in check(paragraph)[0]:
            where = f"prose, {EXEMPT} ({rule})"
            if account:
                typed = TYPED.fullmatch(account)
                where = "prose, typed" if typed else "prose, computed"
                where += " (a word)" if token["word"] else ""
            new = changed(paragraph, token, rng)
            yield where, bool(check(new)[1]), what(page, token, new)


def in_chinese(page: Path, rng: random.Random) -> Results:
    originals, catalogue = english(page), catalogue_of(page)
    for key, entry in read(catalogue).items():
        whole = joined(entry.text)
        for paragraph in split(whole):
            for token, account, _ in check(paragraph)[0]:
                new = changed(paragraph, token, rng)
                seen = bool(account and check(new)[1])
                where = (
                    "Chinese, computed" if account else "Chinese, compared"
                )
                if token["word"]:
                    where = where if account else f"Chinese, {EXEMPT}"
                    where += " (a word)"
                elif not seen:
                    text = whole.replace(paragraph, new, 1)
                    seen = bool(compare(originals[key], text))
                yield where, seen, what(catalogue, token, new)


def report(results: Results) -> tuple[str, int]:
    """Return what was seen and what not, and how many were not seen.

    What needs no account in prose is not among the latter.
    """
    planted, caught, unseen = Counter(), Counter(), []
    for where, seen, change in results:
        planted[where] += 1
        caught[where] += seen
        if not seen and EXEMPT not in where:
            unseen.append(f"not seen, {where}: {change}")
    lines = [f"{w}: {caught[w]} of {n} seen" for w, n in planted.items()]
    return "\n".join(lines + unseen), len(unseen)


if __name__ == "__main__":
    rng = random.Random(0)
    results = [r for path in NOTEBOOKS for r in in_outputs(path, rng)]
    results += [r for path in PAGES.values() for r in in_prose(path, rng)]
    results += [r for path in pages() for r in in_chinese(path, rng)]
    if "--words" in sys.argv:
        word = f"{EXEMPT} (a word)"
        print("\n".join(r[2] for r in results if r[0].endswith(word)))
        sys.exit()
    text, unseen = report(results)
    print(text)
    sys.exit(unseen > 0)
