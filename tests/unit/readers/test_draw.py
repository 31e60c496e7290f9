"""Pictures of pages fit the boxes of their words, however the page is turned and cut."""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from pipeline.errors import BadDocument
from pipeline.model import Page, PageImage
from pipeline.readers import child
from pipeline.readers.jpeg import jpeg
from pipeline.readers.limits import Limits
from tests import reader_files as files
from tests.reader_files import Reading

Drawing = Callable[..., PageImage]


@pytest.fixture
def drawing(tmp_path: Path) -> Drawing:
    """``drawing(content, number, width, **limits)`` gives a picture of a page."""

    def draw(content: bytes, number: int = 1, width: int = 800, **limits: int) -> PageImage:
        path = tmp_path / "drawn"
        path.write_bytes(content)
        return child.draw(path, "file", Limits(**limits), number, width)

    return draw


def shades(image: PageImage) -> NDArray[np.uint8]:
    """How light each pixel is."""
    pixels = np.frombuffer(image.pixels, np.uint8).reshape(image.height, image.width, image.channels)
    return np.asarray(pixels.min(axis=2))


def ink(image: PageImage) -> tuple[float, float, float, float]:
    """The box of all that is dark, in fractions of the picture."""
    down, across = np.nonzero(shades(image) < 128)
    return (
        float(across.min()) / image.width, float(down.min()) / image.height,
        float(across.max() + 1) / image.width, float(down.max() + 1) / image.height,
    )  # fmt: skip


def marked(kind: str, exif: Image.Exif) -> bytes:
    """A white picture with a black bar towards one corner."""
    image, out = Image.new("RGB", (600, 240), "white"), io.BytesIO()
    image.paste("black", (40, 30, 260, 80))
    image.save(out, kind, exif=exif)
    return out.getvalue()


def overlap(one: tuple[float, ...], other: tuple[float, ...]) -> float:
    """Shared area as a part of the area of both."""
    shared = [max(0.0, min(one[2 + n], other[2 + n]) - max(one[n], other[n])) for n in (0, 1)]
    area = [(box[2] - box[0]) * (box[3] - box[1]) for box in (one, other)]
    return shared[0] * shared[1] / (sum(area) - shared[0] * shared[1])


@pytest.mark.parametrize("rotate", [0, 90, 180, 270])
@pytest.mark.parametrize("box", ["0 0 612 792", "50 100 400 750"])
def test_the_box_of_a_word_lies_on_the_word(reading: Reading, drawing: Drawing, rotate: int, box: str) -> None:
    content = files.pdf([files.lines("HARBOUR", x=120, y=500)], rotate=rotate, box=box)
    page, image = reading(content)[1], drawing(content)
    assert isinstance(page, Page)
    (word,) = page.words
    assert overlap(word.box, ink(image)) >= 0.5
    assert image.width == 800
    assert image.height / image.width == pytest.approx(page.height / page.width, rel=0.01)


def test_a_photograph_is_turned_as_it_is_read(reading: Reading, drawing: Drawing) -> None:
    for kind in ("JPEG", "PNG", "TIFF", "WEBP"):
        for turn in range(1, 9):
            exif = Image.Exif()
            exif[0x0112] = turn
            content = marked(kind, exif)
            read, drawn = reading(content)[1], drawing(content, width=160)
            assert isinstance(read, PageImage)
            assert drawn.width == 160
            assert drawn.width / drawn.height == pytest.approx(read.width / read.height, rel=0.02)
            assert overlap(ink(read), ink(drawn)) >= 0.5, (kind, turn)


def test_each_page_of_a_tiff_and_the_first_frame_of_anything_else(drawing: Drawing) -> None:
    more = [Image.new("L", (500, 600), 200), Image.new("1", (700, 800))]
    content = files.picture("TIFF", save_all=True, append_images=more)
    sizes = [(image.width, image.height) for image in (drawing(content, number, 400) for number in (1, 2, 3))]
    assert sizes == [(300, 120), (400, 480), (400, 457)]  # nothing is enlarged
    for moving in (content, files.picture("GIF", save_all=True, append_images=[Image.new("RGB", (300, 120))])):
        with pytest.raises(BadDocument) as caught:
            drawing(moving, 4)
        assert caught.value.code == "no_such_page"


def test_colours_are_as_they_are(drawing: Drawing) -> None:
    page = drawing(files.pdf(["1 0 0 rg 0 0 612 792 re f"]), width=160)
    assert page.pixels[:3] == b"\xff\0\0"
    with Image.open(io.BytesIO(jpeg(page))) as picture:
        red, green, blue = picture.convert("RGB").resize((1, 1)).tobytes()
        assert (picture.format, picture.size, red > 240, max(green, blue) < 15) == ("JPEG", (160, 208), True, True)
    grey = drawing(files.picture("PNG", mode="L"), width=160)
    assert grey.channels == 1
    assert jpeg(grey).startswith(b"\xff\xd8")


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"A text.", "no_page_image"),
        (files.tone(), "no_page_image"),
        (files.mail(), "no_page_image"),
        (files.locked_pdf(), "encrypted"),
        (files.picture("PNG")[:150], "damaged"),
        (b"%PDF-1.7 and nothing more", "damaged"),
        (b"", "empty_file"),
    ],
)
def test_what_cannot_be_drawn_is_told(drawing: Drawing, content: bytes, code: str) -> None:
    with pytest.raises(BadDocument) as caught:
        drawing(content)
    assert caught.value.code == code


def test_large_pages_and_pictures_keep_to_the_limits(drawing: Drawing) -> None:
    page = drawing(files.pdf([""], box="0 0 100 14000"), width=2400, page_pixels=1_000_000)
    assert page.width * page.height <= 1_010_000
    narrow = drawing(files.picture("PNG", (20, 30_000)), page_pixels=100_000)
    assert narrow.width * narrow.height <= 100_000
    with pytest.raises(BadDocument) as caught:
        drawing(files.picture("PNG", (2000, 1000)), image_pixels=1_000_000)
    assert caught.value.code == "too_large"
