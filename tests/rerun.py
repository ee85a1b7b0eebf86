"""Chapters run again without training, and what nbval says of their outputs.

A cell that trains prints what its run gave. Here the published run takes its
place, so what the chapter stores must be that run, number by number.
"""

import importlib.util
from pathlib import Path
from types import SimpleNamespace

import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode
from nbval.plugin import IPyNbCell, coalesce_streams, nocolors

BOOK = Path(__file__).parents[1] / "book"
CHAPTERS = sorted(BOOK.glob("*.ipynb"))
TRAINS = "nbval-ignore-output"

PUBLISHED = """
from lenet_d2l.results.runs import PUBLISHED, load_run
from lenet_d2l.training import training_curves

records, settings = load_run(PUBLISHED)
seed, lr, batch_size = (settings[k] for k in ("seed", "lr", "batch_size"))
net = lenet()
print("training on", records[0].device)
curves = training_curves(len(records))
for record in records:
    print(record)
    curves.add(record.epoch, (record.train_loss, record.train_acc,
                              record.test_acc))
curves.show()
"""

# What a chapter writes must not come over what is published or being read
KEEPS = 'save_run("runs/latest"'


def load_conftest():
    """Return the book's own conftest, which says how nbval compares."""
    spec = importlib.util.spec_from_file_location(
        "book_conftest", BOOK / "conftest.py"
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


conftest = load_conftest()


def rerun(chapter: Path) -> NotebookNode:
    """Run a chapter; return it with the outputs that its cells gave."""
    notebook = nbformat.read(chapter, as_version=4)
    for cell in notebook.cells:
        if TRAINS in cell.metadata.get("tags", []):
            cell.source = PUBLISHED
        if cell.cell_type == "code" and KEEPS in cell.source:
            cell.source = ""
    resources = {"metadata": {"path": str(chapter.parent)}}
    client = NotebookClient(notebook, timeout=600, resources=resources)
    return client.execute()


def same(stored: list[NotebookNode], fresh: list[NotebookNode]) -> bool:
    """Say whether nbval takes the outputs of two runs of a cell for equal."""
    cell = object.__new__(IPyNbCell)
    collector = SimpleNamespace(
        sanitize_patterns={},
        # nbval's own, for a cell whose outputs are compared
        skip_compare=(
            "metadata",
            "traceback",
            "prompt_number",
            "output_type",
            "name",
            "execution_count",
            "application/vnd.jupyter.widget-view+json",
            "image/png",
            "image/jpeg",
        ),
    )
    conftest.pytest_collectstart(collector)
    cell.parent, cell.colors = collector, nocolors
    cell.format_output_compare = lambda *args: None
    return cell.compare_outputs(
        coalesce_streams(fresh), coalesce_streams(stored)
    )
