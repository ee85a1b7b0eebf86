"""The chapters as committed: run, tidy, and true to package and record."""

import ast
import inspect
import re
import subprocess
import sys
from itertools import groupby

import nbformat
import pandas as pd
import pytest
from conftest import (
    BOOK,
    CHAPTERS,
    NOTEBOOKS,
    each_notebook,
    files_of_toc,
)

import lenet_d2l
from lenet_d2l import evaluate_accuracy_gpu, lenet
from lenet_d2l.results.bands import bands, figures
from lenet_d2l.results.paired import compare
from lenet_d2l.results.runs import (
    PUBLISHED,
    RECORDS,
    WEIGHTS,
    load_run,
    load_weights,
)

MACHINE_PATH = re.compile(r"/(?:work|root|tmp|home)/[\w.-]+|\b[A-Z]:\\")
MARK = "  #@save"


def cells(path, kind="code"):
    """The cells of a notebook, empty ones left out."""
    notebook = nbformat.read(path, as_version=4)
    return [
        cell
        for cell in notebook.cells
        if cell.source.strip() and kind in ("all", cell.cell_type)
    ]


def stdout(cell):
    """What a code cell printed."""
    return "".join(
        output.text
        for output in cell.outputs
        if output.output_type == "stream" and output.name == "stdout"
    )


def texts(cell):
    """The source of a cell and its outputs, pictures in PNG left out."""
    yield cell.source
    for output in cell.get("outputs", []):
        yield output.get("text", "")
        for mime, data in output.get("data", {}).items():
            if mime != "image/png":
                yield str(data)


def test_notebooks_are_those_of_the_table_of_contents():
    files = [BOOK / f"{file}.ipynb" for file in files_of_toc()]
    assert [file for file in files if file.exists()] == NOTEBOOKS


@each_notebook
def test_notebook_was_run_from_its_first_cell_to_its_last(notebook):
    code = cells(notebook)
    counts = [cell.execution_count for cell in code]
    assert counts == list(range(1, len(code) + 1))
    outputs = [output for cell in code for output in cell.outputs]
    assert outputs
    assert not [o for o in outputs if o.output_type == "error"]
    assert not [o.text for o in outputs if o.get("name") == "stderr"]


@each_notebook
def test_notebook_has_no_path_of_the_machine_it_was_run_on(notebook):
    found = [
        match.group()
        for cell in cells(notebook, "all")
        for text in texts(cell)
        for match in MACHINE_PATH.finditer(text)
    ]
    assert not found


@each_notebook
def test_code_is_introduced_by_prose(notebook):
    kinds = [cell.cell_type for cell in cells(notebook, "all")]
    assert kinds[0] == "markdown"
    rows = [len(list(run)) for kind, run in groupby(kinds) if kind == "code"]
    assert max(rows) <= 2


@each_notebook
def test_figures_are_described(notebook):
    for cell in cells(notebook):
        mimes = {mime for o in cell.outputs for mime in o.get("data", {})}
        if mimes & {"image/svg+xml", "image/png"}:
            image = cell.metadata.get("mystnb", {}).get("image", {})
            assert len(image.get("alt", "")) >= 30, cell.source
        for output in cell.outputs:
            shown = {"image/svg+xml", "image/png"} & {*output.get("data", {})}
            # Jupyter shows no SVG of a notebook that it doesn't trust yet
            assert len(shown) != 1, cell.source


@each_notebook
def test_code_is_formatted(notebook, tmp_path):
    copy = nbformat.read(notebook, as_version=4)
    for cell in copy.cells:
        # d2l's mark has no space, on which ruff would insist
        cell.source = cell.source.replace("#@save", "# @save")
    nbformat.write(copy, tmp_path / notebook.name)
    settings = ("--isolated", "--config", "line-length=78")
    command = [sys.executable, "-m", "ruff", "format", "--diff", *settings]
    ruff = subprocess.run(
        [*command, str(tmp_path / notebook.name)],
        capture_output=True,
        text=True,
    )
    assert ruff.returncode == 0, ruff.stdout + ruff.stderr


def brief(source):
    """Python ``source`` with each docstring cut to its first line."""
    lines = source.splitlines()
    definitions = [
        node
        for node in ast.walk(ast.parse(source))
        if isinstance(node, (ast.FunctionDef, ast.ClassDef))
        and ast.get_docstring(node) is not None
    ]
    # From the last to the first, so that line numbers stay right
    for node in sorted(definitions, key=lambda n: -n.body[0].lineno):
        first, last = node.body[0].lineno, node.body[0].end_lineno
        if last > first:
            lines[first - 1 : last] = [lines[first - 1] + '"""']
    return "\n".join(lines)


def saved_cells():
    """The cells with d2l's mark: pairs of a name and the marked text."""
    for chapter in CHAPTERS:
        for cell in cells(chapter):
            if "#@save" in cell.source:
                tree = ast.parse(cell.source)
                assert len(tree.body) == 1, cell.source
                node = tree.body[0]
                line = cell.source.splitlines()[node.lineno - 1]
                assert line.endswith(MARK), cell.source
                assert cell.source.count("#@save") == 1, cell.source
                yield node.name, cell.source


def test_saved_cells_are_the_packages_public_names():
    names = [name for name, _ in saved_cells()]
    assert sorted(names) == sorted(set(lenet_d2l.__all__) - {"d2l"})


@pytest.mark.parametrize("name", sorted(set(lenet_d2l.__all__) - {"d2l"}))
def test_book_shows_the_packages_code(name):
    shown = [text for saved, text in saved_cells() if saved == name]
    assert len(shown) == 1
    source = inspect.getsource(getattr(lenet_d2l, name))
    assert shown[0].replace(MARK, "").strip() == brief(source)


@pytest.fixture(scope="module")
def log():
    """The lines of the training log that the book shows."""
    return [
        line
        for cell in cells(BOOK / "07_training.ipynb")
        if "= train_ch6(" in cell.source
        for line in stdout(cell).splitlines()
        if line.startswith("epoch ")
    ]


def test_training_log_is_that_of_the_published_run(log):
    assert (PUBLISHED / RECORDS).is_file()
    records = load_run(PUBLISHED).records
    assert len(records) == 10
    assert log == [str(record) for record in records]


def test_the_training_log_lies_in_the_bands(log, read_study):
    pattern = r"epoch \d, loss (\S+), train acc (\S+), test acc (\S+),"
    epochs = [map(float, re.match(pattern, line).groups()) for line in log]
    names = ["train_loss", "train_acc", "test_acc"]
    run = pd.DataFrame(epochs, columns=names)
    for name, band in bands(read_study("seeds")).items():
        assert figures(run)[name] in band, name


def test_the_page_says_that_it_is_the_published_run():
    (said,) = [
        stdout(cell)
        for cell in cells(BOOK / "07_training.ipynb")
        if "check_against_published(records" in cell.source
    ]
    run = pd.DataFrame(load_run(PUBLISHED).records)
    assert str(compare(run, run)).startswith(said.strip() + ": ")
    assert said == "the same run\n"


def test_published_weights_have_the_published_accuracy(fashion_mnist):
    """In double precision, where no rounding decides between two classes."""
    net = lenet()
    load_weights(net, PUBLISHED / WEIGHTS)
    images = ((X.double(), y) for X, y in fashion_mnist[1])
    accuracy = evaluate_accuracy_gpu(net.double(), images, "cpu")
    assert accuracy == load_run(PUBLISHED).records[-1].test_acc
