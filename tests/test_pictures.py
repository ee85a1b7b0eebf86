"""Pictures of any kind, prepared as the data's images are."""

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

from lenet_d2l import read_picture
from lenet_d2l.datasets.pictures import SHARPEN, open_picture


@pytest.fixture
def saved(tmp_path):
    """How to save a picture: `saved(picture, ...)` returns its file."""

    def save(picture, name="picture.png", **options):
        picture.save(tmp_path / name, **options)
        return tmp_path / name

    return save


def boot(size=(300, 240), ground=255, item=60, mode="L"):
    """An L of one colour, 100 wide and 200 high, on a plain background."""
    picture = Image.new(mode, size, ground)
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
    X = fashion_mnist[1].dataset.tensors[0][:200]
    for image in X:
        pixels = (255 * image[0]).round().byte().numpy()
        read = read_picture(saved(Image.fromarray(pixels)))
        assert read.dtype == torch.float32
        assert torch.equal(read, image[None])


def test_a_photograph_is_trimmed_shrunk_centred_and_negated(saved):
    X = read_picture(saved(boot()))
    assert X.shape == (1, 1, 28, 28)
    assert X.dtype == torch.float32
    assert box(X) == BOOT_BOX
    assert X[0, 0, 24, 14] == pytest.approx((255 - 60) / 255)


def test_a_large_copy_of_an_image_is_the_image_sharpened(
    fashion_mnist, saved
):
    images = (255 * fashion_mnist[1].dataset.tensors[0][:50, 0]).round()
    for ink in images.byte().numpy():
        rows, columns = np.nonzero(ink > 12)
        top, left = rows.min(), columns.min()
        item = ink[top : rows.max() + 1, left : columns.max() + 1]
        height, width = item.shape
        if max(height, width) < 28:
            continue  # It would grow
        large = Image.fromarray(255 - ink).resize((280, 280), 0)
        sharp = np.asarray(Image.fromarray(item).filter(SHARPEN))
        found = (255 * read_picture(saved(large))[0, 0]).round().byte()
        top, left = round((28 - height) / 2), round((28 - width) / 2)
        expected = np.zeros((28, 28), np.uint8)
        expected[top : top + height, left : left + width] = sharp
        assert np.array_equal(found, expected)


def test_sharpening_adds_what_a_gaussian_blur_takes_away():
    line = np.exp(-np.array([1, 0, 1]) / 2)
    blur = np.outer(line, line) / line.sum() ** 2
    point = np.zeros((5, 5), np.uint8)
    point[2, 2] = 50
    sharp = Image.fromarray(100 + point).filter(SHARPEN)
    expected = 100 + 2 * point[1:4, 1:4] - 50 * blur
    assert np.abs(np.asarray(sharp)[1:4, 1:4] - expected).max() <= 0.5


@pytest.mark.parametrize("ground", [255, 250, 200, 128])
def test_any_light_background_becomes_black(saved, ground):
    X = read_picture(saved(boot(ground=ground)))
    assert box(X) == BOOT_BOX


@pytest.mark.parametrize("ground", [0, 5, 100])
def test_on_a_dark_background_nothing_is_negated(saved, ground):
    X = read_picture(saved(boot(ground=ground, item=220)))
    assert box(X) == BOOT_BOX
    assert X[0, 0, 24, 14] == pytest.approx((220 - ground) / 255)


def test_one_dirty_corner_does_not_decide(saved):
    dirty = boot()
    dirty.putpixel((0, 0), 0)
    X = read_picture(saved(dirty))
    assert (X == 0).float().mean() > 0.7  # Still the light background


def test_edges_close_to_the_background_are_trimmed(saved):
    close, apart = 255 - 12, 255 - 13  # 5 % of 255 is 12.75
    for value, expected in [(close, BOOT_BOX), (apart, None)]:
        picture = boot()
        picture.putpixel((290, 100), value)
        assert (box(read_picture(saved(picture))) == BOOT_BOX) == (
            expected is not None
        )


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "CMYK", "YCbCr"])
def test_modes_without_transparency(saved, mode):
    picture = boot(item=0).convert(mode)
    X = read_picture(saved(picture, "picture.tif"))
    assert torch.allclose(X, read_picture(saved(boot(item=0))), atol=0.02)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
