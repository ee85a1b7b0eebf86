import json

import pytest
import torch
from safetensors import safe_open
from torch import nn

from lenet_d2l import EpochRecord, lenet
from lenet_d2l.results import runs
from lenet_d2l.results.runs import load_run, load_weights, save_run

RECORDS = [
    EpochRecord(0, 2.317, 0.102, 0.1, 3.437, 0.25, 60_000, "cpu"),
    # Digits that only a full round trip keeps
    EpochRecord(1, 1 / 3, 0.1 + 0.2, 2**-40, 1e-9, 1e9, 59_999, "cuda:1"),
]


def contents(folder):
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def test_records_and_settings_come_back_as_they_were(tmp_path):
    save_run(tmp_path, lenet(), RECORDS, seed=3, lr=0.9)
    records, settings = load_run(tmp_path)
    assert records == RECORDS
    assert settings["seed"] == 3
    assert settings["lr"] == 0.9


def test_versions_and_machine_are_recorded(tmp_path):
    save_run(tmp_path, lenet(), RECORDS)
    settings = load_run(tmp_path).settings
    assert settings["d2l"] == "0.17.0"
    assert settings["torch"] == torch.__version__.split("+")[0]
    assert settings["threads"] == torch.get_num_threads()
    assert {"python", "machine"} <= settings.keys()


def test_weights_come_back_bit_for_bit(tmp_path):
    net, other = lenet(), lenet()
    save_run(tmp_path, net, RECORDS)
    assert not torch.equal(net[-1].weight, other[-1].weight)
    load_weights(other, tmp_path / "weights.safetensors")
    for ours, theirs in zip(
        net.state_dict().values(), other.state_dict().values(), strict=True
    ):
        assert torch.equal(ours, theirs)


def test_a_folder_is_made_where_it_is_missing_and_holds_two_files(tmp_path):
    save_run(tmp_path / "a" / "b", lenet(), RECORDS)
    assert contents(tmp_path / "a" / "b").keys() == {
        "records.json",
        "weights.safetensors",
    }


def test_weights_are_safetensors_and_records_json_without_pickle(tmp_path):
    net = lenet()
    save_run(tmp_path, net, RECORDS)
    with safe_open(tmp_path / "weights.safetensors", "pt") as file:
        assert set(file.keys()) == net.state_dict().keys()
        assert torch.equal(file.get_tensor("12.bias"), net[12].bias)
    run = json.loads((tmp_path / "records.json").read_text())
    assert run["records"][0]["train_loss"] == 2.317


def test_weights_that_are_missing_are_an_error_that_names_them(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none\.safetensors"):
        load_weights(lenet(), tmp_path / "none.safetensors")


def test_weights_that_are_text_are_an_error(tmp_path):
    file = tmp_path / "text.safetensors"
    file.write_text("These are no weights, but long enough to look like it")
    with pytest.raises(ValueError, match="no safetensors file") as error:
        load_weights(lenet(), file)
    assert str(file) in str(error.value)


@pytest.mark.parametrize("size", [0, 7, 100_000])
def test_weights_that_are_cut_short_are_an_error(size, tmp_path):
    save_run(tmp_path, lenet(), RECORDS)
    file = tmp_path / "weights.safetensors"
    file.write_bytes(file.read_bytes()[:size])
    with pytest.raises(ValueError, match="no safetensors file"):
        load_weights(lenet(), file)


@pytest.mark.parametrize(
    "other",
    [
        nn.Linear(3, 2),
        nn.Sequential(lenet()),  # The same shapes under other names
        lenet()[:-1],  # One layer missing
        nn.Sequential(*lenet()[:-1], nn.Linear(84, 11)),  # Another shape
    ],
)
def test_weights_of_another_net_are_an_error(other, tmp_path):
    save_run(tmp_path, other, RECORDS)
    with pytest.raises(ValueError, match="weights of this net"):
        load_weights(lenet(), tmp_path / "weights.safetensors")


def test_a_folder_without_a_run_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"records\.json"):
        load_run(tmp_path)


def fail_half_way(*args):
    """Write half a file where the writer was told to, then fail."""
    for argument in args:
        if hasattr(argument, "write_bytes"):
            argument.write_bytes(b"half")
    raise OSError(28, "No space left on device")


def test_weights_that_cannot_be_written_leave_the_old_run(
    tmp_path, monkeypatch
):
    save_run(tmp_path, lenet(), RECORDS)
    before = contents(tmp_path)
    monkeypatch.setattr(runs, "save_file", fail_half_way)
    with pytest.raises(OSError, match="No space"):
        save_run(tmp_path, lenet(), RECORDS[:1])
    assert contents(tmp_path) == before


def test_records_that_cannot_be_written_leave_the_old_run(
    tmp_path, monkeypatch
):
    """The old weights too: new ones would not be those of the records."""
    save_run(tmp_path, lenet(), RECORDS)
    before = contents(tmp_path)
    monkeypatch.setattr("pathlib.Path.write_text", fail_half_way)
    with pytest.raises(OSError, match="No space"):
        save_run(tmp_path, lenet(), RECORDS[:1])
    assert contents(tmp_path) == before


def test_a_setting_that_json_cannot_hold_leaves_the_old_run(tmp_path):
    save_run(tmp_path, lenet(), RECORDS)
    before = contents(tmp_path)
    with pytest.raises(TypeError):
        save_run(tmp_path, lenet(), RECORDS, device=torch.device("cpu"))
    assert contents(tmp_path) == before
