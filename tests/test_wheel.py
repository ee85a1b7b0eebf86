"""The wheel: installed, not editable, and used from another folder."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from PIL import Image

from lenet_d2l.speed.fused import arithmetic

ROOT = Path(__file__).parents[1]
PIP = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet")
OFFLINE = ("--no-deps", "--no-index", "--no-build-isolation")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel, built from a copy, as building leaves files behind."""
    source = tmp_path_factory.mktemp("source")
    shutil.copytree(ROOT / "lenet_d2l", source / "lenet_d2l")
    for file in ROOT.iterdir():
        if file.is_file():
            shutil.copy(file, source)
    out = tmp_path_factory.mktemp("wheel")
    command = (*PIP, "wheel", *OFFLINE, "--wheel-dir", out, source)
    subprocess.run(command, check=True, cwd=out)
    return next(out.glob("*.whl"))


@pytest.fixture(scope="module")
def run_installed(wheel, tmp_path_factory):
    """How to run a command of the installed wheel, from an empty folder."""
    site = tmp_path_factory.mktemp("site")
    command = (*PIP, "install", *OFFLINE, "--target", site, wheel)
    subprocess.run(command, check=True)
    # Found before the package that pytest itself imports
    environment = os.environ | {"PYTHONPATH": str(site)}

    def run(*command):
        return subprocess.run(
            [str(part) for part in command],
            cwd=tmp_path_factory.mktemp("elsewhere"),
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        ).stdout

    run.script = site / "bin" / "lenet-d2l"
    run.site = site
    return run


@pytest.mark.slow
def test_the_wheel_has_the_whole_package_and_nothing_else(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = {n for n in archive.namelist() if ".dist-info/" not in n}
    tracked = subprocess.run(
        ("git", "ls-files", "lenet_d2l"),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    assert names == set(tracked.stdout.split())


@pytest.mark.slow
def test_the_installed_command_has_the_books_weights(run_installed, tmp_path):
    """And is the one in use, with its C code where it can be compiled."""
    code = (
        "import lenet_d2l; from lenet_d2l.speed import fused;"
        "print(lenet_d2l.__file__, fused.arithmetic('cpu').name)"
    )
    file, name = run_installed(sys.executable, "-c", code).split()
    assert Path(file).is_relative_to(run_installed.site)
    assert name == arithmetic("cpu").name
    white = Image.new("L", (60, 40), 255)
    white.paste(0, (10, 5, 50, 35))
    white.save(tmp_path / "box.png")
    command = (sys.executable, run_installed.script, "predict")
    printed = run_installed(*command, tmp_path / "box.png")
    assert "The net's answer: " in printed
