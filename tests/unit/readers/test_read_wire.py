from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.model import Attachment, Box, DocumentInfo, Page, PageImage, ReadEvent, Sound, Word
from pipeline.readers import wire

PAGE = Page(
    3,
    "two words",
    words=(Word(0, 3, Box(0.1, 0.1, 0.2, 0.2)), Word(4, 9, Box(0.3, 0.1, 0.5, 0.2), 0.5)),
    width=612,
    height=792,
)


@pytest.mark.parametrize(
    "event",
    [
        DocumentInfo("text/plain", {"title": "отчёт"}),
        Page(1, ""),
        Page(2, "Größe\n𝄞", confidence=0.5),
        PageImage(1, 2, 3, 1, b"abcdef", 200),
        Sound(b"\1\2"),
        Attachment("a “b”.pdf", b"%PDF"),
    ],
)
def test_events_arrive_as_they_were_sent(event: ReadEvent) -> None:
    assert wire.decode(*wire.encode(event)) == event


def test_words_arrive_with_their_boxes() -> None:
    page = wire.decode(*wire.encode(PAGE))
    assert isinstance(page, Page)
    assert [(w.start, w.end) for w in page.words] == [(0, 3), (4, 9)]
    assert page.words[1].box == pytest.approx(PAGE.words[1].box)
    assert page.words[1].confidence == 0.5


def broken(**changes: object) -> wire.Header:
    return {**wire.encode(PAGE)[0], **changes}


BODY = wire.encode(PAGE)[1]


@pytest.mark.parametrize(
    ("header", "body"),
    [
        ({"kind": "secret"}, b""),
        ({}, b""),
        (broken(number=-1), BODY),
        (broken(number=float("nan")), BODY),
        (broken(number=True), BODY),
        (broken(text=10_000), BODY),
        (broken(text="9"), BODY),
        (broken(confidence=7), BODY),
        (broken(), BODY[:-3]),
        (broken(), b"\xff" + BODY[1:]),
        (broken(), b"\0" + BODY[1:]),
        (broken(), BODY[:9] + BODY[9:][36 - 8 :] + BODY[9:][: 36 - 8]),
        ({"kind": "image", "number": 1, "width": 1000, "height": 1000, "channels": 1, "dpi": 200}, b"short"),
        ({"kind": "info", "media_type": "text/plain", "metadata": []}, b""),
    ],
)
def test_anything_else_is_refused(header: wire.Header, body: bytes) -> None:
    with pytest.raises(wire.Violation):
        wire.decode(header, body)


@given(st.binary(max_size=120), st.integers(0, 130))
def test_noise_is_refused_or_gives_a_page_that_holds_together(body: bytes, text: int) -> None:
    header = broken(text=text)
    try:
        page = wire.decode(header, body)
    except wire.Violation:
        return
    assert isinstance(page, Page)
    assert all(0 <= word.start < word.end <= len(page.text) for word in page.words)
    assert all(a.end <= b.start for a, b in pairwise(page.words))


def test_the_name_of_an_attachment_is_made_safe() -> None:
    event = wire.decode({"kind": "attachment", "name": "../../a\nb"}, b"")
    assert event == Attachment("a b", b"")
