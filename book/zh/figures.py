"""The texts of matplotlib's drawings, in Chinese and in their places.

Matplotlib says where most texts have their start, middle or end, so that it
doesn't matter how long they are. But some begin where it has measured the
English ones: of two lines, what is turned, or what stands behind another
text. These are moved.
"""

import re
from collections import Counter
from collections.abc import Callable
from unicodedata import east_asian_width

TEXT = re.compile(r"(?s)<text\b([^>]*)>(.*?)</text>")
# The letters of a formula, each in its place and in any order
LETTER = re.compile(
    r'(?s)<tspan x="([^"]*)"[^>]*( style="[^"]*")>(.*?)</tspan>'
)
SIZE = re.compile(r"font-size: ([\d.]+)px")
X_Y = re.compile(r'\bx="([^"]*)" y="([^"]*)"')
PLACE = re.compile(r'transform="translate\((\S+) (\S+)\)([^"]*)"')
SPACE = 1.3  # At most, between two texts of a line, in letters' sizes
# Of DejaVu Sans, in units of its size; most letters are as wide as `MOST`
MOST = 0.61
WIDTHS = {
    **dict.fromkeys("'ijl", 0.28),
    **dict.fromkeys(" ,.:-frt", 0.36),
    **dict.fromkeys("mw", 0.9),
}


def translated(svg: str, say: Callable[[str], str]) -> str:
    """Return a drawing in which ``say`` has translated each text."""
    flush = Counter(
        place[1]
        for attributes, _ in TEXT.findall(svg)
        if (place := PLACE.search(attributes))
    )
    line: list[tuple[float, float, float]] = []  # y, old end, way to new end

    def replaced(match: re.Match[str]) -> str:
        attributes, text = match.groups()
        if letters := LETTER.findall(text):
            letters.sort(key=lambda letter: float(letter[0]))
            text = "".join(letter for *_, letter in letters)
        new = say(text)
        if new == text and letters:
            return match[0]
        if letters:
            attributes += letters[0][1]
        found = SIZE.search(attributes)
        size = float(found[1]) if found else 0.0
        old_width, width = size * length(text), size * length(new)
        if place := PLACE.search(attributes):
            moved = anchored(*place.groups(), old_width, flush)
            if new != text:
                attributes = attributes.replace(place[0], moved)
        elif "text-anchor: start" in attributes:
            spot = X_Y.search(attributes)
            x, y = map(float, spot.groups())
            way = next(
                (
                    way
                    for its_y, end, way in line
                    if abs(its_y - y) < 2 and -3 < x - end < SPACE * size
                ),
                0.0,
            )
            line.append((y, x + old_width, way + width - old_width))
            attributes = attributes.replace(
                spot[0], f'x="{x + way:.2f}" y="{spot[2]}"'
            )
        return f"<text{attributes}>{new}</text>"

    # The language decides which forms of Chinese letters a font gives
    return TEXT.sub(replaced, svg).replace("<svg ", '<svg lang="zh-CN" ', 1)


def length(text: str) -> float:
    """Return about how long ``text`` is, in units of its letters' size."""
    return sum(
        1.0 if east_asian_width(t) in "WF" else WIDTHS.get(t, MOST)
        for t in text
    )


def anchored(
    x: str, y: str, turned: str, width: float, flush: Counter[str]
) -> str:
    """Return the place of a text that was as wide as ``width``, anchored.

    Lines that begin at the same x are flush left. Others are centred; what
    is turned hangs below an axis.
    """
    if turned:
        anchor, y = "end", f"{float(y) - width:.2f}"
    elif flush[x] > 1:
        anchor = "start"
    else:
        anchor, x = "middle", f"{float(x) + width / 2:.2f}"
    return f'text-anchor="{anchor}" transform="translate({x} {y}){turned}"'
