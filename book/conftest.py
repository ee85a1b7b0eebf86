"""What nbval compares of a picture when it runs the chapters again.

The same figure has other bytes in another version of matplotlib, so of an
SVG the text in it is compared: titles, labels, ticks, and each number that
stands in the picture.
"""

import re

import pytest

SVG = r"(?s)<\?xml.*</svg>\s*"
TEXT = re.compile(r"(?s)<text\b[^>]*>(.*?)</text>")
TAG = re.compile(r"<[^>]*>")


def drawn_text(svg: str) -> str:
    """Return the texts in ``svg``, a line each, in the order of drawing."""
    return "\n".join(TAG.sub("", text) for text in TEXT.findall(svg))


def pytest_collectstart(collector: pytest.Collector) -> None:
    """Let nbval see the texts of an SVG in the place of its bytes."""
    if hasattr(collector, "sanitize_patterns"):
        collector.sanitize_patterns[SVG] = lambda m: drawn_text(m.group())
