"""The fused net against the plain one, which is its reference."""

import copy
import math
import shutil
import subprocess
import sys

import pytest
import torch
from torch import nn

from lenet_d2l import FusedLeNet, init_weights, lenet
from lenet_d2l.results.runs import load_weights, save_run
from lenet_d2l.speed import fused
from lenet_d2l.speed.fused import arithmetic, with_arithmetic


@pytest.fixture
def needs_c():
    """Skip where there is no gcc; where there is, the code has to work."""
    if sys.platform != "linux" or shutil.which("gcc") is None:
        pytest.skip("no gcc on Linux")
    fused.library()


@pytest.fixture
def pair(needs_c):
    """A plain net, and one with the same weights, fused."""
    plain = lenet()
    plain.apply(init_weights)
    return plain, FusedLeNet(copy.deepcopy(plain))


@pytest.fixture(params=[1, 2, 3])
def threads(request):
    """So many threads; a machine may have fewer cores."""
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield
    torch.set_num_threads(before)


# As many images as fill groups of lanes, fewer, more, and none
@pytest.mark.parametrize("n", [0, 1, 16, 17, 250])
def test_logits_and_gradients_are_right_and_always_the_same(n, pair, threads):
    """Against the plain net in double precision, and as near as in float."""
    plain, ours = pair
    exact, again = copy.deepcopy(plain).double(), copy.deepcopy(ours)
    X, y = torch.rand(n, 1, 28, 28), torch.randint(10, (n,))
    nets = exact, ours, plain, again
    for net, images in zip(nets, (X.double(), X, X, X)):
        # The sum, as the mean of none is no number
        nn.functional.cross_entropy(
            net(images), y, reduction="sum"
        ).backward()
    torch.testing.assert_close(ours(X), plain(X), rtol=1e-5, atol=1e-6)
    for e, *both, a in zip(*(net.parameters() for net in nets)):
        for p in both:
            assert (p.grad - e.grad).norm() <= 5e-5 * e.grad.norm()
        assert torch.equal(a.grad, both[0].grad)


@pytest.mark.parametrize("factor", [1e4, math.nan])
def test_large_numbers_do_not_overflow_and_nan_is_not_hidden(factor, pair):
    for net in pair:
        with torch.no_grad():
            net[1].weight.mul_(factor)
            net[4].bias.copy_(torch.linspace(-200, 200, 16))
    X = torch.rand(16, 1, 28, 28)
    plain, ours = (net(X) for net in pair)
    torch.testing.assert_close(
        ours, plain, rtol=1e-4, atol=1e-5, equal_nan=True
    )


def test_its_layers_are_the_nets_and_drew_no_random_number(pair, tmp_path):
    net = lenet()
    before = torch.random.get_rng_state()
    ours = FusedLeNet(net)
    assert torch.equal(torch.random.get_rng_state(), before)
    assert all(a is b for a, b in zip(ours, net, strict=True))
    assert type(ours[8:]) is nn.Sequential
    save_run(tmp_path, ours, [])
    load_weights(pair[0], tmp_path / "weights.safetensors")


# What cannot be fused


class Images(torch.Tensor):
    """Tensors of a type of their own."""


# In the place of each layer, one of the same shapes that gives other numbers
OTHERS = [
    nn.Hardshrink(),
    nn.Conv2d(1, 6, 5, padding=2, padding_mode="circular"),
    nn.ReLU(),
    nn.MaxPool2d(2, 2),
    nn.Conv2d(6, 16, 5, bias=False),
    nn.ReLU(),
    nn.MaxPool2d(2, 2),
    nn.Sequential(nn.Flatten(), nn.Tanh()),
    *(nn.Linear(400, 120), nn.Tanh(), nn.Linear(120, 84), nn.Tanh()),
    nn.Linear(84, 10),
]


@pytest.mark.parametrize("i", range(13))
def test_another_layer_is_the_one_that_computes(i, pair):
    """Exchanged in a fused net; exchanged before, the net stays plain."""
    X, (plain, ours) = torch.rand(2, 1, 28, 28), pair
    before = ours(X)
    plain[i] = ours[i] = OTHERS[i]
    assert not torch.allclose(plain(X), before)
    torch.testing.assert_close(ours(X), plain(X))
    assert (with_arithmetic(plain, "fused") is plain) == (i < 8)


def test_a_net_that_begins_otherwise_is_refused():
    for other in lenet()[:7], lenet()[1:]:
        with pytest.raises(ValueError, match=r"only lenet\(\) can be fused"):
            FusedLeNet(other)


@pytest.fixture
def unused(monkeypatch):
    """No C code: it would read what is not there."""
    monkeypatch.setattr(fused, "Features", None)


