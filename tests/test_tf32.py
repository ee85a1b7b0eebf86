"""The rounding of TF32, and the net that convolves with it."""

import pytest
import tf32
import torch
from hypothesis import given
from hypothesis import strategies as st

from lenet_d2l import lenet

ULP = 2.0**-tf32.BITS  # From 1 to the next number of TF32


@pytest.mark.parametrize(
    ("x", "expected"),
    [
        (0.0, 0.0),
        (1.0, 1.0),
        (1 + 0.4 * ULP, 1.0),
        (1 + 0.6 * ULP, 1 + ULP),
        # Half way between two, the even one
        (1 + 0.5 * ULP, 1.0),
        (1 + 1.5 * ULP, 1 + 2 * ULP),
        (-1 - 0.6 * ULP, -1 - ULP),
        (2 - 0.1 * ULP, 2.0),
    ],
)
def test_numbers_are_rounded_to_the_nearest_of_tf32(x, expected):
    assert tf32.rounded(torch.tensor([x])).item() == expected


@given(st.floats(-(2.0**100), 2.0**100, width=32, allow_subnormal=False))
def test_an_error_is_at_most_half_a_unit_and_none_the_second_time(x):
    X = torch.tensor([x])
    coarse = tf32.rounded(X)
    assert (coarse - X).abs() <= X.abs() * ULP / 2
    assert torch.equal(tf32.rounded(coarse), coarse)


def test_the_net_has_the_weights_of_the_seed_and_nearly_its_gradients(
    some_images,
):
    X = some_images.dataset.tensors[0][:50]
    torch.manual_seed(3)
    plain, after = lenet(), torch.rand(1)
    torch.manual_seed(3)
    coarse = tf32.lenet_in_tf32()
    assert torch.equal(torch.rand(1), after)
    for net in plain, coarse:
        net(X).square().sum().backward()
    pairs = zip(plain.parameters(), coarse.parameters(), strict=True)
    for i, (a, b) in enumerate(pairs):
        assert torch.equal(a, b)
        error = (a.grad - b.grad).norm() / a.grad.norm()
        assert error < ULP
        if i == 0:  # Rounded, to be sure
            assert error > ULP / 100
