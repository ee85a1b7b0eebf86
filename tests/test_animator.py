import os
import re
import subprocess
import sys

import matplotlib.pyplot as plt
import nbformat
import pytest
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from nbclient import NotebookClient
from PIL import Image

from lenet_d2l import Animator, d2l, lenet, train_ch6

# As `train_ch6` of d2l feeds its own: None where a curve gets no point
POINTS = [
    (0.2, (2.3, 0.1, None)),
    (0.4, (2.2, 0.2, None)),
    (1, (None, None, 0.3)),
    (1.2, (1.9, 0.4, None)),
    (2, (1.5, 0.5, 0.45)),
]


@pytest.fixture
def curves():
    result = Animator(xlabel="epoch", legend=["loss", "train", "test"])
    for x, y in POINTS:
        result.add(x, y)
    return result


def drawn(animator):
    """What the axes show: the points of each line."""
    return [line.get_xydata().tolist() for line in animator.axes[0].lines]


def still(animator, folder):
    animator.save(folder / "still.png")
    return (folder / "still.png").read_bytes()


# Feeding


def test_curves_are_those_that_d2l_draws_at_every_step():
    ours, theirs = Animator(), d2l.Animator()
    for x, y in POINTS:
        ours.add(x, y)
        theirs.add(x, y)
        assert drawn(ours) == drawn(theirs)
    assert drawn(ours)[2] == [[1, 0.3], [2, 0.45]]


def test_a_single_number_is_one_curve():
    animator = Animator()
    animator.add(0, 2.5)
    animator.add(1, 1.5)
    assert drawn(animator) == [[[0, 2.5], [1, 1.5]]]


def test_each_curve_may_have_its_own_x():
    animator = Animator()
    animator.add((1, 2), (0.5, 0.25))
    animator.add((3, None), (0.125, 0.1))
    assert drawn(animator) == [[[1, 0.5], [3, 0.125]], [[2, 0.25]]]


def test_labels_limits_and_legend_are_as_asked():
    animator = Animator(xlabel="epoch", xlim=(0, 9), legend=["a", "b"])
    animator.add(0, (1, 2))
    (axes,) = animator.axes
    assert axes.get_xlabel() == "epoch"
    assert axes.get_xlim() == (0, 9)
    assert [t.get_text() for t in axes.get_legend().texts] == ["a", "b"]


def test_epochs_drawn_are_those_printed(capsys):
    data = [(torch.rand(8, 1, 28, 28), torch.arange(8))]
    curves = Animator(legend=["train loss", "train acc", "test acc"])
    records = train_ch6(lenet(), data, data, 3, 0.1, "cpu", curves)
    lines = capsys.readouterr().out.splitlines()[1:]
    printed = [line.partition(",")[0] for line in lines]
    assert printed == ["epoch 0", "epoch 1", "epoch 2"]
    assert drawn(curves) == [
        [[0, a], [1, b], [2, c]]
        for a, b, c in zip(
            *((r.train_loss, r.train_acc, r.test_acc) for r in records)
        )
    ]


# Saving


@pytest.mark.parametrize(
    ("suffix", "signature"),
    [
        (".png", b"\x89PNG\r\n\x1a\n"),
        (".pdf", b"%PDF-"),
        (".svg", b"<?xml"),
        (".gif", b"GIF89a"),
        (".webp", b"RIFF"),
    ],
)
def test_the_suffix_decides_what_is_written(
    suffix, signature, curves, tmp_path
):
    curves.save(tmp_path / f"curves{suffix}")
    (file,) = tmp_path.iterdir()
    assert file.name == f"curves{suffix}"
    assert file.read_bytes().startswith(signature)


def test_a_path_may_be_text(curves, tmp_path):
    curves.save(f"{tmp_path}/curves.svg")
    assert "</svg>" in (tmp_path / "curves.svg").read_text()


@pytest.mark.parametrize("suffix", [".gif", ".webp"])
def test_a_film_has_one_frame_an_add(suffix, curves, tmp_path):
    curves.save(tmp_path / f"film{suffix}", fps=4)
    with Image.open(tmp_path / f"film{suffix}") as film:
        assert film.n_frames == len(POINTS)
        frames = []
        for i in range(film.n_frames):
            film.seek(i)
            frames.append(film.convert("RGB").tobytes())
            assert film.info["duration"] == 250
    assert len(set(frames)) == len(POINTS)


def test_a_film_of_a_single_frame_can_be_had(tmp_path):
    animator = Animator()
    animator.add(0, 1.0)
    animator.save(tmp_path / "film.gif")
    with Image.open(tmp_path / "film.gif") as film:
        assert film.n_frames == 1


def test_after_a_film_the_curves_are_in_their_last_state(curves, tmp_path):
    before = still(curves, tmp_path)
    curves.save(tmp_path / "film.gif")
    assert still(curves, tmp_path) == before
    # A window draws itself again whenever it is uncovered
    curves.fig.canvas.draw()
    assert drawn(curves)[2] == [[1, 0.3], [2, 0.45]]
    curves.add(3, (None, None, 0.6))
    assert drawn(curves)[2] == [[1, 0.3], [2, 0.45], [3, 0.6]]


