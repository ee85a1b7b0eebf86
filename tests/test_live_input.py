"""What a reader chooses, draws or opens in the page, against Python's."""

import base64
import io
from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision.transforms.functional as TF
from PIL import Image, ImageDraw
from torchvision.transforms import InterpolationMode

from lenet_d2l import read_picture

LIVE = Path(__file__).parents[1] / "book/_extra/live"
CHROMIUM = Path("/usr/bin/chromium")


@pytest.fixture(scope="module")
def browser():
    playwright = pytest.importorskip("playwright.sync_api")
    if not CHROMIUM.exists():
        pytest.skip("no Chromium")
    with playwright.sync_playwright() as p:
        yield p.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"]
        )


@pytest.fixture
def page(browser, tmp_path):
    """A page from disk with the scripts of the first chapter's input."""
    names = "dom maps data picture draw distort input"
    scripts = "".join(
        f'<script src="{(LIVE / name).as_uri()}.js"></script>'
        for name in names.split()
        if (LIVE / f"{name}.js").exists()
    )
    file = tmp_path / "page.html"
    file.write_text(
        f'<!doctype html><html lang="en"><meta charset="utf-8">'
        f'<link rel="stylesheet" href="{(LIVE / "live.css").as_uri()}">'
        f"<main></main>{scripts}"
    )
    page = browser.new_page()
    errors = []
    page.on("pageerror", lambda error: errors.append(error))
    page.goto(file.as_uri())
    yield page
    page.close()
    assert not errors


OPENED = """async ([name, text]) => {
  const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  try {
    const file = new File([bytes], name);
    return {pixels: [...await live.openPicture(file)]};
  } catch (error) {
    return {message: error.message};
  }
}"""


def opened(page, content, name="mine.png"):
    text = base64.b64encode(content).decode()
    return page.evaluate(OPENED, [name, text])


def png(picture, kind="PNG", **settings):
    stream = io.BytesIO()
    picture.save(stream, kind, **settings)
    return stream.getvalue()


def boot():
    picture = Image.new("RGB", (300, 240), "white")
    draw = ImageDraw.Draw(picture)
    draw.rectangle((120, 20, 159, 219), fill=(40, 70, 60))
    draw.rectangle((120, 160, 219, 219), fill=(40, 70, 60))
    return picture


def pictures(images):
    """Pictures of many kinds, by their names."""
    rng = np.random.default_rng(0)

    def noise(*shape):
        return Image.fromarray(rng.integers(0, 256, shape, np.uint8))

    made = {}
    for k in range(3):
        made[f"image {k} of the data"] = images[k]
        made[f"image {k}, negated"] = Image.eval(images[k], lambda v: 255 - v)
    photo = Image.new("L", (700, 600), "white")
    photo.paste(made["image 0, negated"].resize((420, 420)), (40, 150))
    made["a photograph"] = photo
    for mode in "RGBA", "LA", "P", "1":
        made[f"a photograph in {mode}"] = photo.convert(mode)
    sizes = [(28, 28), (29, 28), (28, 31), (17, 5), (3, 90), (2, 2), (1, 9)]
    sizes += rng.integers(1, 400, (9, 2)).tolist()
    for k, (width, height) in enumerate(sizes):
        # In odd margins: an item of many colours, on each kind of ground
        ground = tuple(rng.integers(0, 256, 3).tolist())
        left, top, right, bottom = rng.integers(1, 60, 4).tolist()
        size = width + left + right, height + top + bottom
        picture = Image.new("RGB", size, ground)
        picture.paste(noise(height, width, 3), (left, top))
        made[f"noise {width}×{height} on {ground}"] = picture
        made[f"as grey {k}"] = picture.convert("L")
        picture = picture.convert("RGBA")
        picture.putalpha(noise(*size[::-1]))
        made[f"half transparent {k}"] = picture
    clear = Image.new("RGBA", (300, 200), (0, 0, 0, 0))
    draw = ImageDraw.Draw(clear)
    draw.ellipse((30, 21, 250, 170), fill=(90, 20, 160, 255))
    draw.rectangle((100, 50, 140, 120), fill=(250, 200, 10, 128))
    made["a cut-out"] = clear
    return made


