import io
from itertools import pairwise

import pypdfium2 as pdfium
import pytest

from pipeline.errors import BadDocument
from pipeline.model import Attachment, Page, PageImage
from tests import reader_files as files
from tests.reader_files import Reading

PICTURE = "q 612 0 0 792 0 0 cm /Im Do Q "


def test_words_have_boxes_where_they_are_shown(reading: Reading) -> None:
    _, page = reading(files.pdf([files.lines("First line here", "second")]))
    assert page.text == "First line here\nsecond"
    assert (page.width, page.height) == (612, 792)
    assert [page.text[w.start : w.end] for w in page.words] == ["First", "line", "here", "second"]
    first, line, _, second = (w.box for w in page.words)
    assert first.left == pytest.approx(72 / 612, abs=0.01)
    assert first.bottom == pytest.approx(92 / 792, abs=0.01)
    assert first.right < line.left
    assert second.top > first.bottom


@pytest.mark.parametrize(
    ("rotate", "corner"), [(0, "top left"), (90, "top right"), (180, "bottom right"), (270, "bottom left")]
)
def test_boxes_follow_the_rotation_of_the_page(reading: Reading, rotate: int, corner: str) -> None:
    _, page = reading(files.pdf([files.lines("Corner", x=10, y=770)], rotate=rotate))
    box = page.words[0].box
    assert ("top" if box.bottom < 0.5 else "bottom") + (" left" if box.right < 0.5 else " right") == corner
    assert (page.width, page.height) == ((612, 792) if rotate % 180 == 0 else (792, 612))


def test_boxes_follow_the_origin_of_the_page(reading: Reading) -> None:
    _, page = reading(files.pdf([files.lines("Shifted", x=110, y=150)], box="100 100 300 200"))
    assert page.words[0].box.left == pytest.approx(0.05, abs=0.01)
    assert page.words[0].box.bottom == pytest.approx(0.5, abs=0.03)


def test_columns_are_read_one_after_the_other(reading: Reading) -> None:
    left, right = files.lines("one", "two", x=50), files.lines("three", "four", x=350)
    _, page = reading(files.pdf([left + " " + right]))
    assert page.text.split() == ["one", "two", "three", "four"]


def test_offsets_are_in_order_and_hold_no_space(reading: Reading) -> None:
    _, page = reading(files.pdf([files.lines("co-ope-", "ration  of \\(x\\)", "soft\\255hyphen \\001\\002 end")]))
    assert all(not set(page.text[w.start : w.end]) & set(" \n") for w in page.words)
    assert all(a.end <= b.start for a, b in pairwise(page.words))
    assert page.text.startswith("co-ope-\nration of (x)\n")


@pytest.mark.parametrize(
    "content",
    [
        PICTURE,
        PICTURE + files.lines("x"),
        PICTURE + files.lines("Page 3 of 7"),
        "1 0 0 RG 0 0 m 90 90 l S " + files.lines("x"),
    ],
    ids=["picture", "stray letter", "page number", "drawing"],
)
def test_a_page_without_a_usable_layer_becomes_an_image(reading: Reading, content: str) -> None:
    _, page = reading(files.pdf([content]), dpi=100)
    assert isinstance(page, PageImage)
    assert (page.number, page.width, page.height, page.channels, page.dpi) == (1, 850, 1100, 1, 100)
    assert len(page.pixels) == 850 * 1100


@pytest.mark.parametrize(
    "content",
    [
        files.lines("x"),
        PICTURE + files.lines("A scan with its recognised text below", "the picture, as archives make them."),
    ],
)
def test_a_usable_layer_is_kept(reading: Reading, content: str) -> None:
    assert isinstance(reading(files.pdf([content]))[1], Page)


def test_a_garbled_layer_is_not_used(reading: Reading) -> None:
    signs = "".join("!#&*+,/:;<=>?@[]^`{}~"[i % 21] for i in range(200))
    assert isinstance(reading(files.pdf([PICTURE + files.lines(signs)]))[1], PageImage)


def test_a_blank_page_is_a_page_and_numbers_go_on(reading: Reading) -> None:
    events = reading(files.pdf(["", files.lines("text on the second page")]))
    assert [(e.number, e.text) for e in events[1:]] == [(1, ""), (2, "text on the second page")]


def test_a_giant_page_is_rendered_within_the_limit(reading: Reading) -> None:
    _, page = reading(files.pdf([PICTURE], box="0 0 200000 200000"), page_pixels=1_000_000)
    assert page.width * page.height <= 1_010_000


@pytest.mark.parametrize(
    ("content", "code"),
    [(files.locked_pdf(), "encrypted"), (b"%PDF-1.7\n" + bytes(200), "damaged"), (files.pdf([]), "damaged")],
)
def test_bad_files_are_named(reading: Reading, content: bytes, code: str) -> None:
    with pytest.raises(BadDocument) as caught:
        reading(content)
    assert caught.value.code == code


def test_too_many_pages_are_refused(reading: Reading) -> None:
    with pytest.raises(BadDocument) as caught:
        reading(files.pdf([""] * 5), pages=4)
    assert caught.value.code == "too_large"


def test_only_the_pages_that_are_asked_for_are_given(reading: Reading) -> None:
    content = files.pdf([files.lines(f"page number {n}") for n in range(1, 8)])
    whole = reading(content)
    info, *some = reading(content, only=range(3, 6))
    assert info.pages == 7
    assert [page.text for page in some] == ["page number 3", "page number 4", "page number 5"]
    assert some == whole[3:6]
    assert reading(content, only=range(0)) == whole[:1]


def test_the_files_attached_come_with_the_whole_or_alone(reading: Reading) -> None:
    document = pdfium.PdfDocument.new()
    document.new_page(100, 100)
    document.new_page(100, 100)
    document.new_attachment("note.txt").set_data(b"hello")
    out = io.BytesIO()
    document.save(out)
    attached = Attachment("note.txt", b"hello")
    assert reading(out.getvalue())[-1] == attached
    assert reading(out.getvalue(), only=range(0))[1:] == [attached]
    assert len(reading(out.getvalue(), only=range(1, 3))) == 3
