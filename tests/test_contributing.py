"""The drawing of the house in CONTRIBUTING.md, compared with the imports."""

import ast
import re
from graphlib import TopologicalSorter
from pathlib import Path

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
PACKAGE = "lenet_d2l"
FACE = {"__init__.py", "__init__.pyi", "py.typed"}  # In no row

ROWS = re.findall(r"^\| +(\S.*\S) +\|$", TEXT, re.M)
ROW = {
    room: number
    for number, row in enumerate(ROWS)
    for room in row.replace(".py", "").replace("/", "").split()
}
# The modules by name, a folder by its `__init__`
MODULES = {
    ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(
        ".__init__"
    ): file
    for file in (ROOT / PACKAGE).rglob("*.py")
}


def imports(file):
    """Pairs of a module of the package, and of a name imported from it."""
    folder = file.relative_to(ROOT).parts[:-1]
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            there = folder[: len(folder) + 1 - node.level] * (node.level > 0)
            module = ".".join([*there, *(node.module or "").split(".")])
            for alias in node.names:
                yield module.strip("."), alias.name


PUBLIC = {
    name: module for module, name in imports(ROOT / PACKAGE / "__init__.pyi")
}


def imported(file):
    """The modules of the package that ``file`` imports from."""
    for module, name in imports(file):
        if f"{module}.{name}" in MODULES:
            yield f"{module}.{name}"
        elif module == PACKAGE:  # Which has the public names of all rooms
            yield PUBLIC[name]
        elif module in MODULES:
            yield module


IMPORTS = {
    module: set(imported(file)) - {module}
    for module, file in MODULES.items()
    if module != PACKAGE
}


def test_each_room_is_drawn_and_described():
    rooms = {path.name for path in (ROOT / PACKAGE).iterdir()} - FACE
    rooms -= {"__pycache__"}
    assert ROW.keys() == {name.removesuffix(".py") for name in rooms}
    for name in rooms:
        assert re.search(rf"`{name}/?`.*", TEXT), name


def room(module):
    return module.split(".")[1]


def test_imports_go_down_the_rows():
    pairs = {(a, b) for a, others in IMPORTS.items() for b in others}
    assert len(pairs) > 50
    upward = {
        (a, b)
        for a, b in pairs
        if room(a) != room(b) and ROW[room(a)] >= ROW[room(b)]
    }
    assert upward == set()


def test_no_module_imports_itself_by_way_of_others():
    TopologicalSorter(IMPORTS).prepare()


def test_the_package_imports_neither_the_book_nor_the_tests():
    used = {m for file in MODULES.values() for m, _ in imports(file)}
    assert not {m for m in used if m.split(".")[0] in ("book", "tests")}


def test_modules_that_the_changelog_names_as_new_are_there():
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    table = re.findall(r"^\| `.*\| (.*) \|$", text, re.M)
    named = re.findall(r"`([\w.]+)`", " ".join(table))
    assert len(named) > 10
    assert {f"{PACKAGE}.{name}" for name in named} <= MODULES.keys()
