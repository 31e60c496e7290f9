from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from pipeline.errors import BadDocument
from pipeline.model import Attachment, Box, DocumentInfo, Engine, Page, PageImage, ReadEvent, Sound, Source, Word
from pipeline.stages.reading import ReadDocument, read_document

IMAGE = PageImage(2, 1, 1, 1, b"\0")


class Ocr:
    engine = Engine("ocr", "1")

    def recognize(self, image: PageImage) -> Page:
        return Page(1, f"seen {len(image.pixels)}", Source.OCR, 0.9)


class Speech:
    engine = Engine("speech", "1")

    def transcribe(self, sound: Sound) -> tuple[Page, str]:
        return Page(1, f"heard {len(sound.samples)}", Source.SPEECH, 0.8), "de"


def never() -> Callable[[], None]:
    pytest.fail("an engine was loaded that nothing needs")


def read(*events: ReadEvent) -> ReadDocument:
    return read_document(iter(events), Ocr, Speech, lambda _: None)


def test_text_needs_no_engine() -> None:
    info, page = DocumentInfo("text/plain", {"title": "t"}), Page(1, "x")
    document = read_document([info, page], never, never, never)  # type: ignore[arg-type]  # none of them may be called
    assert (document.info, document.pages) == (info, [page])


def test_cells_are_told_apart_on_typed_pages_and_on_images() -> None:
    words = Word(0, 4, Box(0.1, 0.1, 0.2, 0.12)), Word(5, 9, Box(0.4, 0.1, 0.5, 0.12))
    row = Page(1, "Riga Wood", words=words, width=600, height=800)

    class Rows(Ocr):
        def recognize(self, image: PageImage) -> Page:
            return replace(row, number=image.number)

    events: list[ReadEvent] = [DocumentInfo("application/pdf"), row, IMAGE]
    document = read_document(events, Rows, Speech, lambda _: None)
    assert [page.text for page in document.pages] == ["Riga\tWood", "Riga\tWood"]


def test_images_are_recognized_and_keep_their_numbers() -> None:
    document = read(DocumentInfo("application/pdf"), Page(1, "typed"), IMAGE, Page(3, "typed too"))
    assert [(p.number, p.text, p.source) for p in document.pages] == [
        (1, "typed", Source.TEXT),
        (2, "seen 1", Source.OCR),
        (3, "typed too", Source.TEXT),
    ]


def test_sound_is_transcribed_and_its_language_noted() -> None:
    document = read(DocumentInfo("audio/wav", {"title": "note"}), Sound(b"1234"))
    assert [(p.text, p.source) for p in document.pages] == [("heard 4", Source.SPEECH)]
    assert document.info.metadata == {"title": "note", "spoken_language": "de"}


def test_attachments_are_handed_on_one_by_one() -> None:
    kept: list[Attachment] = []
    attachment = Attachment("a", b"")

    def events() -> Iterator[ReadEvent]:
        yield Page(1, "x")
        yield attachment
        assert kept == [attachment]

    read_document(events(), Ocr, Speech, kept.append)


def test_a_file_without_pages_is_refused_and_an_empty_page_is_not() -> None:
    with pytest.raises(BadDocument) as caught:
        read(DocumentInfo("application/zip"), Attachment("a", b""))
    assert caught.value.code == "no_text"
    assert read(Page(1, "")).pages == [Page(1, "")]
