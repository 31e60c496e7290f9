"""Making pictures ready for OCR, and finding the way back."""

import numpy as np
import pytest
from PIL import Image, ImageDraw

from pipeline.engines.ocr.layout import Spot, build_page
from pipeline.engines.ocr.picture import is_blank, level, page_box, skew_of, view
from pipeline.model import Box, PageImage

SIZE = (900, 600)
PAGE = PageImage(1, *SIZE, 1, b"", 150)


def ruled(skew: float = 0.0) -> Image.Image:
    """Rows of dashes, like lines of text."""
    picture = Image.new("L", SIZE, 255)
    draw = ImageDraw.Draw(picture)
    for top in range(80, 520, 40):
        for left in range(100, 800, 60):
            draw.rectangle((left, top, left + 45, top + 14), fill=0)
    return picture.rotate(skew, Image.Resampling.BICUBIC, fillcolor=255)


@pytest.mark.parametrize("skew", [-4.0, -1.5, 1.0, 3.0])
def test_skew_is_measured(skew: float) -> None:
    assert skew_of(ruled(skew)) == pytest.approx(skew, abs=0.3)


@pytest.mark.parametrize(
    "picture", [ruled(), Image.new("L", SIZE, 255), Image.new("L", SIZE, 0)], ids=["straight", "white", "black"]
)
def test_no_skew_is_made_up(picture: Image.Image) -> None:
    assert skew_of(picture) == 0.0


@pytest.mark.parametrize("turn", [0, 90, 180, 270])
@pytest.mark.parametrize(("skew", "scale", "margin"), [(0.0, 1.0, 0), (0.0, 2.0, 20), (3.0, 1.5, 10)])
def test_a_mark_is_found_where_it_is_on_the_page(turn: int, skew: float, scale: float, margin: int) -> None:
    page = Image.new("L", SIZE, 255)
    ImageDraw.Draw(page).rectangle((300, 150, 359, 179), fill=0)
    made = view(page, turn=turn, skew=skew, scale=scale, margin=margin)
    rows, columns = np.nonzero(np.asarray(made.picture) < 128)
    corners = np.array([(columns.min(), rows.min()), (columns.max() + 1, rows.max() + 1)], np.float64)
    box = page_box(corners, made.to_page, PAGE)
    assert ((box.left + box.right) / 2, (box.top + box.bottom) / 2) == pytest.approx((330 / 900, 165 / 600), abs=0.006)


def test_turning_is_clockwise_and_straightening_makes_rows_level() -> None:
    corner = Image.new("L", (40, 20), 255)
    corner.putpixel((0, 0), 0)
    assert view(corner, turn=90).picture.getpixel((19, 0)) == 0
    assert skew_of(view(ruled(3.0), skew=3.0).picture) == 0.0


def test_uneven_light_is_evened_out() -> None:
    light = Image.fromarray(np.tile(np.linspace(110, 250, SIZE[0]).astype(np.uint8), (SIZE[1], 1)))
    picture = Image.fromarray(np.minimum(np.asarray(light), np.asarray(ruled())))
    evened = np.asarray(level(picture))
    assert evened[20].min() > 225
    assert evened[87].min() < 30
    clean = ruled()
    assert level(clean) is clean


def test_blank_means_no_ink() -> None:
    speck = Image.new("L", SIZE, 250)
    speck.putpixel((5, 5), 0)
    assert is_blank(speck)
    assert not is_blank(ruled())


def test_text_and_offsets_agree() -> None:
    box = Box(0, 0, 1, 1)
    one, two, three = (Spot(text, box, confidence) for text, confidence in (("Ätna", 1.0), ("ab", 0.5), ("c", 0.0)))
    page = build_page(PAGE, [[[one, two], [three]], [[two]]], blank=False)
    assert page.text == "Ätna ab\nc\n\nab"
    assert [page.text[word.start : word.end] for word in page.words] == ["Ätna", "ab", "c", "ab"]
    assert page.confidence == pytest.approx((4 * 1 + 2 * 0.5 + 0 + 2 * 0.5) / 9)
    assert (page.width, page.height) == (432.0, 288.0)


def test_ink_without_words_is_not_trusted() -> None:
    assert build_page(PAGE, [], blank=False).confidence == 0.0
