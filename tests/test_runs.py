import math
import re
from functools import partial
from importlib.metadata import version
from pathlib import Path

import pytest
import torch
from safetensors.torch import save
from torch import nn

from lenet_d2l import EpochRecord, lenet
from lenet_d2l.results.runs import (
    digest,
    load_run,
    load_weights,
    own_sources,
    save_run,
)

CUTS = 0, 7, 100_000  # Bytes

RECORDS = [
    EpochRecord(0, 2.317, 0.102, 0.1, 3.437, 0.25, 60_000, "cpu"),
    # Digits that only a full round trip keeps
    EpochRecord(1, 1 / 3, 0.1 + 0.2, 2**-40, 1e-9, 1e9, 59_999, "cuda:1"),
]


def contents(folder):
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def test_a_run_comes_back_as_it_was_with_versions_and_machine(tmp_path):
    net, other = lenet(), lenet()
    save_run(tmp_path / "a/b", net, RECORDS, seed=3, lr=0.9)
    assert contents(tmp_path / "a/b").keys() == {
        *("records.json", "weights.safetensors")
    }
    records, settings = load_run(tmp_path / "a/b")
    assert records == RECORDS
    assert settings["seed"] == 3
    assert settings["lr"] == 0.9
    assert settings["d2l"] == "0.17.0"
    assert settings["torch"] == torch.__version__.split("+")[0]
    assert settings["threads"] == torch.get_num_threads()
    assert settings["lenet_d2l"] == version("lenet-d2l")
    assert settings["cuda"] == torch.version.cuda
    assert settings["processor"]
    assert {"python", "machine"} <= settings.keys()
    load_weights(other, tmp_path / "a/b/weights.safetensors")
    assert all(map(torch.equal, net.parameters(), other.parameters()))


WRONG_WEIGHTS = {
    "none": "No such file",
    "text": "text is no safetensors file",
    **{f"{size} bytes": "bytes is no safetensors file" for size in CUTS},
    # The same shapes under other names, a layer missing, another shape
    "renamed": "of 1.weight is missing, here it is [6, 1, 5, 5]",
    "short": "of 12.weight is missing, here it is [10, 84]",
    "wide": "of 12.weight is [11, 84], here it is [10, 84]",
    "float8": "float8: not all of 12.bias are finite numbers",
    "nan": "nan: not all of 12.bias are finite numbers",
    "complex": "complex: not all of 12.bias are finite numbers",
}


@pytest.mark.parametrize("name", WRONG_WEIGHTS)
@pytest.mark.filterwarnings("error")
def test_weights_that_do_not_fit_are_an_error_and_change_no_net(
    name, tmp_path
):
    net = lenet()
    whole = save(net.state_dict())
    (tmp_path / "text").write_text("These are no weights, but look like it")
    for size in CUTS:
        (tmp_path / f"{size} bytes").write_bytes(whole[:size])
    bias = torch.full([10], math.nan)
    for other, weights in {
        "renamed": nn.Sequential(net).state_dict(),
        "short": net[:-1].state_dict(),
        "wide": nn.Sequential(*net[:-1], nn.Linear(84, 11)).state_dict(),
        "nan": net.state_dict() | {"12.bias": bias},
        "float8": net.state_dict()
        | {"12.bias": bias.to(torch.float8_e4m3fn)},
        "complex": net.state_dict() | {"12.bias": torch.zeros(10) * 1j},
    }.items():
        (tmp_path / other).write_bytes(save(weights))
    before = [p.clone() for p in net.parameters()]
    with pytest.raises(
        (FileNotFoundError, ValueError), match=re.escape(WRONG_WEIGHTS[name])
    ):
        load_weights(net, tmp_path / name)
    assert all(map(torch.equal, before, net.parameters()))


def test_a_folder_without_a_run_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"records\.json"):
        load_run(tmp_path)


def half(path, *others):
    with path.open("wb") as file:
        file.write(b"half")
    raise OSError(28, "No space left on device")


@pytest.mark.parametrize("method", ["write_bytes", "write_text"])
def test_a_full_disk_leaves_the_old_run(method, tmp_path, monkeypatch):
    """All of it: new weights would not be those of the old records."""
    save_run(tmp_path, lenet(), RECORDS)
    before = contents(tmp_path)
    monkeypatch.setattr(Path, method, half)
    with pytest.raises(OSError, match="No space"):
        save_run(tmp_path, lenet(), RECORDS[:1])
    assert contents(tmp_path) == before


def test_the_records_come_last(tmp_path, monkeypatch):
    """Where they are, the weights are."""
    replaced = []
    replace = Path.replace

    def note(scratch, target):
        replaced.append(target.name)
        return replace(scratch, target)

    monkeypatch.setattr(Path, "replace", note)
    save_run(tmp_path, lenet(), RECORDS)
    assert replaced == ["weights.safetensors", "records.json"]


def test_a_setting_that_json_cannot_hold_leaves_the_old_run(tmp_path):
    save_run(tmp_path, lenet(), RECORDS)
    before = contents(tmp_path)
    with pytest.raises(TypeError):
        save_run(tmp_path, lenet(), RECORDS, device=torch.device("cpu"))
    assert contents(tmp_path) == before


def once(x):
    """Say one thing."""
    return x + 1


def test_the_digest_is_of_code_and_not_of_its_words():
    code = 'def f(x):\n    """A."""\n    return x  # B\n'
    same = code.replace("A", "C").replace("B", "D")
    assert digest(code) == digest(same)
    assert digest(code) != digest(code.replace("return x", "return 1"))
    assert digest(code, code) != digest(code)


def test_own_sources_are_those_of_nobody_whose_version_is_kept():
    (source,) = own_sources(once)
    assert source.startswith("def once(x):")
    assert own_sources(partial(once, key=once)) == [source, source]
    for others in lenet, torch.optim.SGD, 0.9, None, print:
        assert own_sources(others) == []
