"""The texts of matplotlib's drawings, in Chinese and in their places.

Matplotlib says where most texts have their middle or end, so that it doesn't
matter how long they are. Others, such as those of two lines, begin where it
has measured the English ones: these are moved.
"""

import re
from collections import Counter
from collections.abc import Callable

TEXT = re.compile(r"(?s)<text\b([^>]*)>(.*?)</text>")
# The letters of a formula, each in its place, in any order
LETTER = re.compile(r'(?s)<tspan x="([^"]*)"[^>]*>(.*?)</tspan>')
SIZE = re.compile(r"font-size: (\d+)px")
PLACE = re.compile(r'transform="translate\((\S+) (\S+)\)([^"]*)"')
# Of DejaVu Sans, in units of its size; most letters are about as wide
MOST, WIDTHS = (
    0.61,
    {
        **dict.fromkeys("ijl", 0.28),
        **dict.fromkeys(" ,.-frt", 0.36),
        **dict.fromkeys("mw", 0.9),
    },
)


def translated(svg: str, say: Callable[[str], str]) -> str:
    """Return a drawing in which ``say`` has translated each text."""
    starts = Counter(
        place[1]
        for attributes, _ in TEXT.findall(svg)
        if "text-anchor" not in attributes
        and (place := PLACE.search(attributes))
    )

    def replaced(match: re.Match[str]) -> str:
        attributes, text = match.groups()
        if letters := LETTER.findall(text):
            letters.sort(key=lambda letter: float(letter[0]))
            text = "".join(letter for _, letter in letters)
        new = say(text)
        if new == text:  # As in English
            return match[0]
        if "text-anchor" not in attributes:
            attributes = PLACE.sub(
                lambda place: moved(place, attributes, text, starts),
                attributes,
            )
        return f"<text{attributes}>{new}</text>"

    return TEXT.sub(replaced, svg)


def moved(
    place: re.Match[str], attributes: str, text: str, starts: Counter[str]
) -> str:
    """Return the place of what stands for ``text``, a text without anchor.

    Lines that begin at the same x are flush left. Others are centred; what
    is turned hangs below an axis.
    """
    x, y, turned = place.groups()
    size = SIZE.search(attributes)
    if starts[x] > 1 or size is None:
        return place[0]
    width = int(size[1]) * sum(WIDTHS.get(letter, MOST) for letter in text)
    if turned:
        at, anchor = f"{x} {float(y) - width:.2f}", "end"
    else:
        at, anchor = f"{float(x) + width / 2:.2f} {y}", "middle"
    return f'text-anchor="{anchor}" transform="translate({at}){turned}"'
