"""The scripts of the parts of a page that a reader can move.

Where such a part stands, the page says `data-live="NAME"`. Its scripts lie in
`_extra/live`, and no page without such a part loads them. What is large is
left to the scripts: they load it once a reader asks for it. In another
language than English their texts come from a dictionary.
"""

import re
from pathlib import Path
from typing import Any
from zlib import crc32

from docutils import nodes
from sphinx.application import Sphinx

# The scripts of each part, in the order in which the browser has to run them
PARTS = {
    "window": "dom data data/boot maps window",
    "bowl": "dom bowl",
    "look": "dom maps net data data/weights data/images data/measured"
    " picture draw distort input explain layers look",
    "train": "dom maps net data safetensors train",
}
PLACE = re.compile(r'\bdata-live="(\w+)"')


def add_scripts(
    app: Sphinx,
    page: str,
    template: str,
    context: dict[str, Any],
    doctree: nodes.document | None,
) -> None:
    """Let the head of ``page`` load what its live parts need."""
    names = PLACE.findall(context.get("body", ""))
    scripts = [script for name in names for script in PARTS[name].split()]
    if not scripts:
        return
    scripts = list(dict.fromkeys(scripts))
    if app.config.language != "en":
        scripts.insert(1, "data/words")  # Behind dom, which looks it up

    def address(name: str) -> str:
        """Of a file; a new content gets a new one, past any cache."""
        content = Path(app.confdir, "_extra/live", name).read_bytes()
        path = context["pathto"](f"live/{name}", resource=True)
        return f"{path}?v={crc32(content):08x}"

    context["metatags"] += (
        f'\n<link rel="stylesheet" href="{address("live.css")}" />'
    ) + "".join(
        f'\n<script defer src="{address(f"{name}.js")}"></script>'
        for name in scripts
    )


def setup(app: Sphinx) -> dict[str, bool]:
    """Look at each page before it is written."""
    app.connect("html-page-context", add_scripts)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
