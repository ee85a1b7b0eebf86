import pytest
import torch
from torch import nn

from lenet_d2l import init_weights, layer_shapes, lenet

# The post's table: layer, output for one image, parameters
TABLE = [
    ("Reshape", (1, 28, 28), 0),
    ("Conv2d", (6, 28, 28), 156),
    ("Sigmoid", (6, 28, 28), 0),
    ("AvgPool2d", (6, 14, 14), 0),
    ("Conv2d", (16, 10, 10), 2_416),
    ("Sigmoid", (16, 10, 10), 0),
    ("AvgPool2d", (16, 5, 5), 0),
    ("Flatten", (400,), 0),
    ("Linear", (120,), 48_120),
    ("Sigmoid", (120,), 0),
    ("Linear", (84,), 10_164),
    ("Sigmoid", (84,), 0),
    ("Linear", (10,), 850),
]


def test_shapes_and_parameters_are_the_posts():
    net = lenet()
    rows = layer_shapes(net, torch.rand(3, 1, 28, 28))
    assert rows == [(name, (3, *shape)) for name, shape, _ in TABLE]
    assert str(rows[1]) == "Conv2d\toutput shape: torch.Size([3, 6, 28, 28])"
    counts = [sum(p.numel() for p in layer.parameters()) for layer in net]
    assert counts == [count for _, _, count in TABLE]
    assert sum(counts) == 61_706


def test_output_is_that_of_the_layers_written_out():
    """The net against torch's functions, called one after the other."""
    net = lenet()
    X = torch.rand(4, 1, 28, 28)
    f = nn.functional
    c1, c2, l1, l2, l3 = (net[i] for i in (1, 4, 8, 10, 12))
    h = torch.sigmoid(f.conv2d(X, c1.weight, c1.bias, padding=2))
    h = f.avg_pool2d(h, 2)
    h = torch.sigmoid(f.conv2d(h, c2.weight, c2.bias))
    h = f.avg_pool2d(h, 2).reshape(4, 400)
    h = torch.sigmoid(h @ l1.weight.T + l1.bias)
    h = torch.sigmoid(h @ l2.weight.T + l2.bias)
    torch.testing.assert_close(net(X), h @ l3.weight.T + l3.bias)


@pytest.mark.parametrize(
    "shape",
    [(5, 3, 28, 28), (28, 28), (5, 28, 28), (5, 1, 32, 32), (5, 784)],
)
def test_another_shape_is_refused_by_name(shape):
    with pytest.raises(ValueError, match=r"shape \(N, 1, 28, 28\)") as error:
        lenet()(torch.rand(shape))
    assert str(error.value).endswith(f"not {shape}")


@pytest.mark.parametrize(
    ("layer", "ends"),
    [(nn.Linear(400, 120), 400 + 120), (nn.Conv2d(6, 16, 5), 25 * (6 + 16))],
)
def test_weights_are_xaviers_uniform_and_biases_stay(layer, ends):
    bias = layer.bias.clone()
    init_weights(layer)
    limit = (6 / ends) ** 0.5
    assert layer.weight.abs().max() <= limit
    # The standard deviation of a uniform on [-a, a] is a / sqrt(3)
    assert layer.weight.std().item() == pytest.approx(
        limit / 3**0.5, rel=0.05
    )
    assert torch.equal(layer.bias, bias)


def test_layers_of_other_kinds_are_left_alone():
    norm = nn.BatchNorm2d(3)
    for layer in (nn.Sigmoid(), nn.Flatten(), norm):
        init_weights(layer)
    assert torch.equal(norm.weight, torch.ones(3))
