"""From what a reader yields to pages of text: images go through OCR, recordings through speech recognition."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from pipeline.errors import BadDocument
from pipeline.model import Attachment, DocumentInfo, Page, PageImage, ReadEvent, Sound
from pipeline.ports import OcrEngine, SpeechEngine
from pipeline.stages.cells import with_cells


@dataclass(slots=True)
class ReadDocument:
    """A file that was read: what it is, and its pages in order."""

    info: DocumentInfo = field(default_factory=lambda: DocumentInfo(""))
    pages: list[Page] = field(default_factory=list)


def read_document(
    events: Iterable[ReadEvent],
    ocr: Callable[[], OcrEngine],
    speech: Callable[[], SpeechEngine],
    keep: Callable[[Attachment], None],
) -> ReadDocument:
    """Take the events one by one, so that only one page's image is held at a time.

    Args:
        events: what the reader yields.
        ocr: gives the engine for images; asked only if there is one.
        speech: gives the engine for recordings; asked only if there is one.
        keep: called with each attachment.

    Raises:
        BadDocument: as the reader says.
    """
    document = ReadDocument()
    for event in events:
        match event:
            case DocumentInfo():
                document.info = event
            case Page():
                document.pages.append(with_cells(event))
            case PageImage():
                document.pages.append(with_cells(replace(ocr().recognize(event), number=event.number)))
            case Sound():
                page, language = speech().transcribe(event)
                document.pages.append(page)
                document.info.metadata["spoken_language"] = language
            case Attachment():
                keep(event)
    if not document.pages:
        raise BadDocument("The file holds nothing that can be read.", "no_text")
    return document
