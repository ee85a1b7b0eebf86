import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
import torch
from command_line import USAGE, run, the_error_line
from PIL import Image
from torch.utils.data import DataLoader

from lenet_d2l import data, lenet, train_ch6
from lenet_d2l._files import alone
from lenet_d2l.commands.shell import SIGNALS
from lenet_d2l.datasets import fashion_mnist
from lenet_d2l.datasets.idx_files import IdxFiles
from lenet_d2l.results.runs import load_run, load_weights
from lenet_d2l.speed.fused import arithmetic

FILES = ["curves.png", "records.json", "weights.safetensors"]


@pytest.fixture(autouse=True)
def empty_folder(tmp_path, monkeypatch):
    """Where the commands run, lest they leave something in the repository."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "here"


class Troubled:
    """A loader whose third minibatch of an epoch brings trouble: an error,
    or a signal and, when that has been heard, another."""

    def __init__(self, loader, before, epoch, trouble):
        self.loader, self.before = loader, before
        self.epoch, self.trouble = epoch, trouble

    def __iter__(self):
        for i, batch in enumerate(self.loader):
            if (self.epoch, i) == (0, 2):
                if isinstance(self.trouble, Exception):
                    self.before()
                    raise self.trouble
                try:
                    signal.raise_signal(self.trouble)
                finally:
                    signal.raise_signal(self.trouble)
            yield batch
        self.epoch -= 1


@pytest.fixture
def few(some_images, monkeypatch):
    """600 images in the place of all, to train and to test on."""

    def load(files, batch_size):
        load.batch_size = batch_size
        shuffled = DataLoader(some_images.dataset, 64, shuffle=True)
        if load.trouble is not None:
            shuffled = Troubled(shuffled, load.before, *load.trouble)
        return shuffled, some_images

    load.trouble, load.before = None, int
    monkeypatch.setattr(data, "minibatches", load)
    return load


def in_process(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "lenet_d2l", *map(str, arguments)],
        env=os.environ | {"MPLBACKEND": "agg", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )


def without_times(records):
    return [
        {k: v for k, v in vars(record).items() if "seconds" not in k}
        for record in records
    ]


# A run


@pytest.fixture(scope="module")
def real_run(tmp_path_factory):
    """One epoch on all the data, in a process of its own."""
    out = tmp_path_factory.mktemp("real") / "new" / "run"
    result = in_process("--num-epochs", 1, "--device", "cpu", "--out", out)
    assert result.returncode == 0, result.stderr
    return out, result


@pytest.mark.slow
def test_a_run_prints_its_log_and_writes_three_files(real_run):
    out, result = real_run
    (record,), settings = load_run(out)
    assert result.stdout.splitlines() == [
        str(arithmetic("cpu")),
        "training on cpu",
        str(record),
        f"records, weights and curves are in {out}",
    ]
    assert result.stderr == ""  # A bar is for terminals
    assert sorted(file.name for file in out.iterdir()) == FILES
    assert (out / "curves.png").read_bytes().startswith(b"\x89PNG")
    assert record.examples == 60_000
    # The first epoch stays at chance, or just leaves it
    assert 1.5 < record.train_loss < 2.7
    given = {"seed": 0, "lr": 0.9, "batch_size": 256, "num_epochs": 1}
    given |= {"data": "fashion-mnist", "arithmetic": arithmetic("cpu").name}
    assert given.items() <= settings.items()


@pytest.mark.slow
def test_its_weights_have_the_test_accuracy_of_its_record(
    real_run, empty_folder, capsys
):
    out, _ = real_run
    assert run("--weights", out / "weights.safetensors") == 0
    (record,), _ = load_run(out)
    accuracy = capsys.readouterr().out.splitlines()[-1]
    assert accuracy == f"test acc {record.test_acc:.3f}"
    assert list(empty_folder.iterdir()) == []


def test_a_run_is_what_the_same_seed_gives_in_a_script(few, some_images):
    options = ("--num-epochs", 2, "--lr", 0.5, "--batch-size", 32)
    assert run("--seed", 3, *options, "--plain", "--out", "run") == 0
    torch.manual_seed(3)
    net = lenet()
    shuffled = DataLoader(some_images.dataset, 64, shuffle=True)
    records = train_ch6(net, shuffled, some_images, 2, 0.5, "cpu")
    assert few.batch_size == 32
    assert load_run("run").settings["arithmetic"] == "plain"
    assert without_times(load_run("run").records) == without_times(records)
    saved = lenet()
    load_weights(saved, "run/weights.safetensors")
    assert all(map(torch.equal, saved.parameters(), net.parameters()))


def test_without_out_each_run_has_a_new_folder(
    few, empty_folder, monkeypatch
):
    """Also two of the same second."""
    now = time.strftime("lenet-run-%Y%m%d-%H%M%S")
    monkeypatch.setattr(time, "strftime", lambda form: now)
    assert [run("--num-epochs", 1, "--seed", s) for s in (1, 2)] == [0, 0]
    folders = sorted(empty_folder.iterdir())
    assert re.fullmatch(r"lenet-run-\d{8}-\d{6}", folders[0].name)
    assert [load_run(f).settings["seed"] for f in folders] == [1, 2]


# What goes wrong on the way


@pytest.fixture
def spare(tmp_path, monkeypatch):
    """Where things are kept that do not fit where they should go."""
    (tmp_path / "spare").mkdir()
    monkeypatch.setattr(
        tempfile, "gettempdir", lambda: str(tmp_path / "spare")
    )
    return tmp_path / "spare"


def full(owner, name, monkeypatch):
    """Let ``owner``'s method write half to the folder run, then fail."""
    write = getattr(owner, name)

    def fail_in_run(self, *arguments, **options):
        path = self if isinstance(self, Path) else Path(arguments[0])
        if path.parent.name != "run":
            return write(self, *arguments, **options)
        path.open("wb").write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(owner, name, fail_in_run)


