"""Draw the pictures of the README and of the book's first page.

``python book/picture.py`` writes them into ``book/_static``: the first test
image of each class with the answer of the run that the book shows; the test
accuracy of the study's seeds by epoch, which is all of them, the middle 90 %,
the middle half and the median, and the post's one run; and a small film, an
SVG in which the curves of the run grow.
"""

from io import StringIO
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
import torch
from matplotlib.figure import Figure, SubFigure
from matplotlib.patches import Rectangle

from lenet_d2l import lenet, load_data_fashion_mnist
from lenet_d2l.datasets.fashion_mnist import CLASSES
from lenet_d2l.results import post
from lenet_d2l.results.bands import last_epoch
from lenet_d2l.results.runs import PUBLISHED, WEIGHTS, load_run, load_weights

BOOK = Path(__file__).parent
INK, BLUE, RED = "#333333", "#0072b2", "#c23b00"
STYLE = {
    "axes.spines.right": False,
    "axes.spines.top": False,
    "figure.constrained_layout.h_pad": 0.08,
    "figure.constrained_layout.w_pad": 0.08,
    "figure.titleweight": "bold",
    "font.size": 11,
    **dict.fromkeys(
        [
            *("text.color", "axes.edgecolor", "axes.labelcolor"),
            *("xtick.color", "ytick.color"),
        ],
        INK,
    ),
}


def draw_answers(fig: Figure | SubFigure) -> None:
    """Draw the first test image of each class, the net's answer below."""
    net = lenet()
    load_weights(net, PUBLISHED / WEIGHTS)
    _, test_iter = load_data_fashion_mnist(256)
    images, labels = test_iter.dataset.tensors
    firsts = [int((labels == i).nonzero()[0]) for i in range(len(CLASSES))]
    with torch.no_grad():
        answers = net(images[firsts]).argmax(1).tolist()
    for i, (ax, first) in enumerate(zip(fig.subplots(2, 5).flat, firsts)):
        # Without interpolation the SVG has the image's own 28×28 pixels
        ax.imshow(images[first, 0], cmap="gray_r", interpolation="none")
        ax.set(xticks=[], yticks=[])
        ax.spines[:].set_visible(False)
        right = answers[i] == i
        answer = CLASSES[answers[i]]
        ax.set_xlabel(
            answer if right else f"{answer}?\nno, {CLASSES[i]}",
            color=INK if right else RED,
        )
    correct = sum(answer == i for i, answer in enumerate(answers))
    fig.suptitle(f"LeNet names {len(firsts)} images: {correct} right")


def draw_seeds(fig: SubFigure) -> None:
    """Draw the spread of the seeds' test accuracy, and the post's run."""
    study = pd.read_csv(BOOK / "studies" / "seeds.csv")
    by_epoch = study.groupby("epoch").test_acc
    ends = last_epoch(study).test_acc
    post_run = [row.test_acc for row in post.LOG]
    ax = fig.subplots()
    for inside in (1, 0.9, 0.5):
        low, high = (by_epoch.quantile(0.5 + s * inside / 2) for s in (-1, 1))
        epochs = low.index.to_numpy() + 1
        # With a name in the SVG, by which a test finds it
        ax.fill_between(
            *(epochs, low, high), lw=0, fc=BLUE, alpha=0.22, gid=f"{inside}"
        )
    ax.plot(epochs, by_epoch.median(), c=BLUE)
    ax.plot(epochs, post_run, c=RED, lw=2, marker=".", ms=9, gid="post")
    labels = {
        (0.836, BLUE): f"{len(ends)} seeds,\nmean {ends.mean():.3f}\n"
        f"± {ends.std():.3f}",
        (post_run[-1], RED): f"the post's\none run,\n{post_run[-1]:.3f}",
    }
    for (y, color), text in labels.items():
        ax.text(epochs.max() + 0.2, y, text, color=color, va="center")
    ax.set(xlabel="epoch", xticks=epochs, ylabel="test accuracy")
    ax.set(ylim=(0.55, 0.85), yticks=[0.6, 0.7, 0.8])
    fig.suptitle(f"One recipe, {len(ends)} seeds, {len(ends)} results")


def draw_run(fig: Figure) -> None:
    """Draw the curves of the run that the book shows."""
    records = load_run(PUBLISHED).records
    epochs = [r.epoch + 1 for r in records]
    ax = fig.subplots()
    for name, what, color, above in (
        ("train_loss", "train loss", RED, -0.1),
        ("train_acc", "train accuracy", INK, 0.14),
        ("test_acc", "test accuracy", BLUE, -0.1),
    ):
        values = [getattr(r, name) for r in records]
        ax.plot(epochs, values, c=color, ls="--" if color == INK else "-")
        label = f"{what} {values[-1]:.3f}"
        x, y = epochs[-1] + 0.25, values[-1] + above
        ax.text(x, y, label, color=color, va="center")
    ax.set(xlabel="epoch", xticks=epochs, xlim=(1, 15.5), ylim=(0, 2.5))
    ax.set_ylabel("loss, accuracy")
    ax.spines.bottom.set_bounds(1, epochs[-1])
    fig.suptitle("Ten epochs")
    # A sheet over the curves, which the film draws away to the right
    sheet = Rectangle(
        *((1.02, 0), 26, 2.5), fc="white", ec="none", zorder=9, clip_on=False
    )
    sheet.set_gid("sheet")
    ax.add_patch(sheet)


def picture(height: float = 3.7) -> Figure:
    """Return the picture of the README: answers, and the spread of seeds."""
    fig = plt.figure(figsize=(10, height))
    left, right = fig.subfigures(1, 2, wspace=0.04)
    draw_answers(left)
    draw_seeds(right)
    return fig


def answers() -> Figure:
    """Return the answers alone, which a phone can show."""
    fig = plt.figure(figsize=(5.8, 3.2))
    draw_answers(fig)
    return fig


def film() -> Figure:
    """Return the curves of the run, below a sheet."""
    fig = plt.figure(figsize=(5.4, 3.4))
    draw_run(fig)
    return fig


# Five seconds, once; readers who want no motion see the curves at once
FILM = """
 <style>
  #sheet { opacity: 0 }
  @media (prefers-reduced-motion: no-preference) {
   #sheet { animation: away 5s linear }
  }
  @keyframes away {
   from { opacity: 1 }
   to { opacity: 1; transform: translateX(330px) }
  }
 </style>
"""


def write(folder: Path) -> None:
    """Write the pictures into ``folder``."""
    with plt.rc_context(STYLE, fname=BOOK / "matplotlibrc"):
        for draw in (picture, answers, film):
            svg = StringIO()
            draw().savefig(svg, format="svg", metadata={"Date": None})
            text = svg.getvalue()
            if draw is film:
                text = text.replace(" <defs>", FILM + " <defs>", 1)
            file = folder / f"{draw.__name__}.svg"
            file.write_text(text, encoding="utf-8")
        # What services show of a page to which somebody links
        picture(height=5.25).savefig(folder / "preview.png", dpi=120)


if __name__ == "__main__":
    write(BOOK / "_static")
