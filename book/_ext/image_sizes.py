"""The size of each image in the page, so that nothing moves as it arrives.

Docutils would write a size as a style, which holds at any width of the
screen; as attributes the style sheet can shrink the image in proportion.
"""

from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.images import get_image_size
from sphinx.writers.html5 import HTML5Translator


def visit_image(translator: HTML5Translator, node: nodes.image) -> None:
    """Write ``node`` with the width and height of its file in pixels."""
    size = get_image_size(Path(translator.builder.srcdir, node["uri"]))
    type(translator).visit_image(translator, node)
    if size:
        attributes = '<img width="{}" height="{}"'.format(*size)
        element = translator.body.pop()
        translator.body.append(element.replace("<img", attributes, 1))


def depart_image(translator: HTML5Translator, node: nodes.image) -> None:
    """End ``node``; an image has no end tag."""


def setup(app: Sphinx) -> dict[str, bool]:
    """Put these in the place of Sphinx's own for an image."""
    app.add_node(nodes.image, override=True, html=(visit_image, depart_image))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
