"""The boxes of a scan's words lie on the words that were printed, on the picture that is shown."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.engines.ocr.tesseract import TesseractOcr
from pipeline.model import Box, Page, PageImage, boxes_of
from pipeline.readers import child
from pipeline.readers.jpeg import jpeg
from pipeline.readers.limits import Limits
from tests import reader_files as files

PRINTED = files.lines(
    "The harbour master wrote to Ada Lovelace on Monday,",
    "and asked whether the dredging of the North Quay",
    "would be paid by the Lockwood Savings Bank.",
)
PHRASES = ("Ada Lovelace", "North Quay", "the Lockwood Savings Bank", "harbour")
LIMITS = Limits()


@pytest.fixture(scope="module")
def ocr(models: Path) -> TesseractOcr:
    return TesseractOcr(models)


def overlap(one: Box, other: Box) -> float:
    """Shared area as a part of the area of both."""
    across = max(0.0, min(one.right, other.right) - max(one.left, other.left))
    down = max(0.0, min(one.bottom, other.bottom) - max(one.top, other.top))
    areas = [(box.right - box.left) * (box.bottom - box.top) for box in (one, other)]
    return across * down / (sum(areas) - across * down)


def stored(folder: Path, content: bytes) -> Path:
    path = folder / "content"
    path.write_bytes(content)
    return path


def boxes(page: Page, phrase: str) -> list[Box]:
    start = page.text.index(phrase)
    return boxes_of(page.words, start, start + len(phrase))


def read(path: Path) -> Page | PageImage:
    (page,) = (event for event in child.read(path, "file", LIMITS) if isinstance(event, Page | PageImage))
    return page


def test_boxes_of_a_scan_lie_on_the_words_that_were_printed(ocr: TesseractOcr, tmp_path: Path) -> None:
    path = stored(tmp_path, files.pdf([PRINTED]))
    printed, drawn = read(path), child.draw(path, "file", LIMITS, 1, 1600)
    assert isinstance(printed, Page)
    scanned = read(stored(tmp_path, jpeg(drawn)))
    assert isinstance(scanned, PageImage)
    seen = ocr.recognize(scanned)
    for phrase in PHRASES:
        (true,), (found,) = boxes(printed, phrase), boxes(seen, phrase)
        assert overlap(true, found) >= 0.5, phrase


@pytest.mark.parametrize("exif", [1, 3, 6, 8])
def test_the_picture_that_is_shown_is_the_one_that_was_read(exif: int, tmp_path: Path) -> None:
    turned = Image.Exif()
    turned[0x0112] = exif
    path = stored(tmp_path, files.picture("JPEG", (900, 400), exif=turned))
    seen, shown = read(path), child.draw(path, "file", LIMITS, 1, 400)
    assert isinstance(seen, PageImage)
    small = [
        np.asarray(Image.frombytes("RGB", (i.width, i.height), i.pixels).resize((90, 90)), np.int16) for i in (seen, shown)
    ]
    assert np.abs(small[0] - small[1]).mean() < 2
