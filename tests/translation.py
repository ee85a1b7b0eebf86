"""What an English text and its Chinese translation must have in common.

``compare`` holds a translation beside its original: numbers, formulas, code,
links, structure, accounts, terms. ``untidy`` looks at the Chinese alone.
"""

import ast
import re
from collections import Counter
from collections.abc import Callable, Iterable

import autocorrect_py
from accounts import (
    CHINESE,
    CODE,
    FENCE,
    GLOSSARY,
    SIGNS,
    TOKEN,
    unfenced,
)
from catalogue import MARKDOWN, WIDE, joined

ACCOUNT = re.compile(r"<!--(.*?)-->", re.S)
ROLE = re.compile(
    r"\{[\w:-]+\}`[^`]*`|^ *:[\w-]+:.*$|^ *[`:]{3,}\{[\w-]+\}.*$", re.M
)
TAG = re.compile(r"</?[a-z][^>]*>")
CODE_COMMENT = re.compile(r"[ ]*(?:#|//) .*$", re.M)
TEXT_IN_FORMULA = re.compile(r"\\(?:text|mathrm)\{[^}]*\}")
FORMULA = re.compile(r"\$\$(.+?)\$\$|\$([^$\n]+?)\$", re.S)
LINK = re.compile(r"\]\(([^)\s]*)[^)]*\)|(https?://[^\s)>]+)")
# A page of the book, its Chinese text, or a picture of either edition
OF_README = re.compile(
    r"book/(?:zh/|_static/(?=picture))?(\w+)\.(?:ipynb|md|svg)$"
)
# Of prose: what is no word of it
NO_PROSE = re.compile(
    r"<!--.*?-->|\$\$.+?\$\$|\$[^$\n]+\$|`[^`]*`|\]\([^)]*\)|</?[a-z][^>]*>",
    re.S,
)
# More English words in a row than a term or a title has
MANY_WORDS = re.compile(r"(?:\b[A-Za-z][a-z'’-]*[ ,]+){5,}[A-Za-z]")
LATIN = re.compile(r"[A-Za-z]{2,}(?:-[A-Za-z]+)*")
IN_BRACKETS = re.compile(r"（[^）\u4e00-\u9fff]*）")  # An English term
NAME = re.compile(r"\b[A-Z][A-Za-z]*-?\d+\b", re.A)
CHINESE_LETTER = re.compile(r"[\u4e00-\u9fff]")
# A verdict that is denied says the opposite of its account
DENIALS = [word for word in SIGNS if re.search("[不没未无]", word)]
DENIED = re.compile(rf"((?:不|没有?|未|无)({CHINESE}))(?=<!--)")
TITLE = re.compile(r"<em>[ -~]*</em>")  # Of an English paper
# Numbers and short names in brackets, such as (N, 1, 28, 28)
SHAPE = re.compile(r"\((?:(?![A-Za-z]{2})[^()\u4e00-\u9fff])*\)")
HALF_WIDTH = re.compile(rf"(?<={WIDE})[,:;!?()]|[,:;!?()](?={WIDE})")
SPACE = re.compile(rf"(?<={WIDE}) +(?=\S)|(?<=\S) +(?={WIDE})")
autocorrect_py.load_config(
    "rules: {space-word: 0, space-punctuation: 0, space-bracket: 0,"
    " space-dash: 0, space-backticks: 0, space-dollar: 0, spellcheck: 0}"
)


def code_blocks(text: str) -> list[str]:
    """Return the fenced code of ``text`` without its comments."""
    fences = [m for m in FENCE.finditer(text) if CODE.match(m[2].strip())]
    return [CODE_COMMENT.sub("", m[3]) for m in fences]


def numbers(text: str) -> list[str]:
    """Return the numbers of prose, without the space before a per cent."""
    tokens = TOKEN.finditer(unfenced(text))
    return [t["number"].replace(" ", "") for t in tokens if t["number"]]


def accounts(text: str) -> list[str]:
    """Return the single expressions of the accounts in ``text``."""
    lists = [ast.parse(f"[{m[1].strip()}]") for m in ACCOUNT.finditer(text)]
    return [ast.unparse(e) for li in lists for e in li.body[0].value.elts]


def formulas(text: str) -> list[str]:
    """Return the formulas; words in them may be translated."""
    return [
        "".join(TEXT_IN_FORMULA.sub("", m[1] or m[2]).split())
        for m in FORMULA.finditer(ACCOUNT.sub("", unfenced(text)))
    ]


def code_spans(text: str) -> list[str]:
    """Return what stands in backticks."""
    plain = ROLE.sub("", ACCOUNT.sub("", unfenced(text)))
    return [
        " ".join(code.split()) for code in re.findall(r"`([^`]+)`", plain)
    ]


def links(text: str) -> list[str]:
    """Return the addresses of links and pictures.

    In the README they lead to each edition's own pages.
    """
    found = [m[1] or m[2] for m in LINK.finditer(ACCOUNT.sub("", text))]
    return [OF_README.sub(r"book/zh/\1", address) for address in found]


def structure(text: str) -> list[str]:
    """Return the kinds of blocks, in order, list items and cells among them.

    A table of MyST is read as the list that it is written as.
    """
    tokens = MARKDOWN.parse(joined(unfenced(ACCOUNT.sub("", text))))
    return [t.tag for t in tokens if t.nesting == 1 or t.type == "hr"]


def marked(text: str) -> list[str]:
    """Return which words are set apart as emphasized or strong."""
    inlines = [
        t for t in MARKDOWN.parse(joined(unfenced(text))) if t.children
    ]
    children = [child for token in inlines for child in token.children]
    tags = [child.tag for child in children if child.nesting >= 0]
    return [tag for tag in tags if tag in ("em", "strong", "img")]


