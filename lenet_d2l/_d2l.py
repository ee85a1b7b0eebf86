"""The real ``d2l`` (PyTorch edition, 0.17.0) with its one dead call mended.

``d2l.use_svg_display`` calls a function that IPython 9 no longer has, so
whatever draws (``d2l.set_figsize``, ``d2l.plot``, ``d2l.Animator``) raises
AttributeError. Its successor lives in ``matplotlib_inline``. The d2l module
looks its own names up through itself, so replacing this one name mends them
all. Everything else is d2l's own. Use it as ``from lenet_d2l import d2l``.
"""

from d2l import torch as d2l
from IPython import get_ipython
from matplotlib_inline.backend_inline import set_matplotlib_formats

__all__ = ["d2l"]


def use_svg_display() -> None:
    """Have notebooks show figures as SVG; does nothing in a plain script.

    A PNG is stored beside each, since Jupyter shows no SVG of a notebook that
    it doesn't trust yet, such as one that was just downloaded.

    Source: d2l, section 2.4 (calculus), where the original is defined.
    """
    # Outside IPython the setter would start a whole shell of its own
    if get_ipython() is not None:
        set_matplotlib_formats("svg", "png")


d2l.use_svg_display = use_svg_display
