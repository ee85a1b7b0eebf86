"""Pictures of any kind, prepared as the data's images are."""

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

from lenet_d2l import read_picture
from lenet_d2l.datasets.pictures import SHARPEN


@pytest.fixture
def saved(tmp_path):
    """How to save a picture: `saved(picture, ...)` returns its file."""

    def save(picture, name="picture.png", **options):
        picture.save(tmp_path / name, **options)
        return tmp_path / name

    return save


def boot(ground=255, item=60, mode="L"):
    """An L of one colour, 100 wide and 200 high, on a plain background."""
    picture = Image.new(mode, (300, 240), ground)
    draw = ImageDraw.Draw(picture)
    draw.rectangle((120, 20, 159, 219), fill=item)
    draw.rectangle((120, 160, 219, 219), fill=item)
    return picture


def box(X):
    """Left, top, right, bottom of what is not black."""
    rows, columns = X[0, 0].nonzero(as_tuple=True)
    ends = columns.min(), rows.min(), columns.max() + 1, rows.max() + 1
    return tuple(int(end) for end in ends)


BOOT_BOX = (7, 0, 21, 28)  # Half as wide as high, in the middle


def test_images_of_the_data_go_through_unchanged(fashion_mnist, saved):
    for image in fashion_mnist[1].dataset.tensors[0][:99]:
        pixels = (255 * image[0]).round().byte().numpy()
        read = read_picture(saved(Image.fromarray(pixels)))
        assert torch.equal(read, image[None])


def test_a_large_copy_of_an_image_is_the_image_sharpened(saved):
    """For items of each height and width that need not grow."""
    rng = np.random.default_rng(0)
    sizes = [(28, n) for n in range(3, 29)] + [(n, 28) for n in range(3, 28)]
    for height, width in sizes:
        item = rng.integers(13, 256, (height, width), np.uint8)
        ink, expected = np.zeros((30, 30), np.uint8), np.zeros((28, 28))
        ink[1 : 1 + height, 1 : 1 + width] = item
        large = Image.fromarray(255 - ink).resize((300, 300), 0)
        top, left = round((28 - height) / 2), round((28 - width) / 2)
        sharp = Image.fromarray(item).filter(SHARPEN)
        expected[top : top + height, left : left + width] = sharp
        found = (255 * read_picture(saved(large))[0, 0]).round()
        assert np.array_equal(found, expected)


def test_sharpening_adds_what_a_gaussian_blur_takes_away():
    line = np.exp(-np.array([1, 0, 1]) / 2)
    blur = np.outer(line, line) / line.sum() ** 2
    point = np.zeros((5, 5), np.uint8)
    point[2, 2] = 50
    sharp = Image.fromarray(100 + point).filter(SHARPEN)
    expected = 100 + 2 * point[1:4, 1:4] - 50 * blur
    assert np.abs(np.asarray(sharp)[1:4, 1:4] - expected).max() <= 0.5


@pytest.mark.parametrize(
    ("ground", "item"),
    [(255, 60), (200, 60), (128, 60), (127, 220), (100, 220), (0, 220)],
)
def test_any_background_becomes_black_and_a_light_one_is_negated(
    ground, item, saved
):
    X = read_picture(saved(boot(ground=ground, item=item)))
    assert X.shape == (1, 1, 28, 28) and X.dtype == torch.float32
    assert box(X) == BOOT_BOX
    assert X[0, 0, 24, 14] == pytest.approx(abs(ground - item) / 255)


def test_one_dirty_corner_does_not_decide(saved):
    dirty = boot()
    dirty.putpixel((0, 0), 0)
    X = read_picture(saved(dirty))
    assert (X == 0).float().mean() > 0.7  # Still the light background


def test_edges_close_to_the_background_are_trimmed(saved):
    close, apart = 255 - 12, 255 - 13  # 5 % of 255 is 12.75
    for value, trimmed in (close, True), (apart, False):
        picture = boot()
        picture.putpixel((290, 100), value)
        assert (box(read_picture(saved(picture))) == BOOT_BOX) == trimmed