@pytest.fixture(scope="module")
def images(fashion_mnist):
    pixels = fashion_mnist[1].dataset.tensors[0][:100, 0]
    return [
        Image.fromarray((255 * image).round().byte().numpy())
        for image in pixels
    ]


def test_a_picture_file_becomes_the_same_numbers(page, images, tmp_path):
    file = tmp_path / "mine.png"
    differences = {}
    for name, picture in pictures(images).items():
        file.write_bytes(png(picture))
        expected = read_picture(file).numpy().ravel()
        found = opened(page, file.read_bytes())
        difference = np.abs(np.array(found["pixels"], "f4") - expected)
        differences[name] = float(255 * difference.max())
    assert max(differences.values()) == 0


def test_what_is_no_picture_is_refused_in_words(page):
    """And an enormous one before it is decoded: this one has no pixels."""
    pale = Image.new("L", (100, 100), 200)
    pale.paste(255, (20, 20, 60, 60))
    enormous = bytearray(png(Image.new("1", (1, 1)))[:33])
    enormous[16:24] = (9460).to_bytes(4) * 2
    long = bytearray(enormous)
    long[16:24] = (32768).to_bytes(4) + (2).to_bytes(4)
    for content, reason in [
        (b"milk, bread, and a pair of shoes\n" * 9, "is no picture in PNG"),
        (b"", "is no picture in PNG"),
        (png(Image.new("RGB", (50, 60), "red")), "it has one colour"),
        (png(pale), "nothing stands out in grey"),
        (png(boot())[:300], "is damaged, or too large"),
        (bytes(enormous), "has more than 89,478,485 pixels"),
        (bytes(long), "a side of more than 32,767 pixels"),
    ]:
        message = opened(page, content, "list.png")["message"]
        assert message.startswith("list.png ")
        assert reason in message


@pytest.mark.parametrize("kind", ["JPEG", "WEBP", "GIF", "BMP"])
def test_other_formats_are_opened_too(page, kind):
    assert sum(opened(page, png(boot(), kind))["pixels"]) > 100


def moved(images, angle, right, down):
    """As chapter 9 moves images."""
    return TF.affine(
        images, angle, [right, down], 1, [0.0], InterpolationMode.BILINEAR
    )


def test_images_move_as_in_chapter_9(page, images):
    X = np.stack([np.asarray(image, "f4") / 255 for image in images[:20]])
    distorted = "([x, c]) => x.map((x) => [...live.distorted(x, c)])"

    def found(**change):
        pixels = X.reshape(len(X), 784).tolist()
        values = page.evaluate(distorted, [pixels, change])
        return np.array(values, "f4").reshape(-1, 28, 28)

    for angle, right, down in [(10, 0, 0), (-40, 0, 0), (25, 3, -2)]:
        there = torch.from_numpy(X).double()[:, None]
        there = moved(there, angle, right, down)[:, 0].numpy()
        here = found(angle=angle, right=right, down=down)
        assert np.array_equal(here, there.astype("f4"))
    # A shift alone is exact here, and leaves traces of 1e-15 in PyTorch
    padded = np.pad(X, ((0, 0), (8, 8), (8, 8)))
    for right, down in [(1, 0), (-4, 0), (0, 3), (2, -8)]:
        here = found(right=right, down=down)
        top, left = 8 - down, 8 - right
        exact = padded[:, top : top + 28, left : left + 28]
        assert np.array_equal(here, exact)
        there = moved(torch.from_numpy(X).double(), 0, right, down)
        assert np.abs(here - there.numpy()).max() < 1e-14

    black = X.copy()
    black[:, 3:9, 25:] = 0
    here = found(cover={"row": 3, "column": 25, "size": 6})
    assert np.array_equal(here, black)
    noise = found(noise=0.1)
    assert np.array_equal(noise, found(noise=0.1))
    inside = (X > 0.4) & (X < 0.6)
    added = (noise - X)[inside]
    assert abs(added.std() - 0.1) < 0.01
    assert noise.min() == 0
    assert noise.max() == 1