def plain(text: str) -> str:
    """Return the words of prose alone."""
    return " ".join(NO_PROSE.sub(" ", unfenced(text)).split())


def names(text: str) -> list[str]:
    """Return the names with a number in them, such as C1 and LeNet-5."""
    return sorted(set(NAME.findall(plain(text))))


# What has to be the same in each block, in whatever order
RULES: dict[str, Callable[[str], Iterable[str]]] = {
    "numbers": numbers,
    "accounts": accounts,
    "formulas": formulas,
    "code": code_spans,
    "links": links,
    "roles and directives": ROLE.findall,
    "tags": lambda text: TAG.findall(ACCOUNT.sub("", unfenced(text))),
    "emphasis": marked,
}


def wrong_terms(english: str, chinese: str) -> list[str]:
    """Return what the glossary asks for and the Chinese doesn't have."""
    of_english = plain(english)
    of_chinese = plain(joined(chinese)).replace("*", "")
    found = [
        f"terms: {match[0]} is {' or '.join(allowed)}"
        for term, allowed in GLOSSARY["terms"].items()
        if (match := re.search(rf"(?i)\b(?:{term})\b", of_english))
        and not any(word in of_chinese for word in allowed)
    ]
    found += [
        f"terms: {match[0]} should be {better}"
        for word, better in GLOSSARY["avoid"].items()
        if (match := re.search(word, of_chinese))
    ]
    return found


def foreign(english: str, chinese: str) -> list[str]:
    """Return the names and Latin words that the English doesn't have.

    A word may have another ending there, as a plural has.
    """
    known = [word.lower() for word in LATIN.findall(english)]
    known += [name.lower() for name in GLOSSARY["names"]]
    words = dict.fromkeys(LATIN.findall(IN_BRACKETS.sub("", plain(chinese))))
    found = [
        word
        for word in words
        if not any(k.startswith(word.lower()) for k in known)
    ]
    known_names = {*names(english), *GLOSSARY["names"]}
    found += [name for name in names(chinese) if name not in known_names]
    return [f"words: {word} is not in the English" for word in found]


def untranslated(english: str, chinese: str) -> list[str]:
    """Return a text that has words but no Chinese letter."""
    words = [w for w in LATIN.findall(plain(chinese)) if len(w) > 2]
    allowed = {*GLOSSARY["names"], *NAME.findall(chinese)}
    if CHINESE_LETTER.search(chinese) or set(words) <= allowed:
        return []
    return [f"left in English: {' '.join(words)}"]


def blocks(text: str) -> list[str]:
    """Return the texts of paragraphs, headings, items, cells and comments."""
    tokens = MARKDOWN.parse(joined(unfenced(text)))
    return [t.content for t in tokens if t.type in ("inline", "html_block")]


def compare(english: str, chinese: str) -> list[str]:
    """Return how a translation differs from its original, a line each."""
    found = []
    theirs, ours = structure(english), structure(chinese)
    if theirs != ours:
        found.append(
            f"blocks: {' '.join(ours)} instead of {' '.join(theirs)}"
        )
    parts = blocks(english), blocks(chinese)
    if theirs != ours or len(parts[0]) != len(parts[1]):
        parts = [english], [chinese]
    for original, translated in zip(*parts):
        for name, of in RULES.items():
            theirs, ours = Counter(of(original)), Counter(of(translated))
            for what, n in (theirs - ours).items():
                found.append(f"{name}: {what!r} is missing ({n})")
            for what, n in (ours - theirs).items():
                found.append(f"{name}: {what!r} is too many ({n})")
        for name in set(names(original)) - set(names(translated)):
            found.append(f"names: {name} is missing")
        ways = links(original), links(translated)
        if sorted(ways[0]) == sorted(ways[1]) and ways[0] != ways[1]:
            found.append(f"links: {ways[1]} are in another order")
        found += untranslated(original, translated)
    # Of lists, too, whose numbers stand before the blocks
    if not found and sorted(numbers(english)) != sorted(numbers(chinese)):
        found.append(f"numbers: {numbers(chinese)} of {numbers(english)}")
    found += foreign(english, chinese)
    if code_blocks(english) != code_blocks(chinese):
        found.append("code blocks: they differ in more than comments")
    found += [
        f"verdicts: {m[1]} denies what its account says"
        for m in DENIED.finditer(chinese)
        if not any(chinese.endswith(word, 0, m.end()) for word in DENIALS)
    ]
    return found + wrong_terms(english, chinese)


def untidy(chinese: str) -> list[str]:
    """Return what in a Chinese text is not typeset as Chinese is."""
    text = joined(ROLE.sub("", unfenced(chinese)))
    lint = autocorrect_py.lint_for(text, "markdown")
    found = [f"typography: {li.old} should be {li.new}" for li in lint.lines]
    rendered = re.sub(r"<code>.*?</code>", "`", MARKDOWN.render(text))
    rendered = re.sub(r"(?s)<!--.*?-->|\$[^$]+\$", "", rendered)
    shown = SHAPE.sub("`", re.sub(r"<[^>]*>", "", TITLE.sub("`", rendered)))
    for rule, pattern in (
        ("half-width", HALF_WIDTH),
        ("space", SPACE),
        ("left in English", MANY_WORDS),
        ("no emphasis", re.compile(r"\*")),
    ):
        for match in pattern.finditer(shown):
            around = shown[max(0, match.start() - 12) : match.end() + 12]
            found.append(f"{rule}: {' '.join(around.split())}")
    return found
