"""What screen readers stumble over in the HTML that others have written.

Pandas makes the empty corner of a table a heading, and so does Markdown: a
heading of nothing. Docutils gives each entry of a bibliography a role that
ARIA no longer has, so that its list is a list without items. MyST-NB names
the button of folded code differently from what stands on it.
"""

import re
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

# Docutils puts a paragraph into each cell
EMPTY_HEADING = re.compile(r"<th\b([^>]*)>((?:\s|<p>\s*</p>)*)</th>")


def amend(
    app: Sphinx,
    page: str,
    template: str,
    context: dict[str, Any],
    doctree: nodes.document | None,
) -> None:
    """Mend the text of ``page``, whoever wrote it."""
    body = EMPTY_HEADING.sub(r"<td\1>\2</td>", context.get("body", ""))
    body = body.replace(' role="doc-biblioentry"', ' role="listitem"')
    context["body"] = body.replace(
        '<summary aria-label="Toggle hidden content">', "<summary>"
    )


def setup(app: Sphinx) -> dict[str, bool]:
    """Mend the text of each page before it gets its frame."""
    app.connect("html-page-context", amend)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