@pytest.mark.parametrize("behind", [(0, 0, 0, 0), (255, 0, 0, 0)])
def test_what_is_transparent_becomes_white(saved, mode, behind):
    item = (60, 60, 60, 255)
    picture = boot(ground=behind, item=item, mode="RGBA")
    X = read_picture(saved(picture.convert(mode)))
    assert torch.allclose(X, read_picture(saved(boot())), atol=0.02)


def test_a_transparent_colour_of_a_palette(saved):
    picture = boot(ground=7, item=60).convert("P")
    X = read_picture(saved(picture, transparency=7))
    assert torch.equal(X, read_picture(saved(boot())))


@pytest.mark.parametrize("dtype", [np.uint16, np.int32, np.float32])
def test_more_than_eight_bits_are_scaled_to_the_whole_range(saved, dtype):
    wide = np.asarray(boot(item=0)).astype(dtype) * dtype(3) + dtype(40)
    file = saved(Image.fromarray(wide), "picture.tif")
    assert torch.equal(read_picture(file), read_picture(saved(boot(item=0))))


def test_the_turn_that_exif_data_ask_for(saved):
    turned = boot().transpose(Image.Transpose.ROTATE_90)
    exif = Image.Exif()
    exif[0x0112] = 6  # The camera was held upright: turn by 270 degrees
    file = saved(turned, exif=exif)
    assert open_picture(file).size == boot().size
    assert torch.equal(read_picture(file), read_picture(saved(boot())))


def test_the_first_frame_of_an_animation(saved):
    other = Image.new("L", boot().size, 255)
    file = saved(boot(), "picture.gif", save_all=True, append_images=[other])
    assert Image.open(file).n_frames == 2
    assert torch.equal(read_picture(file), read_picture(saved(boot())))


@pytest.mark.parametrize("size", [(1, 400), (400, 1), (2, 3), (27, 28)])
def test_any_size_of_item(saved, size):
    picture = Image.new("L", (size[0] + 2, size[1] + 2), 255)
    picture.paste(0, (1, 1, size[0] + 1, size[1] + 1))
    X = read_picture(saved(picture))
    assert X.shape == (1, 1, 28, 28)
    left, top, right, bottom = box(X)
    assert max(right - left, bottom - top) == 28


# What cannot be prepared


@pytest.mark.parametrize("grey", [0, 90, 255])
@pytest.mark.parametrize("size", [(28, 28), (300, 200), (1, 1)])
def test_a_picture_of_one_colour_is_refused(saved, grey, size):
    with pytest.raises(ValueError, match="one colour"):
        read_picture(saved(Image.new("L", size, grey)))


def test_an_item_lighter_than_a_light_background_is_refused(saved):
    with pytest.raises(ValueError, match="nothing stands out"):
        read_picture(saved(boot(ground=200, item=255)))


def test_missing_files_and_folders_are_the_systems_errors(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_picture(tmp_path / "none.png")
    with pytest.raises(OSError):
        read_picture(tmp_path)


def test_a_text_is_no_picture(tmp_path):
    (tmp_path / "text.png").write_text("no picture\n" * 99)
    with pytest.raises(ValueError, match=r"text\.png is no picture$"):
        read_picture(tmp_path / "text.png")


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.gif", "a.tif"])
@pytest.mark.parametrize("share", [0.3, 0.8])
def test_a_truncated_picture_is_refused(saved, fashion_mnist, name, share):
    X = fashion_mnist[1].dataset.tensors[0][:400]  # Hard to compress
    wall = X.reshape(20, 20, 28, 28).permute(0, 2, 1, 3).reshape(560, 560)
    file = saved(Image.fromarray((255 * wall).byte().numpy()), name)
    whole = file.read_bytes()
    file.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(ValueError, match=r"is damaged|is no picture"):
        read_picture(file)


@pytest.mark.parametrize("most", [60_000, 30_000])  # Warning; error
def test_a_decompression_bomb_is_refused(saved, monkeypatch, most):
    file = saved(boot())
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", most)
    with pytest.raises(ValueError, match=f"more than {most:,} pixels"):
        read_picture(file)
