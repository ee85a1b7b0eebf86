"""What a page may do, stated in the page: its content security policy.

The browser runs scripts that came with the book, and the scripts within the
page that the page had when it was built, known by their hashes. It asks no
server for anything else.
"""

import html
import re
from base64 import b64encode
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

from sphinx.application import Sphinx

CHARSET = '<meta charset="utf-8" />'  # The first line of each page's head
SCRIPT = re.compile(r"<script\b([^>]*)>(.*?)</script>", re.DOTALL)
HANDLER = re.compile(r'<[^>]*\son\w+="([^"]*)"')

POLICY = {
    "default-src": "'none'",
    # Buttons of the theme have their handlers in the page: unsafe-hashes lets
    # these run, too, if their hash is here. wasm-unsafe-eval: the live parts
    # compile WebAssembly
    "script-src": "'self' 'wasm-unsafe-eval' 'unsafe-hashes'",
    # A page opened from disk can start a worker from a Blob alone
    "worker-src": "blob:",
    # Notebooks store tables with a style within, the theme has such, too
    "style-src": "'self' 'unsafe-inline'",
    "img-src": "'self' data: blob:",
    "font-src": "'self'",
    "form-action": "'self'",  # The search field
    "base-uri": "'none'",
}
# The search fetches the pages that it has found, and shows where in them
SEARCH = POLICY | {"connect-src": "'self'"}


def inline(page: str) -> Iterator[str]:
    """Find the code that stands in the text of ``page`` itself."""
    for attributes, code in SCRIPT.findall(page):
        if "src=" not in attributes:
            yield code
    yield from map(html.unescape, HANDLER.findall(SCRIPT.sub("", page)))


def policy(page: str, rules: dict[str, str]) -> str:
    """Return ``rules`` with the hashes of the code in ``page``."""
    digests = {sha256(code.encode()).digest() for code in inline(page)}
    hashes = sorted(f"'sha256-{b64encode(d).decode()}'" for d in digests)
    scripts = " ".join([rules["script-src"], *hashes])
    return "; ".join(map(" ".join, {**rules, "script-src": scripts}.items()))


def secure(app: Sphinx, exception: Exception | None) -> None:
    """Write its policy into each page that has none yet."""
    if exception or app.builder.name != "html":
        return
    for file in Path(app.outdir).rglob("*.html"):
        page = file.read_text(encoding="utf-8")
        if "Content-Security-Policy" in page or CHARSET not in page:
            continue  # An older page, or a template of the theme
        rules = SEARCH if file.name == "search.html" else POLICY
        meta = (
            '<meta http-equiv="Content-Security-Policy" content="'
            f'{policy(page, rules)}" />'
        )
        whole = page.replace(CHARSET, f"{CHARSET}\n    {meta}", 1)
        file.write_text(whole, encoding="utf-8")


def setup(app: Sphinx) -> dict[str, bool]:
    """Look at the pages once all are written."""
    app.connect("build-finished", secure)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
