"""Any picture, prepared as the images of Fashion-MNIST were.

Source: chapter 9 of the book; Xiao and others 2017, section 2, which
describes how product photographs became the images of the data.
"""

import math
import os
import warnings
from pathlib import Path

import numpy as np
import torch
from PIL import (
    Image,
    ImageChops,
    ImageFilter,
    ImageOps,
    UnidentifiedImageError,
)
from torch import Tensor

# Those of pictures; Pillow also has some that are programs, such as EPS
FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "PPM")
SIDE = 28  # Pixels, of the data's images
CLOSE = 0.05 * 255  # How far from the background still counts as background
LIGHT = 128  # Grey from which on a background is light
# Adds what a blur by a Gaussian of radius and standard deviation 1 takes away
BLUR = [math.exp(-(x**2 + y**2) / 2) for y in (-1, 0, 1) for x in (-1, 0, 1)]
SHARPEN = ImageFilter.Kernel(
    (3, 3), [2 * sum(BLUR) * (i == 4) - w for i, w in enumerate(BLUR)]
)


def open_picture(file: str | os.PathLike[str]) -> Image.Image:
    """Open a picture of one of ``FORMATS``, any mode; return it in RGB.

    Of an animation, the first frame. It is turned as its EXIF data say, and
    what is transparent becomes white. Where a pixel has more than 8 bits,
    the picture's darkest grey becomes black and its brightest white.

    Raises:
        OSError: the file cannot be read: it is missing, or a folder.
        ValueError: it is no picture, or cut off, or so large that decoding
            it could fill the memory.
    """
    with Path(file).open("rb") as stream, warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            opened = Image.open(stream, formats=FORMATS)
            picture = ImageOps.exif_transpose(opened)
            if picture.mode.startswith(("I", "F")):
                grey = np.asarray(picture, dtype=np.float64)
                if not np.isfinite(grey).all():
                    raise ValueError("not all pixels are finite numbers")
                scale = 255 / max(np.ptp(grey), 1e-9)
                grey = (grey - grey.min()) * scale
                picture = Image.fromarray(grey.round().astype(np.uint8))
            picture = picture.convert("RGBA")
        except (Image.DecompressionBombError, Image.DecompressionBombWarning):
            most = f"{Image.MAX_IMAGE_PIXELS:,}"
            raise ValueError(
                f"{file} has more than {most} pixels; make it smaller"
            ) from None
        except UnidentifiedImageError:
            raise ValueError(
                f"{file} is no picture in {', '.join(FORMATS)}"
            ) from None
        except Exception as error:  # Each decoder has exceptions of its own
            raise ValueError(f"{file} is damaged: {error}") from error
    white = Image.new("RGBA", picture.size, "white")
    return Image.alpha_composite(white, picture).convert("RGB")


def background(picture: Image.Image) -> Image.Image:
    """Return an RGB picture of the same size in the colour of its corners.

    That is the median of the four, channel by channel.
    """
    corners = np.asarray(picture)[[0, 0, -1, -1], [0, -1, 0, -1]]
    red, green, blue = np.median(corners, axis=0).astype(int).tolist()
    return Image.new("RGB", picture.size, (red, green, blue))


def item_box(
    picture: Image.Image, ground: Image.Image
) -> tuple[int, int, int, int] | None:
    """Return the smallest box around what differs from the background.

    None where nothing does.
    """
    red, green, blue = ImageChops.difference(picture, ground).split()
    most = ImageChops.lighter(ImageChops.lighter(red, green), blue)
    return most.point(lambda value: 255 * (value > CLOSE)).getbbox()


def read_picture(file: str | os.PathLike[str]) -> Tensor:
    """Return a picture file as LeNet's input, shape (1, 1, 28, 28).

    float32 in [0, 1]: the item bright on black, as in Fashion-MNIST. The
    steps are those of its authors: trim the edges that have the colour of
    the corners; skip rows and columns, so that the longer edge has 28
    pixels; sharpen with a Gaussian operator of radius and standard
    deviation 1; centre on 28×28; negate; all in greys of 8 bits.

    Four things differ from theirs. They do not give the settings of their
    tool; this uses Pillow, whose choice of rows, sharpening and grey may be
    a little different, and it leaves the outermost pixels unsharpened. It
    turns grey and negates first and not last. It measures grey from the
    background's: any background becomes black, and only a light one is
    negated, so that an item lighter than a light background is lost. And a
    picture of 28×28 pixels with a dark background is taken for one of the
    data's own, and is let through as it is.

    Raises:
        OSError: the file cannot be read: it is missing, or a folder.
        ValueError: it is no picture, or damaged, or too large, or nothing
            stands out from its background.
    """
    picture = open_picture(file)
    ground = background(picture)
    box = item_box(picture, ground)
    if box is None:
        raise ValueError(f"{file} is empty: it has one colour")
    grey, ground = picture.convert("L"), ground.convert("L")
    light = np.asarray(ground)[0, 0] >= LIGHT
    if light or grey.size != (SIDE, SIDE):
        pair = (ground, grey) if light else (grey, ground)
        grey = ImageChops.subtract(*pair).crop(box)
        if grey.getbbox() is None:
            raise ValueError(f"{file}: nothing stands out in grey")
        scale = SIDE / max(grey.size)
        width, height = (max(1, round(scale * edge)) for edge in grey.size)
        grey = grey.resize((width, height), Image.Resampling.NEAREST)
        grey = ImageOps.pad(grey.filter(SHARPEN), (SIDE, SIDE))
    return torch.from_numpy(np.array(grey, np.float32)[None, None] / 255)