@pytest.mark.parametrize("name", ["curves.jpg", "curves", "curves.npz"])
def test_another_suffix_is_refused_with_those_that_are_possible(
    name, curves, tmp_path
):
    with pytest.raises(ValueError, match=name) as error:
        curves.save(tmp_path / name)
    for suffix in (".png", ".svg", ".pdf", ".gif", ".webp"):
        assert suffix in str(error.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("suffix", [".png", ".gif"])
def test_curves_without_a_point_are_not_saved(suffix, tmp_path):
    with pytest.raises(ValueError, match="no point has been added"):
        Animator().save(tmp_path / f"curves{suffix}")
    assert list(tmp_path.iterdir()) == []


# Showing: a script, PyCharm, a window, a notebook


SCRIPT = """
from lenet_d2l import Animator
curves = Animator()
curves.add(0, (2.0, 0.5))
curves.add(1, (1.0, 0.75))
print("trained")
curves.show()
curves.save("kept.png")
"""

# What PyCharm puts into the place of a screen
BACKEND_INTERAGG = """
import matplotlib.pyplot as plt
from matplotlib.backends.backend_agg import FigureCanvasAgg as FigureCanvas
from matplotlib.backend_bases import FigureManagerBase as FigureManager

def show(*args, **kwargs):
    for axes in plt.gcf().axes:
        print("shown", [line.get_ydata().tolist() for line in axes.lines])
"""


def run_script(folder, **environment):
    (folder / "script.py").write_text(SCRIPT)
    return subprocess.run(
        [sys.executable, "script.py"],
        cwd=folder,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=True,
    )


def test_a_script_without_a_screen_says_how_to_keep_the_curves(tmp_path):
    result = run_script(tmp_path, MPLBACKEND="agg")
    trained, hint = result.stdout.splitlines()
    assert trained == "trained"
    assert "no screen" in hint
    assert "save('curves.png')" in hint
    assert result.stderr == ""
    assert (tmp_path / "kept.png").stat().st_size > 0


def test_pycharm_shows_the_finished_curves_once(tmp_path):
    (tmp_path / "backend_interagg.py").write_text(BACKEND_INTERAGG)
    result = run_script(tmp_path, MPLBACKEND="module://backend_interagg")
    assert result.stdout.splitlines() == [
        "trained",
        "shown [[2.0, 1.0], [0.5, 0.75]]",
    ]
    assert result.stderr == ""


def test_a_window_opens_at_once_and_is_drawn_at_every_step(
    monkeypatch, capsys
):
    """With a canvas that calls itself interactive, for want of a screen."""
    events = []
    monkeypatch.setattr(
        FigureCanvasAgg, "required_interactive_framework", "fake"
    )
    monkeypatch.setattr(
        FigureCanvasAgg,
        "draw_idle",
        lambda canvas: events.append(len(canvas.figure.axes[0].lines)),
    )
    monkeypatch.setattr(
        FigureCanvasAgg, "flush_events", lambda canvas: events.append("shown")
    )
    monkeypatch.setattr(
        plt, "show", lambda block=None: events.append(f"{block=}")
    )
    animator = Animator()
    assert events == ["block=False"]
    animator.add(0, (1.0, 2.0))
    assert events == ["block=False", 2, "shown"]
    animator.show()
    # The window has the curves already and must not block the script
    assert events == ["block=False", 2, "shown"]
    assert capsys.readouterr().out == ""


TRAINING = """
import matplotlib.pyplot as plt
import torch
from IPython.display import display
from lenet_d2l import Animator, lenet, train_ch6

torch.set_num_threads(1)
# Without a salt no two SVGs are the same
plt.rcParams["svg.hashsalt"] = "salt"
print("before")
data = [(torch.rand(8, 1, 28, 28), torch.arange(8))]
records = train_ch6(lenet(), data, data, 3, 0.1, "cpu")
print("after")
"""
BY_HAND = """
curves = Animator()
print("first")
curves.add(0, (2.0, 0.5))
print("second")
curves.add(1, (1.0, 0.75))
curves.show()
"""
LAST_STATE = "display(curves.fig)"
FIRST_STATE = """
curves = Animator()
curves.add(0, (2.0, 0.5))
"""


@pytest.fixture(scope="module")
def cells(tmp_path_factory):
    """The outputs of the four cells above, run in a notebook."""
    sources = [TRAINING, BY_HAND, LAST_STATE, FIRST_STATE]
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(source) for source in sources]
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOURCE_DATE_EPOCH", "0")
        # Set, it would keep the kernel from drawing inline
        patch.delenv("MPLBACKEND", raising=False)
        NotebookClient(
            notebook,
            timeout=120,
            kernel_name="python3",
            resources={"metadata": {"path": tmp_path_factory.mktemp("nb")}},
        ).execute()
    return [cell.outputs for cell in notebook.cells]


def lines_of(outputs):
    return "".join(
        output.text for output in outputs if output.output_type == "stream"
    ).splitlines()


def figures_of(outputs):
    return [
        output.data["image/svg+xml"]
        for output in outputs
        if output.output_type not in ("stream", "error")
    ]


def test_a_notebook_keeps_the_lines_printed_before(cells):
    before, device, *epochs, after = lines_of(cells[0])
    assert (before, device, after) == ("before", "training on cpu", "after")
    assert [line.partition(",")[0] for line in epochs] == [
        "epoch 0",
        "epoch 1",
        "epoch 2",
    ]
    assert lines_of(cells[1]) == ["first", "second"]


@pytest.mark.parametrize("cell", [0, 1])
def test_a_notebook_has_one_figure_a_training_and_no_second(cells, cell):
    assert len(figures_of(cells[cell])) == 1


def without_clip_names(svg):
    """Number the clip paths: their names are hashes of unrounded lengths.

    The layout engine moves those by a rounding error from draw to draw;
    what is drawn is stored rounded, and compared.
    """
    names = dict.fromkeys(re.findall(r'clipPath id="(\w+)"', svg))
    for number, name in enumerate(names):
        svg = svg.replace(name, f"clip{number}")
    return svg


def test_a_notebook_shows_the_last_state(cells):
    (shown,), (last,), (first,) = (
        [without_clip_names(svg) for svg in figures_of(cell)]
        for cell in cells[1:]
    )
    assert shown == last
    assert shown != first