@pytest.mark.parametrize(
    ("owner", "name", "here", "there"),
    [
        (Path, "write_text", [], [*FILES]),
        (Path, "write_bytes", [], [*FILES]),
        (Image.Image, "save", FILES[1:], FILES[:1]),
    ],
)
def test_what_does_not_fit_is_kept_elsewhere(
    owner, name, here, there, few, spare, empty_folder, monkeypatch, capsys
):
    full(owner, name, monkeypatch)
    assert run("--num-epochs", 2, "--out", "run") == 1
    (folder,) = spare.iterdir()
    for kept, names in (Path("run"), here), (folder, there):
        assert sorted(file.name for file in kept.glob("*")) == names
    out, err = capsys.readouterr()
    assert err == f"run: No space left on device; using {folder}\n"
    kept = folder if FILES[1] in there else Path("run")
    assert f"are in {kept}\n" in out
    assert len(load_run(kept).records) == 2


def test_a_disk_that_is_full_at_the_start_is_said_then(
    few, empty_folder, monkeypatch, capsys
):
    def full(folder):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("lenet_d2l._files.check_room", full)
    assert run("--out", "run") == USAGE
    assert "run cannot be written: No space" in the_error_line(capsys)
    assert list(empty_folder.iterdir()) == []


def test_nobody_reads_the_log_and_the_run_is_kept(
    few, closed_pipe, monkeypatch
):
    monkeypatch.setattr(sys, "stdout", closed_pipe)
    assert run("--num-epochs", 2, "--out", "run") == 0
    assert len(load_run("run").records) == 2


def test_two_trainings_cannot_share_a_folder(few, empty_folder, capsys):
    Path("run").mkdir()
    with alone(Path("run/records.json")):
        assert run("--out", "run") == USAGE
    assert "run cannot be written: another process" in the_error_line(capsys)


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_while_the_run_is_saved_has_to_wait(
    number, few, monkeypatch
):
    save = Path.write_bytes

    def interrupted(*arguments):
        signal.raise_signal(number)
        return save(*arguments)

    monkeypatch.setattr(Path, "write_bytes", interrupted)
    assert run("--num-epochs", 1, "--out", "run") == 0
    assert sorted(f.name for f in Path("run").glob("*")) == FILES


def test_records_of_someone_else_are_not_replaced(few, spare, monkeypatch):
    few.trouble = 1, RuntimeError("too late")
    few.before = lambda: Path("run/records.json").write_text("theirs")
    assert run("--num-epochs", 2, "--out", "run") == 1
    assert Path("run/records.json").read_text() == "theirs"
    assert len(load_run(next(spare.iterdir())).records) == 1


def test_an_empty_folder_that_was_there_stays(few, empty_folder):
    few.trouble = 0, signal.SIGINT
    (empty_folder / "run").mkdir()
    assert run("--num-epochs", 1, "--out", "run") == 130
    assert (empty_folder / "run").is_dir()


@pytest.mark.parametrize(
    ("lr", "bad", "said"),
    [
        ("1e38", None, "epoch 0, batch 1: .*lr 1e[+]38 is probably too high"),
        ("0.9", FloatingPointError("bad"), "epoch 2, bad; lr 0.9 is prob"),
        ("0.9", MemoryError("no memory"), "no memory"),
        ("0.9", RuntimeError("the GPU\nis away"), "the GPU is away"),
    ],
)
def test_what_stops_a_training_is_one_line_and_finished_epochs_are_kept(
    lr, bad, said, few, capsys, empty_folder
):
    few.trouble = bad and (2, bad)
    assert run("--lr", lr, "--num-epochs", 4, "--out", "run") == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert re.search(f"train: stopped: {said}", line)
    if bad:
        assert len(load_run("run").records) == 2
    else:
        assert list(empty_folder.iterdir()) == []


def test_missing_data_are_a_message_and_exit_code_1(
    tmp_path, empty_folder, monkeypatch, capsys
):
    def unreachable(*args):
        raise OSError("the network is away")

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(fashion_mnist, "DEBIAN_FOLDER", tmp_path / "debian")
    monkeypatch.setattr(fashion_mnist, "unpack_debian_package", unreachable)
    monkeypatch.setattr(IdxFiles, "download", unreachable)
    assert run("--out", "run") == 1
    printed = capsys.readouterr()
    assert printed.err.startswith("Fashion-MNIST was not found.")
    assert printed.err.count("the network is away") == 2
    assert "--data-dir FOLDER" in printed.err
    assert printed.out == ""
    assert list(empty_folder.iterdir()) == []


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_leaves_the_run_of_the_finished_epochs(number, few, capsys):
    """The weights too: not those of half an epoch more."""
    few.trouble = 2, number
    assert run("--num-epochs", 5, "--out", "run") == 130
    assert "stopped after 2 of 5 epochs" in capsys.readouterr().out
    few.trouble = None
    run("--num-epochs", 2, "--out", "whole")
    stopped, whole = (Path(out, FILES[2]) for out in ("run", "whole"))
    assert stopped.read_bytes() == whole.read_bytes()
    records = [load_run(out).records for out in ("run", "whole")]
    assert without_times(records[0]) == without_times(records[1])


def test_ctrl_c_while_the_data_is_fetched_is_no_traceback(
    few, empty_folder, monkeypatch, capsys
):
    def interrupted(*args):
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setitem(data.READERS, "fashion-mnist", interrupted)
    assert run("--out", "run") == 130
    assert list(empty_folder.iterdir()) == []
