"""Curves that grow while the net trains, on any kind of screen.

Source: chapter 7 of the book; the post's sections 2 and 3; d2l, section 3.6.
"""

import os
from collections.abc import Sequence
from itertools import cycle
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
from IPython import get_ipython
from IPython.display import display
from matplotlib.animation import PillowWriter
from matplotlib.backends import BackendFilter, backend_registry

from ._d2l import d2l

STILL, MOVING = (".png", ".svg", ".pdf"), (".gif", ".webp")


class Animator(d2l.Animator):
    """Plot growing curves, drawn in place wherever the code runs.

    It takes the arguments of ``d2l.Animator`` and points in the same way,
    ``animator.add(x, (y1, y2, y3))`` with ``None`` for a curve that gets no
    point. d2l's Animator clears the whole output of a notebook's cell at
    each step and shows nothing outside notebooks. This one updates only its
    figure. In a script it draws in a window, in PyCharm in the plot view;
    without a screen, ``save`` keeps the picture.
    """

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.fig.set_layout_engine("constrained")  # Else labels are cut off
        self.curves: list[list] = []  # Points, each [x, y]
        self.frames: list[list[int]] = []  # Points of each curve by `add`
        self.window = self.fig.canvas.required_interactive_framework
        self.handle = None
        if hasattr(get_ipython(), "kernel"):
            # Closed in pyplot, or the notebook shows it a second time
            plt.close(self.fig)
            self.handle = display(self.fig, display_id=True)
        elif self.window:
            plt.show(block=False)

    def add(self, x: Any, y: Any) -> None:
        """Add one point to each curve (or ``None``) and draw them all."""
        ys = y if hasattr(y, "__len__") else [y]
        xs = x if hasattr(x, "__len__") else [x] * len(ys)
        if not self.curves:
            self.curves = [[] for _ in ys]
        # A list, so that a wrong length is found before a point is added
        for curve, *point in list(zip(self.curves, xs, ys, strict=True)):
            if None not in point:
                curve.append(point)
        self.frames.append([len(curve) for curve in self.curves])
        self.draw(self.frames[-1])
        if self.handle:
            self.handle.update(self.fig)
        elif self.window and plt.fignum_exists(self.fig.number):  # Not closed
            self.fig.canvas.draw_idle()
            self.fig.canvas.flush_events()
        # The first drawing has found room for all labels; to look for it
        # again would take a third of every drawing
        self.fig.set_layout_engine("none")

    def draw(self, frame: Sequence[int]) -> None:
        """Draw the curves with as many points each as ``frame`` says."""
        self.axes[0].cla()
        for curve, length, fmt in zip(self.curves, frame, cycle(self.fmts)):
            x, y = zip(*curve[:length]) if length else ((), ())
            self.axes[0].plot(x, y, fmt)
        self.config_axes()

    def show(self) -> None:
        """Show the finished curves, or say that there is no screen.

        Call it after the last ``add``. A notebook and a window have the
        curves already; PyCharm's plot view gets them now.
        """
        if self.handle or self.window:
            return
        headless = backend_registry.list_builtin(
            BackendFilter.NON_INTERACTIVE
        )
        if plt.get_backend().lower() in headless:
            print(
                "no screen to show the curves on: to keep them, train with "
                "animator=Animator(...) and call its save('curves.png')"
            )
        else:
            plt.show()

    def save(self, path: str | os.PathLike[str], fps: int = 2) -> None:
        """Write the curves to ``path``, as a picture or as a film.

        The suffix says which: .png, .svg or .pdf for the last state; .gif
        or .webp for one frame per ``add``, ``fps`` frames a second.

        Raises:
            ValueError: the suffix is another, or nothing was added yet.
        """
        path = Path(path)
        if path.suffix not in STILL + MOVING:
            raise ValueError(
                f"cannot save a curve as {path.name!r}: "
                f"the suffix must be one of {', '.join(STILL + MOVING)}"
            )
        if not self.frames:
            raise ValueError("nothing to save: no point has been added yet")
        self.fig.set_layout_engine("constrained")
        if path.suffix in STILL:
            self.fig.savefig(path)
        else:
            self.film(path, fps)

    def film(self, file: Path, fps: int) -> None:
        """Write a film with one frame per ``add`` to ``file``."""
        # Not a FuncAnimation: it starts anew when its figure is next drawn
        writer = PillowWriter(fps)
        writer.setup(self.fig, file)
        # Cut to their contents, the frames would differ in size
        with plt.rc_context({"savefig.bbox": None}):
            for frame in self.frames:
                self.draw(frame)
                writer.grab_frame()
        writer.finish()
