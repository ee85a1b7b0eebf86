"""Mathematics as MathML, made at build time.

A browser draws MathML by itself: no script, nothing to fetch, nothing that
moves on the page after it has loaded. The conversion is docutils' own.
"""

from docutils import nodes
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.application import Sphinx
from sphinx.writers.html5 import HTML5Translator


def inline_math(translator: HTML5Translator, node: nodes.math) -> None:
    """Write ``node`` within the line."""
    translator.body.append(tex2mathml(node.astext(), as_block=False))
    raise nodes.SkipNode


def block_math(translator: HTML5Translator, node: nodes.math_block) -> None:
    """Write ``node`` as a displayed formula."""
    formula = tex2mathml(node.astext(), as_block=True)
    translator.body.append(f'<div class="formula">{formula}</div>')
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the renderer under the name ``mathml``."""
    app.add_html_math_renderer(
        "mathml", (inline_math, None), (block_math, None)
    )
    return {"parallel_read_safe": True, "parallel_write_safe": True}
