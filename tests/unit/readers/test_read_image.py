import io

import pytest
from PIL import Image

from pipeline.errors import BadDocument
from pipeline.model import DocumentInfo, PageImage
from tests import reader_files as files
from tests.reader_files import Reading


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "WEBP", "BMP", "GIF"])
def test_every_kind_gives_its_pixels(reading: Reading, kind: str) -> None:
    info, page = reading(files.picture(kind))
    assert info.media_type.startswith("image/")
    assert isinstance(page, PageImage)
    assert (page.number, page.width, page.height) == (1, 300, 120)
    assert len(page.pixels) == 300 * 120 * page.channels
    assert max(page.pixels) > 250
    assert min(page.pixels) < 60


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16"])
def test_every_mode_becomes_grey_or_rgb(reading: Reading, mode: str) -> None:
    image = Image.new("RGBA", (20, 10), (255, 255, 255, 0)).convert("L" if mode == "I;16" else mode)
    if mode == "I;16":
        image = Image.frombytes("I;16", (20, 10), b"\xff\xff" * 200)
    if mode == "CMYK":
        image = Image.new("CMYK", (20, 10), (0, 0, 0, 0))
    import io

    out = io.BytesIO()
    image.save(out, "TIFF" if mode in {"CMYK", "I;16"} else "PNG")
    page = reading(out.getvalue())[1]
    assert set(page.pixels) == {255}
    assert page.channels in {1, 3}


def test_every_page_of_a_tiff_is_read(reading: Reading) -> None:
    more = [Image.new("L", (50, 60), 200), Image.new("1", (70, 80))]
    pages = reading(files.picture("TIFF", save_all=True, append_images=more))[1:]
    assert [(p.number, p.width, p.height) for p in pages] == [(1, 300, 120), (2, 50, 60), (3, 70, 80)]


def test_a_photograph_stands_upright(reading: Reading) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held on its side
    page = reading(files.picture("JPEG", exif=exif))[1]
    assert (page.width, page.height) == (120, 300)


def test_large_pictures_are_made_smaller_and_huge_ones_refused(reading: Reading) -> None:
    page = reading(files.picture("JPEG", (2000, 1000)), page_pixels=500_000)[1]
    assert page.width * page.height <= 500_000
    assert page.width / page.height == pytest.approx(2, abs=0.02)
    with pytest.raises(BadDocument) as caught:
        reading(files.picture("PNG", (2000, 1000)), image_pixels=1_000_000)
    assert caught.value.code == "too_large"


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF"])
def test_half_a_picture_is_damaged(reading: Reading, kind: str) -> None:
    whole = files.picture(kind, (800, 800))
    with pytest.raises(BadDocument) as caught:
        reading(whole[: len(whole) // 2])
    assert caught.value.code == "damaged"


def test_only_the_pages_of_a_tiff_that_are_asked_for_are_given(reading: Reading) -> None:
    frames = [Image.new("L", (40, 30), shade) for shade in (10, 20, 30, 40)]
    out = io.BytesIO()
    frames[0].save(out, "TIFF", save_all=True, append_images=frames[1:])
    info, *some = reading(out.getvalue(), only=range(2, 4))
    assert info == DocumentInfo("image/tiff", pages=4)
    assert [(page.number, page.pixels[0]) for page in some] == [(2, 20), (3, 30)]
    assert some == reading(out.getvalue())[2:4]
