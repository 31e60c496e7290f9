"""What every OCR engine must do, on pages drawn here."""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import pytest
from PIL import Image, ImageDraw, ImageFont

from pipeline.engines.ocr.auto import AutoOcr
from pipeline.engines.ocr.rapid import RapidOcr
from pipeline.engines.ocr.tesseract import TesseractOcr
from pipeline.engines.remote.vision import RemoteOcr
from pipeline.errors import BadDocument, Misconfigured
from pipeline.model import PageImage, Source
from pipeline.ports import OcrEngine
from tests.office import TestOffice
from tests.standins.openai import Behaviour, OpenAIStandIn

LINES = (
    "The quick brown fox jumps over",
    "the lazy dog near Lisbon.",
    "",
    "",
    "Invoice 4711 was paid in full",
    "on Monday.",
)
TEXT = "The quick brown fox jumps over\nthe lazy dog near Lisbon.\n\nInvoice 4711 was paid in full\non Monday."
SIZE = (1200, 800)
LEFT, TOP, STEP = 100, 100, 50


class _Maker(Protocol):
    def __call__(self, models: Path) -> OcrEngine: ...


MAKERS: dict[str, _Maker] = {"tesseract": TesseractOcr, "rapidocr": RapidOcr, "auto": AutoOcr}


REMOTE = "remote-ocr"
placed = pytest.mark.parametrize("engine", MAKERS, indirect=True)
"""Engines that say where on the page a word stands."""


@pytest.fixture(scope="module", params=[*MAKERS, REMOTE])
def engine(request: pytest.FixtureRequest, models: Path) -> Iterator[OcrEngine]:
    if request.param in MAKERS:
        yield MAKERS[request.param](models)
        return
    tesseract = TesseractOcr(models)
    with OpenAIStandIn(Behaviour(eyes=lambda file: tesseract.recognize(opened(file)).text)) as standin:
        yield RemoteOcr(TestOffice().caller(standin, timeout=60.0))


def opened(file: bytes) -> PageImage:
    """What a hosted model sees; the stand-in reads it with a local engine."""
    picture = Image.open(io.BytesIO(file))
    return PageImage(1, picture.width, picture.height, len(picture.getbands()), picture.tobytes(), 150)


def drawn(*lines: str, mode: str = "L", turn: int = 0, skew: float = 0.0) -> PageImage:
    picture = Image.new(mode, SIZE, "white")
    draw = ImageDraw.Draw(picture)
    for number, line in enumerate(lines):
        draw.text((LEFT, TOP + number * STEP), line, font=ImageFont.load_default(36), fill="black")
    picture = picture.rotate(skew, fillcolor="white").rotate(turn, expand=True)
    return PageImage(7, picture.width, picture.height, len(picture.getbands()), picture.tobytes(), 150)


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_reads_lines_and_paragraphs(engine: OcrEngine, mode: str) -> None:
    page = engine.recognize(drawn(*LINES, mode=mode))
    assert page.text == TEXT
    assert (page.number, page.source, page.width, page.height) == (7, Source.OCR, 576.0, 384.0)
    assert 0.6 < page.confidence <= 1.0


@placed
def test_words_lie_where_they_were_drawn(engine: OcrEngine) -> None:
    page = engine.recognize(drawn(*LINES))
    assert [page.text[word.start : word.end] for word in page.words] == TEXT.split()
    assert all(0 <= w.confidence <= 1 and 0 <= w.box.left < w.box.right <= 1 for w in page.words)
    font = ImageFont.load_default(36)
    for text in ("quick", "4711"):
        row = next(number for number, line in enumerate(LINES) if text in line)
        left = (LEFT + font.getlength(LINES[row].partition(text)[0])) / SIZE[0]
        box = next(w.box for w in page.words if page.text[w.start : w.end] == text)
        assert box.left == pytest.approx(left, abs=0.03)
        assert box.top < (TOP + row * STEP + 25) / SIZE[1] < box.bottom


@placed
@pytest.mark.parametrize("turn", [90, 180, 270])
def test_reads_a_turned_page_with_boxes_on_the_page_as_it_is(engine: OcrEngine, turn: int) -> None:
    page = engine.recognize(drawn(*LINES, turn=turn))
    assert page.text == TEXT
    box = page.words[0].box
    corner = {90: (box.left, 1 - box.bottom), 180: (1 - box.right, 1 - box.bottom), 270: (1 - box.right, box.top)}[turn]
    assert max(corner) < 0.2


def test_reads_a_skewed_page(engine: OcrEngine) -> None:
    assert engine.recognize(drawn(*LINES, skew=3)).text == TEXT


def test_a_blank_page_is_surely_empty(engine: OcrEngine) -> None:
    page = engine.recognize(drawn())
    assert (page.text, page.words, page.confidence) == ("", (), 1.0)


def test_the_same_page_gives_the_same_result(engine: OcrEngine) -> None:
    page = drawn("Harald Lind wrote to Lisbon.")
    first = engine.recognize(page)
    engine.recognize(drawn(*LINES))
    assert engine.recognize(page) == first


def test_pixels_that_do_not_fit_are_a_bad_document(engine: OcrEngine) -> None:
    with pytest.raises(BadDocument) as fault:
        engine.recognize(PageImage(1, 100, 100, 1, b"short"))
    assert fault.value.code == "bad_image"


def test_says_what_it_is(engine: OcrEngine) -> None:
    assert engine.engine.name in {*MAKERS, REMOTE}
    assert engine.engine.version[0].isdigit()


@pytest.mark.parametrize("name", MAKERS)
def test_a_folder_that_cannot_be_written_is_a_wrong_setting(name: str, tmp_path: Path) -> None:
    (tmp_path / "models").write_text("a file where the folder should be")
    with pytest.raises(Misconfigured):
        MAKERS[name](tmp_path / "models")
