"""Each script once in a page.

Sphinx lists an extension's inline script twice, under the file names ``None``
and the empty string. A constant that it declares would be declared again,
which is an error in the browser's console.
"""

from typing import Any

from docutils import nodes
from sphinx.application import Sphinx


def drop_copies(
    app: Sphinx,
    page: str,
    template: str,
    context: dict[str, Any],
    doctree: nodes.document | None,
) -> None:
    """Keep one of the scripts that say the same, in the list they are in."""
    scripts = context["script_files"]
    scripts[:] = {
        (script.filename or "", *sorted(script.attributes.items())): script
        for script in scripts
    }.values()


def setup(app: Sphinx) -> dict[str, bool]:
    """Look at the scripts of each page before it is written."""
    app.connect("html-page-context", drop_copies)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