def changed(change):
    """Return how to call a net after ``change(net)``."""

    def call(net, X):
        change(net)
        return net(X.to(net[1].weight))

    return call


def hooked(net, X):
    with nn.modules.module.register_module_forward_hook(
        lambda layer, inputs, output: output + 1
    ):
        return net(X)


@pytest.mark.parametrize(
    "call",
    [
        changed(lambda net: net.double()),
        changed(lambda net: net.to("meta")),
        changed(lambda net: net.__delitem__(slice(7, None))),
        changed(lambda net: setattr(net[1], "padding_mode", "circular")),
        changed(lambda net: setattr(net[2], "forward", torch.relu)),
        changed(
            lambda net: net[1].register_forward_hook(lambda *a: a[2] + 1)
        ),
        hooked,
        lambda net, X: net(X.requires_grad_()),
        lambda net, X: net(X.as_subclass(Images)),
        lambda net, X: torch.vmap(net)(X[None]),
        torch.autocast("cpu", torch.bfloat16)(lambda net, X: net(X)),
        lambda net, X: torch.compile(net, backend="eager")(X),
    ],
)
def test_what_the_c_code_cannot_do_the_layers_do(call, pair, unused):
    X = torch.rand(2, 1, 28, 28)
    expected, ours = (call(net, X) for net in pair)
    torch.testing.assert_close(ours, expected)


def test_a_batch_that_the_layers_refuse_is_refused(pair, unused):
    X = torch.rand(2, 1, 28, 28)
    for wrong in X.double(), X.to("meta"), X.expand(-1, 3, -1, -1):
        with pytest.raises((ValueError, RuntimeError)):
            pair[1](wrong)


# The compiled code


@pytest.fixture
def kept(monkeypatch, tmp_path):
    """Where compiled code is kept: nowhere yet."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    fused.library.cache_clear()
    yield tmp_path / "lenet_d2l" / "compiled"
    fused.library.cache_clear()


def test_where_it_cannot_be_used_it_says_why(kept, monkeypatch):
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert arithmetic("cpu") == ("plain", "gcc is not installed")
    monkeypatch.setattr(sys, "platform", "darwin")
    reason = "it needs Linux, and this is darwin"
    assert arithmetic("cpu") == ("plain", reason)
    with pytest.raises(RuntimeError, match=reason):
        FusedLeNet(lenet())
    assert arithmetic("cpu", plain=True) == ("plain", "as asked")
    assert arithmetic("cuda:1") == ("plain", "the device is cuda")


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("#include <omp.h>", "#warning !\n#error not for us", "not for us"),
        (") / 4;", ") / 5;", "the compiled code computes something else"),
        ("* s * (1 - s);", "* s;", "the compiled code computes something"),
    ],
)
def test_code_that_is_not_right_is_neither_used_nor_kept(
    old, new, reason, needs_c, kept, monkeypatch, tmp_path
):
    source = tmp_path / "fused.c"
    shutil.copy(fused.SOURCE.with_name("convolution.h"), tmp_path)
    source.write_text(fused.SOURCE.read_text().replace(old, new))
    monkeypatch.setattr(fused, "SOURCE", source)
    with pytest.raises(RuntimeError, match=reason):
        FusedLeNet(lenet())
    assert not kept.exists()


@pytest.mark.slow
def test_two_processes_may_compile_it_at_once(needs_c, kept):
    code = "from lenet_d2l.speed import fused; print(fused.arithmetic('cpu'))"
    command = [sys.executable, "-c", code]
    several = [
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        for _ in "12"
    ]
    for process in several:
        assert process.communicate()[0].startswith("arithmetic: fused")
    (file,) = kept.iterdir()
    assert fused.load_kept(file)


@pytest.mark.parametrize(
    "change",
    [
        None,
        lambda file: file.write_bytes(file.read_bytes()[:-1]),
        lambda file: file.chmod(0o620),
        lambda file: file.parent.chmod(0o702),
        lambda file: file.symlink_to(file.rename(file.with_suffix(".old"))),
    ],
)
def test_it_is_used_again_unless_damaged_or_open_to_others(
    change, needs_c, kept, monkeypatch
):
    fused.library()
    (file,) = kept.iterdir()
    if change:
        change(file)
    compiled = []
    monkeypatch.setattr(fused, "compile_and_keep", compiled.append)
    fused.library.cache_clear()
    fused.library()
    assert compiled == ([file] if change else [])


def test_it_need_not_be_kept(needs_c, kept):
    kept.parent.touch()  # A file in the place of the folder
    fused.library()
