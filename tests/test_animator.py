import io
import re
from types import SimpleNamespace

import matplotlib.pyplot as plt
import nbformat
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.layout_engine import ConstrainedLayoutEngine
from nbclient import NotebookClient
from PIL import Image

from lenet_d2l import Animator, animator, d2l

# As `train_ch6` of d2l feeds its own: None where a curve gets no point
POINTS = [
    (0.2, (2.3, 0.1, None)),
    (0.4, (2.2, 0.2, None)),
    (1, (None, None, 0.3)),
    (1.2, (1.9, 0.4, None)),
    (2, (1.5, 0.5, 0.45)),
]
ONE_CURVE = [(0, 2.5), (1, 1.5)]
AN_X_FOR_EACH_CURVE = [((1, 2), (0.5, 0.25)), ((3, None), (0.125, 0.1))]
SIGNATURES = {
    ".png": b"\x89PNG\r\n\x1a\n",
    ".pdf": b"%PDF-",
    ".svg": b"<?xml",
    ".gif": b"GIF89a",
    ".webp": b"RIFF",
}


@pytest.fixture
def curves():
    result = Animator()
    for x, y in POINTS:
        result.add(x, y)
    return result


def drawn(animator):
    """What the axes show: the points of each line."""
    return [line.get_xydata().tolist() for line in animator.axes[0].lines]


# Feeding


@pytest.mark.parametrize("points", [POINTS, ONE_CURVE, AN_X_FOR_EACH_CURVE])
def test_curves_are_those_that_d2l_draws_at_every_step(points):
    settings = {"legend": ["loss", "train", "test"], "xlim": (0, 3)}
    ours, theirs = (A("epoch", **settings) for A in (Animator, d2l.Animator))
    for x, y in points:
        ours.add(x, y)
        theirs.add(x, y)
        assert drawn(ours) == drawn(theirs)
    a, b = ours.axes[0], theirs.axes[0]
    assert (a.get_xlabel(), a.get_xlim()) == (b.get_xlabel(), b.get_xlim())
    for one, other in zip(a.get_legend().texts, b.get_legend().texts):
        assert one.get_text() == other.get_text()
    for one, other in zip(a.lines, b.lines, strict=True):
        assert one.get_linestyle() == other.get_linestyle()
        assert one.get_color() == other.get_color()


def test_a_fifth_curve_is_drawn_though_d2l_has_four_styles():
    curves = Animator()
    curves.add(0, range(5))
    assert drawn(curves) == [[[0, i]] for i in range(5)]


def test_points_for_another_number_of_curves_are_refused(curves):
    before = drawn(curves)
    for y in (1, 2), (1, 2, 3, 4):
        with pytest.raises(ValueError, match="argument"):
            curves.add(3, y)
    assert drawn(curves) == before


def assert_that_labels_are_not_cut_off(curves):
    (axes,) = curves.axes
    assert axes.xaxis.label.get_window_extent().y0 >= 0
    assert axes.yaxis.label.get_window_extent().x0 >= 0


def test_a_picture_has_room_for_labels_even_if_the_numbers_grow(tmp_path):
    curves = Animator(xlabel="epoch", ylabel="loss")
    for y in 1, 1_234_567:
        curves.add(y, y)
        curves.save(tmp_path / "curves.png")
        assert_that_labels_are_not_cut_off(curves)


# Saving


@pytest.mark.parametrize("suffix", SIGNATURES)
@pytest.mark.parametrize("kind", [str, lambda path: path])
def test_the_suffix_decides_what_is_written(suffix, kind, curves, tmp_path):
    curves.save(kind(tmp_path / f"curves{suffix}"))
    (file,) = tmp_path.iterdir()
    assert file.name == f"curves{suffix}"
    assert file.read_bytes().startswith(SIGNATURES[suffix])


@pytest.mark.parametrize("suffix", [".gif", ".webp"])
@pytest.mark.parametrize(("fps", "duration"), [({}, 500), ({"fps": 4}, 250)])
def test_a_film_has_one_frame_an_add(
    suffix, fps, duration, curves, tmp_path, monkeypatch
):
    # As Jupyter sets it, which no film can do with
    monkeypatch.setitem(plt.rcParams, "savefig.bbox", "tight")
    curves.save(tmp_path / f"film{suffix}", **fps)
    with Image.open(tmp_path / f"film{suffix}") as film:
        frames = set()
        for i in range(film.n_frames):
            film.seek(i)
            frames.add(film.convert("RGB").tobytes())
            assert film.info["duration"] == duration
    assert film.n_frames == len(frames) == len(POINTS)


def test_after_a_film_the_curves_are_in_their_last_state(curves, tmp_path):
    before = drawn(curves)
    curves.save(tmp_path / "film.gif")
    assert drawn(curves) == before
    # A window draws itself again whenever it is uncovered
    curves.fig.canvas.draw()
    assert drawn(curves) == before
    curves.add(3, (None, None, 0.6))
    assert drawn(curves)[2] == [*before[2], [3, 0.6]]


