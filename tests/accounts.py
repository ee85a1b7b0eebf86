"""The account of a number or a verdict in the prose, which stands beside it.

Behind the number, in a comment of HTML that no reader sees, stands a Python
expression in the names of ``facts``: ``0.761<!-- LAST.test_acc -->``. Several
expressions, with commas between, account for as many numbers: the last ones
before the comment in its paragraph. Each value, written in the way of its
number, has to be that number. ``rule`` says what needs no account.

Directly behind a word of ``PAIRS`` the comment is that word's account:
``falls<!-- LAST.test_acc - BEFORE_LAST.test_acc -->``. Its values have to be
positive if the word is the first of its pair, negative if it is the second.
"""

import re
import tomllib
from pathlib import Path

import facts
import nbformat
import numpy as np
from conftest import BOOK, NOTEBOOKS

ROOT = BOOK.parent
TEXTS = sorted([*BOOK.glob("*.md"), *BOOK.glob("solutions/*.md")])
FILES = ROOT / "README.md", *TEXTS, *NOTEBOOKS
PAGES = {file.relative_to(ROOT).as_posix(): file for file in FILES}

FENCE = re.compile(r"^ *(`{3,})([^\n`]*)\n(.*?)^ *\1`* *$", re.M | re.S)
CODE = re.compile(r"(?!\{)|\{(?:code|literalinclude|bibliography)")

# Words for the outcome of a comparison: each with its opposite, first the one
# that says that a difference is positive
PAIRS = """
    above/below, alike/unlike, best/worst, better/no better, better/worse,
    bigger/smaller, dearer/cheaper, earlier/later, effect/no effect,
    equivalent/undecided, fast/slow, faster/no faster, faster/slower,
    fastest/slowest, gain/no gain, gained/lost, gains/loses, good/bad,
    grow/shrink, grows/shrinks, harder/easier, help/hurt, helps/hurts,
    high/low, higher/lower, highest/lowest, improves/worsens, larger/smaller,
    largest/smallest, like/unlike, longer/shorter, more/no more, more/fewer,
    more/less, most/least, often/rarely, outside/inside, rise/fall,
    rises/falls, rising/falling, rose/fell, sooner/later, steadier/rougher,
    surer/less sure, the same run/another run, wider/narrower,
    widest/narrowest
"""
# Its verdicts are the Chinese pairs
GLOSSARY = tomllib.loads((BOOK / "zh/terms.toml").read_text("utf-8"))
SIGNS, OPPOSITES = {}, {}
for pair in [*PAIRS.split(","), *GLOSSARY["verdicts"]]:
    first, second = pair.strip().split("/")
    SIGNS |= {first: 1, second: -1}
    # Of several opposites the last counts
    OPPOSITES |= {first: second, second: first}
LONGEST_FIRST = sorted(SIGNS, key=len, reverse=True)
ENGLISH = "|".join(w for w in LONGEST_FIRST if w.isascii())
CHINESE = "|".join(w for w in LONGEST_FIRST if not w.isascii())
WORD = (rf"(?P<word>(?<![\w-])(?i:{ENGLISH})(?![\w-])|{CHINESE})").replace(
    " ", r"\s+"
)

# Accounts, words of the table, numbers, and what only looks like numbers:
# addresses, commands of LaTeX, other words and identifiers, also such as
# LeNet-5, python3.12, 07_training. Behind a digit no word begins: 5x5 is two
# numbers, 3N is one
TOKEN = re.compile(
    rf"""
      <!-- (?P<account> .*? ) -->
    | \]\([^)]*\) | https?://[^\s)>]+
    | \\[A-Za-z]+
    | {WORD}
    | (?<!\d) [^\W\d]\w* (?: \.\w+ | -\d{{1,3}}\b(?![.,]\d) )*
    | \d+_[^\W\d]\w*
    | (?P<number>
        (?: (?<![\w)}}]) [-+] )?              # A sign, not a minus or a dash
        \d+ (?: (?: [.,] | \\, ) \d+ )*      # 2.5, 61,706, 60\,000
        (?: [ ]? \\? % )?
      )
    """,
    # Chinese has no space between a word and a number: it is no part of \w
    re.X | re.S | re.A,
)

# In the text before a number, what makes it a name or the count of a list
NAMED = re.compile(
    r"""
      \b (?: [Cc]hapter | equation | CC\sBY | IPython | Jupyter\sBook ) \s $
    | \b chapters \s (?: \d+ \s (?: to | and ) \s )? $
    | \b Python \s
      (?: 3\.\d+ (?: , \s | \s to \s | \s or \s | [、至到和或] ) )* $
    | 式 $
    """,
    re.X | re.A,
)
# Chapters of the Chinese edition: before a number, and behind it
CHAPTERS = (
    re.compile(r"第(?:\d+[、至到和])*$"),
    re.compile(r"(?:[、至到和]\d+)*章"),
)


def paragraphs(path: Path) -> list[str]:
    """Return the paragraphs of a page's prose, without fenced code.

    A heading is one, with the account on the line below it. A table is one,
    and a formula that is set apart is part of those around it.
    """
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".ipynb":
        cells = nbformat.reads(text, as_version=4).cells
        text = "\n\n".join(c.source for c in cells if c.cell_type != "code")
    return split(text)


