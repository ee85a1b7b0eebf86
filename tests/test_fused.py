"""The fused net against the plain one, which is its reference."""

import copy
import math
import shutil
import subprocess
import sys

import pytest
import torch
from torch import nn

from lenet_d2l import (
    FusedLeNet,
    init_weights,
    lenet,
    train_ch6,
    train_epoch,
)
from lenet_d2l.results.runs import load_weights, save_run
from lenet_d2l.speed import fused
from lenet_d2l.speed.fused import arithmetic, with_arithmetic

needs_c = pytest.mark.skipif(
    arithmetic("cpu").name == "plain", reason=arithmetic("cpu").reason
)


@pytest.fixture
def pair():
    """A plain net, and one with the same weights, fused."""
    if arithmetic("cpu").name == "plain":
        pytest.skip(arithmetic("cpu").reason)
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


# As many images as fill a group of lanes, fewer, more, and none
@pytest.mark.parametrize("n", [0, 1, 7, 16, 17, 96, 256])
def test_logits_and_gradients_are_right(n, pair, threads):
    """Against the plain net in double precision, and as near as in float."""
    plain, ours = pair
    exact = copy.deepcopy(plain).double()
    X, y = torch.rand(n, 1, 28, 28), torch.randint(10, (n,))
    for net, images in (plain, X), (ours, X), (exact, X.double()):
        # The sum, as the mean of none is no number
        nn.functional.cross_entropy(
            net(images), y, reduction="sum"
        ).backward()
    torch.testing.assert_close(ours(X), plain(X), rtol=1e-5, atol=1e-6)
    for e, *both in zip(*(net.parameters() for net in (exact, ours, plain))):
        for p in both:
            assert (p.grad - e.grad).norm() <= 5e-5 * e.grad.norm()


def test_large_logits_of_the_sigmoids_do_not_overflow(pair):
    for net in pair:
        with torch.no_grad():
            net[1].weight.mul_(1e4)
            net[4].bias.copy_(torch.linspace(-200, 200, 16))
    X = torch.rand(16, 1, 28, 28)
    plain, ours = pair
    torch.testing.assert_close(ours(X), plain(X), rtol=1e-4, atol=1e-5)


def test_the_same_run_twice_gives_the_same_bits(pair, threads):
    X, y = torch.rand(250, 1, 28, 28), torch.randint(10, (250,))
    runs = []
    for _ in range(2):
        pair[1].zero_grad()
        nn.functional.cross_entropy(pair[1](X), y).backward()
        runs.append([p.grad.clone() for p in pair[1].parameters()])
    assert all(map(torch.equal, *runs))


def test_it_trains_as_the_plain_net_does(pair, some_images):
    rows = []
    for net in pair:
        torch.manual_seed(3)
        records = train_ch6(net, some_images, some_images, 3, 0.9, "cpu")
        rows.append([r.train_loss for r in records])
        rows.append([(r.train_acc, r.test_acc) for r in records])
    assert rows[2] == pytest.approx(rows[0], abs=1e-5)
    torch.testing.assert_close(*rows[1::2], rtol=0, atol=2 / 600)


def test_a_loss_that_is_no_number_is_noticed(pair, some_images):
    """The way through the C code must not hide it."""
    net = pair[1]
    with torch.no_grad():
        net[1].weight[0, 0, 0, 0] = math.nan
    optimizer = torch.optim.SGD(net.parameters(), lr=0.9)
    with pytest.raises(FloatingPointError, match="batch 0: the loss is nan"):
        train_epoch(net, some_images, nn.CrossEntropyLoss(), optimizer, "cpu")


def test_its_layers_are_the_nets_and_drew_no_random_number(pair, tmp_path):
    net = lenet()
    before = torch.random.get_rng_state()
    ours = FusedLeNet(net)
    assert torch.equal(torch.random.get_rng_state(), before)
    assert all(a is b for a, b in zip(ours, net, strict=True))
    save_run(tmp_path, ours, [])
    load_weights(pair[0], tmp_path / "weights.safetensors")


# What cannot be fused


EXCHANGED = {
    **{i: nn.Identity() for i in range(8)},
    **{i: nn.ReLU() for i in (2, 5)},
    **{i: nn.MaxPool2d(2, 2) for i in (3, 6)},
    1: nn.Conv2d(1, 6, 5),
    4: nn.Conv2d(6, 16, 5, bias=False),
}


@pytest.mark.parametrize("i", range(8))
def test_another_net_is_refused_or_left_as_it_is(i):
    net = lenet()
    net[i] = EXCHANGED[i]
    for other in net, net[:7]:
        with pytest.raises(ValueError, match=r"only lenet\(\) can be fused"):
            FusedLeNet(other)
        assert with_arithmetic(other, "fused") is other


@pytest.mark.parametrize("i", range(13))
def test_a_layer_exchanged_later_is_the_one_that_computes(i, pair):
    """The first eight without the C code, the others after it."""
    net = pair[1]
    net[i] = EXCHANGED.get(i, nn.Softmax(dim=1) if i in (9, 11) else net[i])
    with torch.no_grad():
        for layer in net[8:]:
            for p in layer.parameters():
                p.mul_(2)
    X = torch.rand(2, 1, 28, 28)
    plain = nn.Sequential(*net)
    try:
        expected = plain(X)
    except RuntimeError:  # Of shapes that do not fit
        with pytest.raises(RuntimeError):
            net(X)
    else:
        torch.testing.assert_close(net(X), expected)


