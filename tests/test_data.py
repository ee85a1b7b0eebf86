"""The loader, against d2l's own and torchvision's."""

import pytest
import torch
import torchvision

from lenet_d2l import d2l, load_data_fashion_mnist
from lenet_d2l.datasets.fashion_mnist import FASHION_MNIST, read_fashion_mnist


def lay_out_as_torchvision(root):
    """Write the four files where torchvision's class looks for them."""
    raw = root / "FashionMNIST" / "raw"
    raw.mkdir(parents=True)
    for name, content in read_fashion_mnist().items():
        (raw / name).write_bytes(content)


@pytest.fixture(scope="module")
def d2l_iters(tmp_path_factory):
    """d2l's own loader, over the same files laid out as torchvision does."""
    root = tmp_path_factory.mktemp("d2l")
    lay_out_as_torchvision(root / "data")
    (root / "book").mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root / "book")
        yield d2l.load_data_fashion_mnist(256)


# d2l asks for 4 worker processes, whatever the machine has
@pytest.mark.filterwarnings("ignore:This DataLoader will create 4 worker")
def test_minibatches_are_those_of_d2l_bit_for_bit(fashion_mnist, d2l_iters):
    """Two epochs, the shuffling of the second included, and the test set."""

    def all_batches(train_iter, test_iter):
        torch.manual_seed(42)
        for loader in (train_iter, test_iter, train_iter):
            yield from loader

    count = 0
    # Ours first and whole: both draw from the one global generator
    for ours, theirs in zip(
        list(all_batches(*fashion_mnist)),
        all_batches(*d2l_iters),
        strict=True,
    ):
        count += 1
        for a, b in zip(ours, theirs, strict=True):
            assert a.dtype == b.dtype
            assert torch.equal(a, b)
    assert count == 235 + 40 + 235


def test_lengths_are_those_of_d2l(fashion_mnist, d2l_iters):
    assert [len(i) for i in fashion_mnist] == [len(i) for i in d2l_iters]


def test_tensors_are_those_of_torchvision(tmp_path, fashion_mnist):
    lay_out_as_torchvision(tmp_path)
    for train, ours in zip((True, False), fashion_mnist):
        theirs = torchvision.datasets.FashionMNIST(tmp_path, train)
        X, y = ours.dataset.tensors
        assert torch.equal(X.squeeze(1) * 255, theirs.data.float())
        assert torch.equal(y, theirs.targets)


def test_the_seed_decides_the_order(fashion_mnist):
    def first(seed):
        torch.manual_seed(seed)
        return next(iter(fashion_mnist[0]))[1]

    assert torch.equal(first(1), first(1))
    assert not torch.equal(first(1), first(2))


def test_each_epoch_has_each_image_once(fashion_mnist):
    for loader, size in zip(fashion_mnist, (60_000, 10_000)):
        labels = torch.cat([y for _, y in loader])
        assert torch.bincount(labels).tolist() == [size // 10] * 10


def test_a_layout_like_torchvisions_is_found(tmp_path):
    lay_out_as_torchvision(tmp_path)
    assert read_fashion_mnist(tmp_path).keys() == FASHION_MNIST.sha256.keys()


@pytest.mark.parametrize("batch_size", [0, -1, 2.5])
def test_a_batch_size_that_is_none_is_refused(batch_size):
    with pytest.raises(ValueError, match="batch_size"):
        load_data_fashion_mnist(batch_size)


def test_convolutions_give_channels_last(fashion_mnist):
    """So that a CPU is fast; slices and sums keep it."""
    X, _ = next(iter(fashion_mnist[0]))
    maps = torch.nn.Conv2d(1, 6, 5)(X)
    assert maps.is_contiguous(memory_format=torch.channels_last)
