"""LeNet-5 against the paper's own figures, and its parts one by one."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from lenet_d2l import (
    RBF,
    PaperInput,
    PartialConv2d,
    ScaledTanh,
    Subsampling,
    discriminative_map,
    init_lenet5,
    layer_counts,
    lenet,
    lenet5_1998,
    mean_square,
)
from lenet_d2l.paper.lenet5 import BITMAPS, C3_TABLE

# LeCun et al. 1998, section II.B: parameters, connections, size of a map.
# Of the output it states neither count; they are what its totals leave
PAPER = {
    "C1": (156, 122_304, (6, 28, 28)),
    "S2": (12, 5_880, (6, 14, 14)),
    "C3": (1_516, 151_600, (16, 10, 10)),
    "S4": (32, 2_000, (16, 5, 5)),
    "C5": (48_120, 48_120, (120, 1, 1)),
    "F6": (10_164, 10_164, (84,)),
    "output": (0, 840, (10,)),
}


# The whole


def test_layers_hold_and_do_what_the_paper_says():
    counts = layer_counts(lenet5_1998(), torch.zeros(1, 1, 28, 28))
    ours = [
        (c.parameters, c.connections, tuple(c.shape))
        for c in counts
        if c.connections
    ]
    assert ours == list(PAPER.values())
    assert sum(c.parameters for c in counts) == 60_000
    assert sum(c.connections for c in counts) == 340_908


@pytest.mark.parametrize(
    ("net", "multiply_adds"),
    [
        (lenet, 416_520),
        # One product for each output of S2 and S4; 36 links fewer in C3
        (lenet5_1998, 416_520 + 1_176 + 400 - 36 * 25 * 100),
    ],
)
def test_multiply_adds_of_a_net(net, multiply_adds):
    counts = layer_counts(net(), torch.zeros(1, 1, 28, 28))
    assert sum(c.multiply_adds for c in counts) == multiply_adds


@pytest.mark.parametrize(
    "layer",
    [nn.BatchNorm2d(1), nn.ConvTranspose2d(1, 1, 2), nn.PReLU()],
)
def test_a_layer_that_cannot_be_counted_is_an_error(layer):
    kind = type(layer).__name__
    with pytest.raises(ValueError, match=f"cannot count a {kind}"):
        layer_counts(nn.Sequential(layer), torch.zeros(1, 1, 4, 4))


def test_every_parameter_is_trained():
    net = lenet5_1998()
    outputs = net(torch.rand(3, 1, 28, 28))
    mean_square(outputs, torch.tensor([0, 1, 2])).backward()
    assert all(p.grad.abs().sum() > 0 for p in net.parameters())


# The parts


def test_input_is_the_papers_and_only_of_the_posts_images():
    X = torch.rand(3, 1, 28, 28)
    out = PaperInput()(X)
    expected = torch.full((3, 1, 32, 32), -0.1)
    expected[..., 2:-2, 2:-2] += X * (0.1 + 1.175)
    torch.testing.assert_close(out, expected)
    with pytest.raises(ValueError, match=r"\(N, 1, 28, 28\), not \("):
        PaperInput()(torch.zeros(3, 1, 32, 32))


def test_squashing_function_keeps_one_and_bends_most_there():
    f = ScaledTanh()
    ends = f(torch.tensor([-1.0, 0.0, 1.0, 100.0]))
    assert ends.tolist() == pytest.approx([-1, 0, 1, 1.7159], abs=1e-4)
    a = torch.linspace(0, 3, 3001, dtype=torch.float64)
    bend = torch.gradient(torch.gradient(f(a))[0])[0][5:-5]
    assert a[5:-5][bend.argmin()].item() == pytest.approx(1.0, abs=0.02)


def test_subsampling_adds_scales_and_shifts():
    layer = Subsampling(2)
    X = torch.arange(32.0).reshape(1, 2, 4, 4)
    assert torch.equal(layer(X), F.avg_pool2d(X, 2))
    with torch.no_grad():
        layer.coefficient[:] = torch.tensor([2.0, 3.0])[:, None, None]
        layer.bias[:] = torch.tensor([0.5, -0.5])[:, None, None]
    out = layer(X)
    assert out[0, 0, 0, 0] == 2 * (0 + 1 + 4 + 5) + 0.5
    assert out[0, 1, 1, 1] == 3 * (26 + 27 + 30 + 31) - 0.5


def test_a_map_of_c3_is_a_convolution_of_those_that_the_table_says():
    # The paper's table I, column by column
    columns = "012 123 234 345 045 015 0123 1234 2345 0345 0145 0125 "
    columns += "0134 1245 0235 012345"
    assert [(*map(int, seen),) for seen in columns.split()] == [*C3_TABLE]
    layer = PartialConv2d(C3_TABLE, 5)
    X = torch.rand(2, 6, 14, 14)
    weights = layer.weight.split([len(seen) for seen in C3_TABLE])
    maps = [
        F.conv2d(X[:, list(seen)], weight[None], bias[None])
        for seen, weight, bias in zip(C3_TABLE, weights, layer.bias)
    ]
    torch.testing.assert_close(layer(X), torch.cat(maps, dim=1))


def test_output_is_minus_the_squared_distance_to_each_bitmap():
    bitmaps = torch.tensor(BITMAPS, dtype=torch.float32)
    assert bitmaps.shape == (10, 12, 7)
    assert set(bitmaps.unique().tolist()) == {-1, 1}
    codes = bitmaps.reshape(10, 84)
    assert torch.pdist(codes, p=0).min() >= 10
    layer = RBF()
    differing = (codes[:, None] != codes).sum(dim=2)
    assert torch.equal(layer(codes), -4.0 * differing)
    assert not list(layer.parameters())


# The first weights


def test_first_weights_are_uniform_within_the_papers_reach():
    torch.manual_seed(3)
    net = nn.Sequential(
        nn.Conv2d(3, 200, 5), nn.Linear(60, 200), Subsampling(500)
    ).apply(init_lenet5)
    for layer, fan_in in zip(net, (75, 60, 4)):
        values = torch.cat([p.flatten() for p in layer.parameters()])
        reach, sd = 2.4 / fan_in, 2.4 / fan_in / math.sqrt(3)
        assert 0.99 * reach < values.abs().max() <= reach
        assert values.std().item() == pytest.approx(sd, rel=0.05)
        assert values.mean().abs() < 0.1 * sd


def test_each_map_of_c3_has_a_reach_of_its_own():
    torch.manual_seed(3)
    layer = PartialConv2d(((0,), (0, 1, 2, 3)), 25)
    init_lenet5(layer)
    one, four = layer.weight.split([1, 4])
    for weights, reach in (one, 2.4 / 625), (four, 2.4 / 2500):
        assert 0.98 * reach < weights.abs().max() <= reach
    assert layer.bias[1].abs() <= 2.4 / 2500


# The losses


def test_mean_square_is_the_mean_penalty_of_the_right_class():
    outputs = -torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    assert mean_square(outputs, torch.tensor([2, 0])) == (3 + 4) / 2


def test_discriminative_map_is_the_papers_equation():
    penalties = torch.tensor([[1.0, 2.0, 3.0], [0.5, 5.0, 9.0]])
    j = 1.5
    rest = torch.log(math.exp(-j) + torch.exp(-penalties).sum(dim=1))
    expected = ((3.0 + rest[0]) + (0.5 + rest[1])) / 2
    loss = discriminative_map(-penalties, torch.tensor([2, 0]), j)
    torch.testing.assert_close(loss, expected)


def test_a_penalty_far_above_j_is_pushed_no_further():
    penalties = torch.tensor([[1.0, 50.0]], requires_grad=True)
    discriminative_map(-penalties, torch.tensor([0]), 5.0).backward()
    assert abs(penalties.grad[0, 1]) < 1e-15
    assert penalties.grad[0, 0] > 0