def test_a_batch_of_another_shape_is_refused(pair):
    with pytest.raises(ValueError, match=r"not \(2, 3, 28, 28\)"):
        pair[1](torch.rand(2, 3, 28, 28))


@pytest.fixture
def unused(monkeypatch):
    """No C code: it would read what is not there."""
    monkeypatch.setattr(fused, "Features", None)


def test_global_hooks_see_every_layer(pair, unused):
    seen = []
    hook = nn.modules.module.register_module_forward_hook(
        lambda layer, *_: seen.append(layer)
    )
    with hook:
        pair[1](torch.rand(2, 1, 28, 28))
    assert seen == [*pair[1], pair[1]]


@pytest.mark.parametrize("other", [torch.float64, "meta"])
def test_a_batch_of_another_type_or_device_is_refused(pair, other, unused):
    with pytest.raises(RuntimeError):
        pair[1](torch.rand(2, 1, 28, 28).to(other))


@pytest.mark.parametrize(
    "change",
    [
        lambda net: net.double(),
        lambda net: net.to("meta"),
        lambda net: net.__delitem__(slice(7, None)),
        lambda net: setattr(net[1], "padding_mode", "circular"),
        lambda net: setattr(net[2], "forward", torch.relu),
        lambda net: net[1].register_forward_hook(lambda *args: args[2] + 1),
    ],
)
def test_a_changed_net_computes_layer_by_layer(pair, change, unused):
    net = pair[1]
    change(net)
    X = torch.rand(2, 1, 28, 28).to(net[1].weight)
    torch.testing.assert_close(net(X), nn.Sequential(*net)(X))


class Images(torch.Tensor):
    """Tensors of a type of their own."""


@pytest.mark.parametrize(
    "call",
    [
        lambda net, X: net(X.requires_grad_()),
        lambda net, X: net(X.as_subclass(Images)),
        lambda net, X: torch.vmap(net)(X[None]),
        torch.autocast("cpu", torch.bfloat16)(lambda net, X: net(X)),
        lambda net, X: torch.compile(net, backend="eager")(X),
    ],
)
def test_what_the_c_code_cannot_do_the_layers_do(pair, call, unused):
    X = torch.rand(2, 1, 28, 28)
    torch.testing.assert_close(call(pair[1], X), call(pair[0], X))


def test_a_part_of_the_fused_net_is_a_plain_one(pair):
    plain, ours = pair
    features = torch.rand(2, 400)
    assert torch.equal(ours[8:](features), plain[8:](features))
    assert ours[-1] is list(ours)[-1]


# The compiled code


@pytest.fixture
def kept(monkeypatch, tmp_path):
    """Where compiled code is kept: nowhere yet."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    fused.library.cache_clear()
    yield tmp_path / "lenet_d2l" / "compiled"
    fused.library.cache_clear()


REASONS = {
    "it needs Linux, and this is darwin": (sys, "platform", "darwin"),
    "gcc is not installed": (shutil, "which", lambda name: None),
}
if arithmetic("cpu").name == "fused":
    REASONS["the compiled code computes something else"] = (
        fused,
        "LAYERS",
        nn.Sequential(*lenet()[:6], nn.MaxPool2d(2, 2), nn.Flatten()),
    )


@pytest.mark.parametrize("reason", REASONS)
def test_where_it_cannot_be_used_it_says_why(reason, kept, monkeypatch):
    monkeypatch.setattr(*REASONS[reason])
    with pytest.raises(RuntimeError, match=reason):
        FusedLeNet(lenet())
    assert arithmetic("cpu") == ("plain", reason)
    assert not kept.exists()


@needs_c
def test_what_the_compiler_says_is_passed_on(kept, monkeypatch, tmp_path):
    source = tmp_path / "fused.c"
    source.write_text("#error this processor is not for us\n")
    monkeypatch.setattr(fused, "SOURCE", source)
    with pytest.raises(RuntimeError, match="this processor is not for us"):
        FusedLeNet(lenet())


@needs_c
def test_arithmetic_is_plain_if_asked_for_or_not_on_a_cpu():
    assert arithmetic("cpu").name == "fused"
    assert arithmetic("cpu", plain=True) == ("plain", "as asked")
    assert arithmetic("cuda:1") == ("plain", "the device is cuda")


@needs_c
def test_it_is_kept_and_used_again(kept, monkeypatch):
    fused.library()
    fused.library.cache_clear()
    monkeypatch.setattr(fused, "compile_and_keep", None)
    fused.library()


@pytest.mark.slow
@needs_c
def test_two_processes_may_compile_it_at_once(kept):
    code = "from lenet_d2l.speed import fused; print(fused.arithmetic('cpu'))"
    command = [sys.executable, "-c", code]
    several = [
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        for _ in "12"
    ]
    said = [process.communicate()[0] for process in several]
    assert all(line.startswith("arithmetic: fused") for line in said)
    (file,) = kept.iterdir()
    assert fused.load_kept(file)


@needs_c
@pytest.mark.parametrize(
    "change",
    [
        lambda file: file.write_bytes(file.read_bytes()[:-1]),
        lambda file: file.chmod(0o620),
        lambda file: file.parent.chmod(0o702),
        lambda file: file.symlink_to(file.rename(file.with_suffix(".old"))),
    ],
)
def test_it_is_not_used_if_damaged_or_open_to_others(change, kept):
    fused.library()
    (file,) = kept.iterdir()
    change(file)
    assert fused.load_kept(file) is None


@needs_c
def test_it_need_not_be_kept(kept):
    kept.parent.touch()  # A file in the place of the folder
    fused.library()
