"""The loader, against d2l's own, and what it takes."""

import shutil

import pytest
import torch

from lenet_d2l import (
    d2l,
    load_data_fashion_mnist,
    load_data_mnist,
    minibatches,
)


def test_minibatches_are_those_of_d2l_bit_for_bit(
    small_data, small_files, monkeypatch
):
    """Two epochs, the shuffling of the second included, and the test set."""
    data = small_data.parent / "data"  # Where d2l's loader looks
    shutil.copytree(small_data, data / "FashionMNIST" / "raw")
    (data.parent / "book").mkdir()
    monkeypatch.chdir(data.parent / "book")
    # Processes of their own would fetch the same, but take long to start
    monkeypatch.setattr(d2l, "get_dataloader_workers", lambda: 0)

    def batches(train_iter, test_iter):
        torch.manual_seed(42)
        loaders = train_iter, test_iter, train_iter
        return [batch for loader in loaders for batch in loader]

    ours, theirs = (
        minibatches(small_files, 64),
        d2l.load_data_fashion_mnist(64),
    )
    assert [*map(len, ours)] == [*map(len, theirs)] == [5, 2]
    for pair in zip(batches(*ours), batches(*theirs), strict=True):
        for a, b in zip(*pair, strict=True):
            assert a.dtype == b.dtype
            assert torch.equal(a, b)


def test_each_epoch_has_each_image_once(fashion_mnist):
    for loader, size in zip(fashion_mnist, (60_000, 10_000)):
        labels = torch.cat([y for _, y in loader])
        assert torch.bincount(labels).tolist() == [size // 10] * 10


@pytest.mark.parametrize("batch_size", [0, -1, 2.5])
def test_a_batch_size_that_is_none_is_refused(batch_size, small_files):
    with pytest.raises(ValueError, match=rf"^batch_size .* not {batch_size}"):
        minibatches(small_files, batch_size)


def test_a_batch_may_be_of_one(small_files):
    assert [len(loader) for loader in minibatches(small_files, 1)] == [
        300,
        100,
    ]


@pytest.mark.parametrize("load", [load_data_fashion_mnist, load_data_mnist])
def test_the_files_are_those_of_the_folder_named(load, small_data):
    train_iter, test_iter = load(64, small_data)
    assert len(train_iter.dataset) == 300
    assert [len(y) for _, y in test_iter] == [64, 36]


def test_convolutions_give_channels_last(small_files):
    """So that a CPU is fast; slices and sums keep it."""
    X, _ = next(iter(minibatches(small_files, 64)[0]))
    maps = torch.nn.Conv2d(1, 6, 5)(X)
    assert maps.is_contiguous(memory_format=torch.channels_last)
