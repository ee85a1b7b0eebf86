"""What a reader chooses, draws or opens in the page, against Python's."""

import base64
import io
import struct
import zlib

import numpy as np
import pytest
import torch
import torchvision.transforms.functional as TF
from PIL import Image, ImageDraw
from torchvision.transforms import InterpolationMode

from lenet_d2l import read_picture

SCRIPTS = "dom maps data data/images data/measured picture draw distort input"


@pytest.fixture
def page(open_live):
    return open_live(SCRIPTS)


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
    for ground in 127, 128:  # What just stands out, and what just doesn't
        faint = Image.new("L", (60, 50), ground)
        sign = 1 if ground < 128 else -1
        for step, x in (13, 10), (12, 20), (80, 30), (12, 40), (13, 50):
            faint.paste(ground + sign * step, (x, 9, x + 6, 30))
        made[f"faint on {ground}"] = faint
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


def test_colours_are_those_of_the_file(page, tmp_path):
    """Some files ask for a correction, which Pillow doesn't make."""
    content = png(boot())
    gamma = b"gAMA" + struct.pack(">I", 100000)
    chunk = struct.pack(">I8sI", 4, gamma, zlib.crc32(gamma))
    file = tmp_path / "linear.png"
    file.write_bytes(content[:33] + chunk + content[33:])
    expected = read_picture(file).numpy().ravel()
    found = opened(page, file.read_bytes())["pixels"]
    assert np.array_equal(np.array(found, "f4"), expected)


