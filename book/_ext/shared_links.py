"""What a search engine or a chat shows of a page: a description, a picture.

The description is the page's first paragraph. Services ask for the picture's
whole address, which is known where ``html_baseurl`` is set.
"""

import html
import re
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

LONGEST = 200  # Characters that services show of a description
TAG = re.compile(r"<[^>]*>")  # A chapter's number stands in one
PREVIEW = "_static/preview.png"


def first_paragraph(doctree: nodes.document) -> str:
    """Return a page's first paragraph that is more than a picture."""
    for paragraph in doctree.findall(nodes.paragraph):
        words = [
            text.astext()
            for text in paragraph.findall(nodes.Text)
            if not isinstance(text.parent, nodes.raw)  # A comment
        ]
        if text := " ".join("".join(words).split()):
            return text
    return ""


def shortened(text: str) -> str:
    """Return ``text``, cut behind a word if it is too long.

    Between Chinese letters it can be cut anywhere.
    """
    if len(text) <= LONGEST:
        return text
    return re.sub(r"[!-~]+$", "", text[: LONGEST - 1]).rstrip() + "…"


def describe(
    app: Sphinx,
    page: str,
    template: str,
    context: dict[str, Any],
    doctree: nodes.document | None,
) -> None:
    """Add the description to what stands in the head of ``page``."""
    if doctree is None:
        return
    what = shortened(first_paragraph(doctree))
    base = app.config.html_baseurl
    tags = {
        'name="description"': what,
        'property="og:type"': "article",
        'property="og:site_name"': app.config.html_title,
        'property="og:title"': TAG.sub("", context["title"]),
        'property="og:description"': what,
        'property="og:image"': f"{base}{PREVIEW}" if base else "",
        'name="twitter:card"': "summary_large_image",
    }
    context["metatags"] += "".join(
        f'\n<meta {name} content="{html.escape(text)}" />'
        for name, text in tags.items()
        if text
    )


def setup(app: Sphinx) -> dict[str, bool]:
    """Look at each page before it is written."""
    app.connect("html-page-context", describe)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
