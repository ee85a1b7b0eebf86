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
    assert d2l.evaluate_accuracy_gpu(net, data) == right / 131


@pytest.mark.parametrize(
    ("net", "device"), [(lenet().to("meta"), None), (nn.Flatten(), "meta")]
)
def test_minibatches_go_to_the_device_given_or_to_that_of_the_net(
    net, device, monkeypatch
):
    """On PyTorch's device without memory, in the place of a GPU."""
    seen = []

    def accuracy(*tensors):
        seen.extend(tensor.device.type for tensor in tensors)
        return 1

    monkeypatch.setattr(d2l, "accuracy", accuracy)
    assert evaluate_accuracy_gpu(net, batches(2, 3), device) == 2 / 5
    assert seen == ["meta"] * 4


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (batches(4), None),
        ([], "^data_iter gives no example"),
        ([(torch.rand(2, 3, 28, 28), torch.zeros(2))], "LeNet takes"),
    ],
)
def test_every_module_keeps_its_mode_even_after_an_error(data, message):
    net = nn.Sequential(lenet(), nn.Dropout(), nn.Dropout())
    net[1].eval()
    before = [module.training for module in net.modules()]
    if message is None:
        evaluate_accuracy_gpu(net, data)
    else:
        with pytest.raises(ValueError, match=message):
            evaluate_accuracy_gpu(net, data)
    assert [module.training for module in net.modules()] == before


def test_it_evaluates_in_evaluation_mode_and_without_a_graph():
    """Dropout of everything would make all answers class 0 in training."""

    class Watch(nn.Module):
        def forward(self, X):
            self.with_graph = X.requires_grad
            return X

    net = nn.Sequential(lenet(), nn.Dropout(p=1.0), Watch())
    X = torch.rand(64, 1, 28, 28)
    y = net[0](X).argmax(dim=1)
    assert y.max() > 0
    assert evaluate_accuracy_gpu(net, [(X, y)]) == 1
    assert not net[2].with_graph
    assert torch.is_grad_enabled()