def pictures():
    """Yield the black boot in other kinds of file, and how to save each."""
    black, tif = boot(item=0), {"name": "picture.tif"}
    for mode in ("1", "L", "P", "RGB", "CMYK", "YCbCr"):
        yield black.convert(mode), tif
    # More than eight bits are scaled to the whole range
    wide_types = [("u2", 7.0, 250), ("i4", -128.0, 1.6e7), ("f4", 40.0, 1e-5)]
    for dtype, start, unit in wide_types:
        wide = (start + np.asarray(black)) * unit
        yield Image.fromarray(wide.astype(dtype)), tif
    # What is transparent becomes white
    for mode in ("RGBA", "LA", "P"):
        for behind in (0, 0, 0, 0), (255, 0, 0, 0):
            yield boot(behind, (0, 0, 0, 255), "RGBA").convert(mode), {}
    yield boot(ground=7, item=0).convert("P"), {"transparency": 7}
    exif = Image.Exif()
    exif[0x0112] = 6  # The camera was held upright: turn by 270 degrees
    yield black.transpose(Image.Transpose.ROTATE_90), {"exif": exif}
    yield black, {"exif": b"Exif\0\0II*\0\x08\0\0\0\x05\0"}  # Broken
    frames = {"save_all": True, "append_images": [Image.new("L", (9, 9))]}
    yield black, {"name": "picture.gif", **frames}


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
@pytest.mark.parametrize(("picture", "options"), [*pictures()])
def test_pictures_of_all_kinds_are_read_alike(picture, options, saved):
    X = read_picture(saved(picture, **options))
    assert torch.allclose(X, read_picture(saved(boot(item=0))), atol=0.02)


@pytest.mark.parametrize("size", [(1, 400), (400, 1), (2, 3), (27, 28)])
def test_any_size_of_item(saved, size):
    picture = Image.new("L", (size[0] + 2, size[1] + 2), 255)
    picture.paste(0, (1, 1, size[0] + 1, size[1] + 1))
    left, top, right, bottom = box(read_picture(saved(picture)))
    width, height = (max(1, round(28 * s / max(size))) for s in size)
    assert (right - left, bottom - top) == (width, height)


# What cannot be prepared


NO_NUMBER = np.asarray(boot()).astype("f4")
NO_NUMBER[0, 0] = np.nan


@pytest.mark.parametrize(
    ("picture", "message"),
    [
        *(
            (Image.new(mode, size, 90), "is empty: it has one colour")
            for mode in ("L", "I;16")
            for size in [(28, 28), (300, 200), (1, 1)]
        ),
        (boot(ground=200, item=255), "nothing stands out in grey"),
        (Image.fromarray(NO_NUMBER), "not all pixels are finite numbers"),
    ],
)
def test_a_picture_without_an_item_or_with_no_numbers_is_refused(
    picture, message, saved
):
    file = saved(picture, "picture.tif")
    with pytest.raises(ValueError) as error:
        read_picture(file)
    assert str(error.value).startswith(str(file))
    assert str(error.value).endswith(f" {message}")


def test_missing_files_and_folders_are_the_systems_errors(tmp_path):
    for file in tmp_path / "none.png", tmp_path:
        with pytest.raises(OSError):
            read_picture(file)


def test_a_program_or_a_text_is_no_picture(saved, tmp_path):
    (tmp_path / "text.png").write_text("no picture\n" * 99)
    for file in saved(boot(), "program.eps"), tmp_path / "text.png":
        with pytest.raises(ValueError) as error:
            read_picture(file)
        formats = "PNG, JPEG, WEBP, GIF, BMP, TIFF, PPM"
        assert str(error.value) == f"{file} is no picture in {formats}"


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.gif", "a.tif"])
@pytest.mark.parametrize("share", [0.3, 0.8])
def test_a_truncated_picture_is_refused(name, share, saved):
    noise = np.random.default_rng(0).integers(0, 256, (560, 560), np.uint8)
    file = saved(Image.fromarray(noise), name)
    whole = file.read_bytes()
    file.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(ValueError, match=r"is damaged|is no picture"):
        read_picture(file)


@pytest.mark.parametrize("most", [60_000, 30_000])  # Warning; error
def test_a_decompression_bomb_is_refused(saved, monkeypatch, most):
    file = saved(boot())
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", most)
    with pytest.raises(ValueError, match=f"more than {most:,} pixels; make"):
        read_picture(file)