def test_what_is_no_picture_is_refused_in_words(page):
    """And an enormous one before it is decoded."""
    pale = Image.new("L", (100, 100), 200)
    pale.paste(255, (20, 20, 60, 60))

    def claiming(width, height):
        """A picture of one pixel that says that it is of this size."""
        content = bytearray(png(Image.new("1", (1, 1))))
        content[16:24] = struct.pack(">II", width, height)
        content[29:33] = struct.pack(">I", zlib.crc32(content[12:29]))
        return bytes(content)

    for content, reason in [
        (
            b"milk, bread, and a pair of shoes\n" * 9,
            "can't be read as a picture",
        ),
        (b"", "can't be read as a picture"),
        (png(Image.new("RGB", (50, 60), "red")), "it has one colour"),
        (png(pale), "nothing stands out in grey"),
        (png(boot())[:300], "is damaged, or too large"),
        (claiming(9460, 9460), "is too large; it may have 89,478,485 pixels"),
        (claiming(60000, 60000), "or far too large"),
        (claiming(32768, 2), "32,767 to a side"),
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
    page.reload()
    assert np.array_equal(noise, found(noise=0.1))
    inside = (X > 0.4) & (X < 0.6)
    added = (noise - X)[inside]
    assert abs(added.std() - 0.1) < 0.01
    assert noise.min() == 0
    assert noise.max() == 1


@pytest.fixture
def chosen(page):
    """The page with the part in it; returns the pixels that it gives."""
    page.evaluate("""() => {
      const main = document.querySelector("main");
      globalThis.input = live.imageInput({ change: (x) => given = x });
      globalThis.given = input.pixels;
      main.append(input.root);
    }""")
    drawn = """async () => {
      await new Promise((go) =>
        requestAnimationFrame(() => requestAnimationFrame(go)));
      return [...given];
    }"""
    return lambda: np.array(page.evaluate(drawn), "f4")


def measured(page):
    return page.locator(".live-changes > p").last.inner_text()


def stored(page, i):
    """Image `i` of those that come with the book, by the page's own data."""
    data = page.evaluate("live.data.images")
    pixels = np.frombuffer(base64.b64decode(data["pixels"]), np.uint8)
    return data["list"][i], pixels.reshape(-1, 784)[i].astype("f4") / 255


def test_stored_images_are_chosen_with_the_keyboard(page, chosen):
    page.keyboard.press("Tab")
    for key in ["End", "ArrowRight", "ArrowLeft", "Enter"]:
        page.keyboard.press(key)
    row, pixels = stored(page, 28)
    assert np.array_equal(chosen(), pixels)
    focused = page.locator("button:focus")
    assert focused.get_attribute("aria-pressed") == "true"
    name = focused.get_attribute("aria-label")
    assert name.startswith(f"Ankle boot, image {row['index']} of the test")
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    row, pixels = stored(page, 30)
    assert row["kind"] == "mistake"
    assert np.array_equal(chosen(), pixels)
    answer = page.evaluate("live.data.classes")[np.argmax(row["logits"])]
    name = page.locator("button:focus").get_attribute("aria-label")
    assert name.endswith(f"; the book's net says: {answer}")


def test_an_accuracy_stands_only_where_it_was_measured(page, chosen):
    accuracies = page.evaluate("live.data.measured")
    before = chosen()
    assert f"unchanged, the book's net gets {0.77:.3f}" in measured(page)
    right = page.get_by_label("Shift right")
    right.fill("-2")
    assert f"gets {accuracies['right']['-2']:.3f} right" in measured(page)
    shifted = np.pad(before.reshape(28, 28), ((0, 0), (0, 2)))[:, 2:]
    assert np.array_equal(chosen(), shifted.ravel())
    page.get_by_label("Noise").fill("0.1")
    assert measured(page).endswith("no accuracy for these together.")
    right.fill("0")
    assert f"gets {accuracies['noise']['0.1']:.3f} right" in measured(page)
    page.get_by_text("Undo all changes").click()
    assert np.array_equal(chosen(), before)
    right.fill("8")
    assert measured(page).endswith("shifted like this wasn't measured.")
    page.get_by_text("Undo all changes").click()
    page.locator(".live-prepared").click()
    assert measured(page).endswith("covered like this wasn't measured.")
    covered = before.reshape(28, 28).copy()
    covered[11:17, 11:17] = 0
    assert np.array_equal(chosen(), covered.ravel())


def test_a_drawing_becomes_what_python_makes_of_it(page, chosen, tmp_path):
    """Drawn with the keyboard, filled with the mouse."""
    first = chosen()
    page.get_by_text("Draw one yourself").click()
    pad = page.get_by_label("Drawing pad")

    def expected():
        text = pad.evaluate("(pad) => pad.toDataURL()").split(",")[1]
        file = tmp_path / "drawing.png"
        file.write_bytes(base64.b64decode(text))
        return read_picture(file).numpy().ravel()

    page.get_by_label("Tool").select_option("fine pen")
    pad.press("ArrowUp")
    pad.press(" ")
    for side in "Down", "Right", "Up", "Left":
        pad.press(f"Shift+Arrow{side}")
        pad.press(f"Shift+Arrow{side}")
    pad.press(" ")
    pad.press("ArrowLeft")
    outline = expected()
    assert np.array_equal(chosen(), outline)
    assert "stand out, scaled to 28×28" in page.inner_text(".live-made")
    page.get_by_label("Tool").select_option("fill an area")
    pad.click(position={"x": 150, "y": 150})
    assert np.array_equal(chosen(), expected())
    assert outline.reshape(28, 28)[4:24, 4:24].max() == 0
    assert chosen().reshape(28, 28)[4:24, 4:24].min() == 1
    page.get_by_text("Undo", exact=True).click()
    assert np.array_equal(chosen(), outline)
    pad.press("Delete")
    assert np.array_equal(chosen(), first)


def test_a_bad_file_is_told_and_changes_nothing(page, chosen, tmp_path):
    page.get_by_text("Open a picture of your own").click()

    def offer(name, content):
        (tmp_path / name).write_bytes(content)
        page.get_by_label("Picture").set_input_files(tmp_path / name)

    offer("boot.png", png(boot()))
    page.get_by_text("Trimmed from 300×240 pixels to the 100×200").wait_for()
    prepared = read_picture(tmp_path / "boot.png").numpy().ravel()
    assert np.array_equal(chosen(), prepared)
    offer("list.png", b"milk and bread")
    page.get_by_text("list.png can't be read").wait_for()
    assert np.array_equal(chosen(), prepared)
    offer("again.png", png(boot()))
    page.get_by_text("Trimmed from 300×240").wait_for()
    assert page.inner_text(".live-wrong") == ""
