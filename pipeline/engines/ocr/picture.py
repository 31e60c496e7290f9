"""Pictures of pages made ready for an engine, and the way back from its boxes to the page."""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from pipeline.errors import BadDocument
from pipeline.model import Box, PageImage

WHITE = 255
INK_CONTRAST = 48  # a pixel this much darker or lighter than the page's median counts as ink
INK_SHARE = 2e-5
BACKGROUND_STEP = 8  # the background is estimated on every eighth pixel
EVEN_BACKGROUND = 235
SKEW_WIDTH = 800  # pixels: fine enough for a quarter of a degree
SKEW_LIMIT = 6.0
SKEW_LEAST = 0.4

Matrix = NDArray[np.float64]


class View(NamedTuple):
    """A picture made from a page; ``to_page`` maps its pixels to the page's (3 by 3, homogeneous)."""

    picture: Image.Image
    to_page: Matrix


def picture_of(image: PageImage) -> Image.Image:
    """The page as a PIL picture, grey ("L") or RGB.

    Raises:
        BadDocument: the pixels do not fit the size (code ``bad_image``).
    """
    mode = {1: "L", 3: "RGB"}.get(image.channels)
    if mode is None or min(image.width, image.height) < 1:
        raise BadDocument(f"Page {image.number} is not a picture in grey or colour.", "bad_image")
    if len(image.pixels) != image.width * image.height * image.channels:
        raise BadDocument(f"The picture of page {image.number} is not complete.", "bad_image")
    return Image.frombytes(mode, (image.width, image.height), image.pixels)


def is_blank(grey: Image.Image) -> bool:
    """Whether there is no ink to read: hardly a pixel differs from the page's median."""
    pixels = np.asarray(grey)
    return float(np.mean(np.abs(pixels.astype(np.int16) - np.median(pixels)) > INK_CONTRAST)) < INK_SHARE


def level(grey: Image.Image) -> Image.Image:
    """Even out the light of a photographed page: each pixel over the brightness of the paper around it.

    A page whose paper is even already, or that is light on dark, comes back as it is.
    """
    small = grey.reduce(BACKGROUND_STEP) if min(grey.size) > 8 * BACKGROUND_STEP else grey
    paper = small.filter(ImageFilter.MaxFilter(5)).filter(ImageFilter.GaussianBlur(8))
    darkest, middle = np.percentile(np.asarray(paper), (2, 50))
    if darkest >= EVEN_BACKGROUND or middle < WHITE / 2:
        return grey
    around = np.asarray(paper.resize(grey.size, Image.Resampling.BILINEAR), np.float32)
    evened = np.asarray(grey, np.float32) / np.maximum(around, 1)
    return Image.fromarray((np.clip(evened, 0, 1) * WHITE).astype(np.uint8))


def skew_of(grey: Image.Image) -> float:
    """Degrees, anticlockwise, by which the lines of text climb; 0 if less than can be told (W. Postl, 1986).

    Of many slants tried, the one in which the rows of ink stand apart most sharply.
    """
    small = grey.reduce(max(1, grey.width // SKEW_WIDTH))
    pixels = np.asarray(small)
    rows, columns = np.nonzero(pixels < np.median(pixels) - INK_CONTRAST)
    if not 0 < len(rows) < pixels.size / 3:
        return 0.0

    def sharpness(degrees: float) -> float:
        slanted = rows + columns * math.tan(math.radians(degrees))
        profile = np.bincount((slanted - slanted.min()).astype(np.int64))
        return float(np.sum(np.diff(profile.astype(np.float64)) ** 2))

    coarse = max(np.arange(-SKEW_LIMIT, SKEW_LIMIT + 0.1, 0.5), key=sharpness)
    best = max(np.arange(coarse - 0.4, coarse + 0.45, 0.1), key=sharpness)
    clear = sharpness(best) > 1.15 * sharpness(0.0)
    return float(best) if clear and abs(best) >= SKEW_LEAST else 0.0


def view(picture: Image.Image, *, turn: int = 0, skew: float = 0.0, scale: float = 1.0, margin: int = 0) -> View:
    """The picture turned upright, straightened, enlarged and framed in white, sampled once.

    Args:
        picture: the page as it is.
        turn: 0, 90, 180 or 270: degrees, clockwise, that put the page upright.
        skew: as ``skew_of`` says, after the turn.
        scale: of length.
        margin: pixels of white on every side, so that text at the edge is found.
    """
    width, height = picture.size if turn % 180 == 0 else picture.size[::-1]
    size = (round(width * scale) + 2 * margin, round(height * scale) + 2 * margin)
    to_page = (
        _shift(picture.width / 2, picture.height / 2)
        @ _rotation(-turn)
        @ _rotation(-skew)
        @ np.diag([1 / scale, 1 / scale, 1.0])
        @ _shift(-size[0] / 2, -size[1] / 2)
    )
    if np.allclose(to_page, np.eye(3)) and size == picture.size:
        return View(picture, to_page)
    fill = WHITE if picture.mode == "L" else (WHITE,) * 3
    data = tuple(to_page[:2].ravel())
    sampled = picture.transform(size, Image.Transform.AFFINE, data, Image.Resampling.BICUBIC, fillcolor=fill)
    return View(sampled, to_page)


def page_box(corners: NDArray[np.float64], to_page: Matrix, image: PageImage) -> Box:
    """The upright box on the page, in fractions, around points (n, 2) of a view."""
    points = np.c_[corners, np.ones(len(corners))] @ to_page[:2].T
    fractions = np.clip(points / (image.width, image.height), 0.0, 1.0)
    (left, top), (right, bottom) = fractions.min(axis=0), fractions.max(axis=0)
    return Box(float(left), float(top), float(right), float(bottom))


def _shift(x: float, y: float) -> Matrix:
    return np.array([[1, 0, x], [0, 1, y], [0, 0, 1]], np.float64)


def _rotation(degrees: float) -> Matrix:
    """Turns points clockwise as seen, y growing downwards."""
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return np.array([[cosine, -sine, 0], [sine, cosine, 0], [0, 0, 1]], np.float64)