def unfenced(text: str) -> str:
    """Return Markdown without its fenced code; tables and notes are kept."""
    while match := FENCE.search(text):
        kept = "" if CODE.match(match[2].strip()) else match[3]
        text = text[: match.start()] + kept + text[match.end() :]
    return text


def split(text: str) -> list[str]:
    """Return the paragraphs of prose in Markdown, as ``paragraphs`` does."""
    text = unfenced(text)
    text = re.sub(r"(?m)^ *>+ ?|^ *:[\w-]+:.*\n", "", text)  # Quotes, options
    return re.split(r"(?<!\$\$)\n\s*\n(?!\$\$)", text)


def surroundings(before: str) -> str:
    """Return in what a paragraph is that has begun with ``before``."""
    if before.count("`") % 2:
        return "code"
    return "formula" if before.replace("$$", "$").count("$") % 2 else "prose"


def rule(paragraph: str, number: re.Match) -> str:
    """Return the rule by which a number needs no account, or nothing.

    A word needs none, since most are in definitions, reasons and questions.
    """
    if number["word"]:
        return "a word"
    text, before = number["number"], paragraph[: number.start()]
    after = paragraph[number.end() :]
    if re.fullmatch(r"(?:19|20)\d\d", text):
        return "a year"
    if re.fullmatch(r"[-+]?[01]", text):
        return "0 or 1"
    if surroundings(before) == "code":
        return "in code"
    if surroundings(before) == "formula" and len(text) == 1:
        return "one digit in a formula"
    in_list = re.match(r"\. \[", after)
    chapter = CHAPTERS[0].search(before) and CHAPTERS[1].match(after)
    return "a name" if NAMED.search(before) or in_list or chapter else ""


def hidden(before: str) -> bool:
    """Say whether a comment behind ``before`` is hidden and does no harm.

    In a heading it would get into links. At the beginning of a line it would
    end a paragraph, as a block of HTML.
    """
    *_, above, line = ["", *before.split("\n")]
    if not line.strip():
        return above.startswith(("#", ":::"))
    heading = line.startswith(("#", ":::"))
    return surroundings(before) == "prose" and not heading


def written(value: object, number: str) -> str:
    """Return ``value`` in the way in which ``number`` is written.

    A value that is text, such as a version, is taken as it is.
    """
    if isinstance(value, str):
        return value
    sign, comma = "+" * (number[0] == "+"), "," * ("," in number)
    decimals = len(number.rstrip(" \\%").partition(".")[2])
    text = f"{value:{sign}{comma}.{decimals}{'%' if '%' in number else 'f'}}"
    if r"\," in number:
        text = text.replace(",", r"\,")
    return text.replace("%", re.search(r"[ \\]*%?$", number)[0])


def opposite(word: str) -> str:
    """Return the word of ``PAIRS`` that contradicts ``word``."""
    other = OPPOSITES[" ".join(word.lower().split())]
    return other.capitalize() if word[0].isupper() else other


def holds(word: str, values: list[object]) -> bool:
    """Say whether differences, there being some, have the sign of a word."""
    sign = SIGNS[" ".join(word.lower().split())]
    differences = np.hstack([np.ravel(value) for value in values])
    return differences.size > 0 and bool((sign * differences > 0).all())


def check(
    paragraph: str,
) -> tuple[list[tuple[re.Match, str, str]], list[str]]:
    """Return a paragraph's numbers and words, and what is wrong with them.

    Beside each its account, and the rule by which it needs none.
    """
    problems, waiting, accounts, word = [], [], {}, None

    def problem(what: str, token: re.Match) -> None:
        start, end = token.span()
        around = " ".join(paragraph[max(start - 40, 0) : end + 30].split())
        problems.append(f"{what}, in: {around}")

    for token in TOKEN.finditer(paragraph):
        if token["number"]:
            waiting.append(token)
            accounts[token] = ""
        elif token["word"]:
            if surroundings(paragraph[: token.start()]) == "prose":
                word, accounts[token] = token, ""
        elif token["account"] is not None:
            source = token["account"].strip()
            of_word = word is not None and word.end() == token.start()
            covered = [word] if of_word else waiting
            if not hidden(paragraph[: token.start()]):
                problem(f"{source} is misplaced", token)
            try:
                values = eval(f"[{source}]", vars(facts))
                if of_word and not holds(word[0], values):
                    problem(f"{word[0]} is not {source}: {values}", word)
                elif not of_word:
                    if len(values) > len(waiting):
                        raise ValueError(f"numbers here: {len(waiting)}")
                    covered = waiting[-len(values) :]
                    for number, value in zip(covered, values):
                        if (new := written(value, number[0])) != number[0]:
                            what = f"{number[0]} is not {source}: {new}"
                            problem(what, number)
            except Exception as error:
                name = type(error).__name__
                problem(f"{source} raises {name}: {error}", token)
            accounts |= dict.fromkeys(covered, source)
            waiting = waiting if of_word else []
    numbers = [(n, a, rule(paragraph, n)) for n, a in accounts.items()]
    for number, account, why in numbers:
        if not account and not why:
            problem(f"no account of {number['number']}", number)
    return numbers, problems