@pytest.mark.parametrize("name", ["curves.jpg", "curves", "curves.npz"])
def test_another_suffix_is_refused_with_those_that_are_possible(
    name, curves, tmp_path
):
    with pytest.raises(ValueError) as error:
        curves.save(tmp_path / name)
    assert str(error.value) == (
        f"cannot save a curve as {name!r}: the suffix must be one of "
        ".png, .svg, .pdf, .gif, .webp"
    )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("suffix", [".png", ".gif"])
def test_curves_without_a_point_are_not_saved(suffix, tmp_path):
    with pytest.raises(ValueError, match=r"^nothing to save: no point"):
        Animator().save(tmp_path / f"curves{suffix}")
    assert list(tmp_path.iterdir()) == []


# Showing: a script, PyCharm, a window, a notebook


HINT = (
    "no screen to show the curves on: to keep them, train with "
    "animator=Animator(...) and call its save('curves.png')\n"
)


@pytest.mark.parametrize(
    ("backend", "hint"),
    [
        *(("agg", HINT), ("Agg", HINT), ("svg", HINT)),  # Without a screen
        *(("module://backend_interagg", ""), ("WebAgg", "")),  # PyCharm
    ],
)
def test_the_finished_curves_are_shown_or_it_is_said_how_to_keep_them(
    backend, hint, curves, capsys, monkeypatch
):
    shown = []
    monkeypatch.setattr(plt, "get_backend", lambda: backend)
    monkeypatch.setattr(plt, "show", lambda: shown.append(drawn(curves)))
    curves.show()
    assert shown == ([] if hint else [drawn(curves)])
    assert capsys.readouterr().out == hint


def test_a_window_is_drawn_at_every_step_until_it_is_closed(
    monkeypatch, capsys
):
    """With a canvas that calls itself interactive, for want of a screen."""
    events = []
    for name, value in {
        "required_interactive_framework": "fake",
        "draw_idle": lambda canvas: events.append(
            len(canvas.figure.axes[0].lines)
        ),
        "flush_events": lambda canvas: events.append("shown"),
    }.items():
        monkeypatch.setattr(FigureCanvasAgg, name, value)
    monkeypatch.setattr(
        plt, "show", lambda block=None: events.append(f"{block=}")
    )
    curves = Animator()
    assert events == ["block=False"]
    curves.add(0, (1.0, 2.0))
    assert events == ["block=False", 2, "shown"]
    plt.close(curves.fig)
    monkeypatch.setattr(curves.fig.canvas, "flush_events", None)
    curves.add(1, (0.5, 1.0))
    # The window has had the curves and must not block the script
    curves.show()
    assert events == ["block=False", 2, "shown"]
    assert capsys.readouterr().out == ""


def test_in_a_notebook_one_figure_is_shown_and_updated(monkeypatch, capsys):
    events = []

    def display(figure, *, display_id):
        events.append((figure, display_id))
        return SimpleNamespace(update=update)

    def update(figure):
        events.append(figure)
        figure.savefig(io.BytesIO())

    def lay_out(engine, figure):
        events.append("laid out")
        execute(engine, figure)

    execute = ConstrainedLayoutEngine.execute
    monkeypatch.setattr(ConstrainedLayoutEngine, "execute", lay_out)
    monkeypatch.setattr(animator, "display", display)
    shell = SimpleNamespace(kernel="any")
    monkeypatch.setattr(animator, "get_ipython", lambda: shell)
    curves = Animator(xlabel="epoch", ylabel="loss")
    curves.add(0, (1.0, 2.0))
    curves.add(1, (1.0, 2.0))
    curves.show()
    # To lay it out takes long, so it is done once
    fig = curves.fig
    assert events == [(fig, True), fig, "laid out", fig]
    assert_that_labels_are_not_cut_off(curves)
    # Else the cell would show it a second time at its end
    assert not plt.fignum_exists(fig.number)
    assert capsys.readouterr().out == ""


# The last two cells show the last state, and the first
CELLS = [
    "from lenet_d2l import Animator; curves = Animator(); print('first');"
    "curves.add(0, (2.0, 0.5)); print('second');"
    "curves.add(1, (1.0, 0.75)); curves.show()",
    "from IPython.display import display; display(curves.fig)",
    "curves = Animator(); curves.add(0, (2.0, 0.5))",
]


@pytest.mark.slow
def test_a_cell_keeps_its_lines_and_has_one_figure_in_its_last_state(
    tmp_path, monkeypatch
):
    # Set, it would keep the kernel from drawing inline
    monkeypatch.delenv("MPLBACKEND", raising=False)
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(source) for source in CELLS]
    )
    where = {"metadata": {"path": tmp_path}}
    NotebookClient(notebook, kernel_name="python3", resources=where).execute()
    lines, figures = [], []
    for output in (o for cell in notebook.cells for o in cell.outputs):
        if output.output_type == "stream":
            lines += output.text.splitlines()
        else:
            svg = output.data["image/svg+xml"]
            figures.append(re.findall(r'<path d="([^"]+)"', svg))
    assert lines == ["first", "second"]
    shown, last, first = figures
    assert shown == last != first
