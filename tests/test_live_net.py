"""LeNet as an object of the page: in Chromium, from a file on disk."""

import json
import struct

import numpy as np
import pytest
from safetensors.numpy import save

from lenet_d2l.datasets.fashion_mnist import read_fashion_mnist
from lenet_d2l.results.runs import PUBLISHED, WEIGHTS

NET = "dom maps data net safetensors data/weights data/images"
READ = """bytes => {
  try {
    return LeNet.fromSafetensors(new Uint8Array(bytes).buffer).activation;
  } catch (error) {
    return error.message;
  }
}"""


@pytest.fixture
def page(open_live):
    return open_live(NET)


def published():
    return (PUBLISHED / WEIGHTS).read_bytes()


def changed(**arrays):
    """The published weights, some of them others or (None) missing."""
    length = struct.unpack("<Q", published()[:8])[0]
    header = json.loads(published()[8 : 8 + length])
    weights = {
        name: np.zeros(entry["shape"], np.float32)
        for name, entry in header.items()
    } | {name.replace("_", "."): array for name, array in arrays.items()}
    return save({k: v for k, v in weights.items() if v is not None})


def test_the_published_file_is_read_and_written(page):
    same = page.evaluate(
        """bytes => {
          const net = LeNet.fromSafetensors(new Uint8Array(bytes).buffer);
          const again = LeNet.fromSafetensors(net.toSafetensors().buffer);
          const there = LeNet.published().weights();
          return [net, again].map((each) =>
            each.weights().every((weight, i) => weight === there[i]));
        }""",
        list(published()),
    )
    assert same == [True, True]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "no safetensors file"),
        (b"hello, I am a text file", "no safetensors file"),
        (struct.pack("<Q", 2**60) + b"{}", "no safetensors file"),
        (struct.pack("<Q", 4) + b"null", "of another net"),
        (struct.pack("<Q", 10) + b'{"a":null}', "of another net"),
        (published()[:-1], "damaged"),
        (changed(**{"12_bias": None}), "the shape of 12.bias is missing"),
        (
            changed(**{"12_bias": np.zeros(11, np.float32)}),
            "12.bias is [11], LeNet's is [10]",
        ),
        (changed(**{"12_bias": np.zeros(10)}), "12.bias is not of float32"),
        (changed(extra=np.zeros(1, np.float32)), "it has more layers"),
        (
            changed(**{"12_bias": np.full(10, np.nan, np.float32)}),
            "Not all numbers in this file are finite",
        ),
        (changed(), "sigmoid"),
    ],
)
def test_a_file_of_weights_that_will_not_do(page, content, said):
    assert said in page.evaluate(READ, list(content))


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("new LeNet(new Float32Array(7))", "61706 weights, not 7"),
        ("LeNet.published().forward([0, 1])", "784 pixels, not 2"),
        ('new LeNet(W, {activation: "step"})', "sigmoid, tanh or relu"),
        ('new LeNet(W, {pooling: "min"})', "mean or max"),
        ("LeNet.published().forward(new Array(784).fill(NaN))", "finite"),
    ],
)
def test_misuse_is_an_error_that_says_what_is_right(page, code, said):
    message = page.evaluate(
        f"""() => {{
          const W = LeNet.published().weights();
          try {{ {code}; return "no error" }} catch (error) {{
            return error.message;
          }}
        }}"""
    )
    assert said in message


@pytest.mark.slow
def test_an_epoch_of_the_whole_data_has_the_published_digits(
    open_live, tmp_path
):
    page = open_live(
        "dom maps net data safetensors train", '<div data-live="train"></div>'
    )
    files = []
    for name, content in read_fashion_mnist().items():
        files.append(tmp_path / name)
        files[-1].write_bytes(content)
    page.get_by_label("Data").select_option("files")
    page.get_by_label("The four files").set_input_files(files)
    page.get_by_text("✓").nth(3).wait_for(timeout=60_000)
    page.get_by_label("Epochs").fill("1")
    page.get_by_role("button", name="Start", exact=True).click()
    message = page.locator(".live-message", has_text="Done after 235 steps")
    message.wait_for(timeout=120_000)
    assert "All 3 numbers agree" in message.inner_text()
