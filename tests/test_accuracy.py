import pytest
import torch
from torch import nn

from lenet_d2l import d2l, evaluate_accuracy_gpu, lenet


def batches(*sizes):
    """Minibatches of random images and labels of these sizes."""
    return [
        (torch.rand(n, 1, 28, 28), torch.randint(10, (n,))) for n in sizes
    ]


def test_it_counts_examples_not_batches():
    """Against counting by hand, with minibatches of unequal size."""
    net, data = lenet(), batches(64, 64, 3)
    # Make the small batch all right, so that a mean over batches differs
    X, _ = data[2]
    data[2] = (X, net(X).argmax(dim=1))
    right = sum(
        int(label == logits.argmax())
        for X, y in data
        for label, logits in zip(y, net(X))
    )
    assert evaluate_accuracy_gpu(net, data) == right / 131


def test_it_agrees_with_d2l(some_images):
    net = lenet()
    ours = evaluate_accuracy_gpu(net, some_images)
    assert ours == d2l.evaluate_accuracy_gpu(net, some_images)


def test_the_mode_of_every_module_is_restored():
    net = nn.Sequential(lenet(), nn.Dropout(), nn.Dropout())
    net.train()
    net[1].eval()
    before = [module.training for module in net.modules()]
    evaluate_accuracy_gpu(net, batches(4))
    assert [module.training for module in net.modules()] == before


def test_the_mode_is_restored_after_an_error():
    net = lenet().train()
    with pytest.raises(ValueError):
        evaluate_accuracy_gpu(
            net, [(torch.rand(2, 3, 28, 28), torch.zeros(2))]
        )
    assert net.training


def test_it_evaluates_in_evaluation_mode():
    """Dropout of everything would make all answers class 0 in training."""
    net = nn.Sequential(lenet(), nn.Dropout(p=1.0)).train()
    X = torch.rand(64, 1, 28, 28)
    y = net[0](X).argmax(dim=1)
    assert y.max() > 0
    assert evaluate_accuracy_gpu(net, [(X, y)]) == 1


def test_no_graph_is_kept():
    class Watch(nn.Module):
        def forward(self, X):
            self.with_graph = X.requires_grad
            return X

    net = nn.Sequential(lenet(), Watch())
    evaluate_accuracy_gpu(net, batches(4))
    assert not net[1].with_graph
    assert torch.is_grad_enabled()


def test_no_example_is_an_error():
    with pytest.raises(ValueError, match="no example"):
        evaluate_accuracy_gpu(lenet(), [])
