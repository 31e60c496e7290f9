"""Other office formats, through kreuzberg with OCR and cache off; what it passes over in newer ones is added."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kreuzberg

from pipeline.model import Attachment, DocumentInfo, Page, ReadEvent
from pipeline.readers.archive import Archive, local_name, opened
from pipeline.readers.clean import safe_name, tidy
from pipeline.readers.docx import embedded
from pipeline.readers.faults import Fault, bad
from pipeline.readers.formats import Format
from pipeline.readers.limits import Limits

_OPTIONS: dict[str, Any] = {"use_cache": False, "disable_ocr": True, "enable_quality_processing": False}
_DRAWN = ("/diagrams/data", "/charts/chart", "/drawings/drawing", "/comments", "/notesSlides/")
_MASTERS = ("/slideMasters/",)


def read(path: Path, found: Format, limits: Limits) -> Iterator[ReadEvent]:
    """Yield the document's text as one page, then the files embedded in it."""
    content = path.read_bytes()
    text, title = _extracted(content, found.media_type)
    attachments: list[Attachment] = []
    if content.startswith(b"PK"):
        with opened(path, limits) as archive:
            text = "\n\n".join(filter(None, [text, "\n".join(_missed(archive, text))]))
            attachments = [Attachment(safe_name(name, "embedded"), archive.read(name)) for name in embedded(archive, text)]
    if not text and not attachments:
        raise bad(Fault.NO_TEXT)
    yield DocumentInfo(found.media_type, {"title": title} if title else {})
    yield Page(1, text)
    yield from attachments[: limits.attachments]


def _extracted(content: bytes, media_type: str) -> tuple[str, str]:
    """Text and title."""
    try:
        result = kreuzberg.extract_bytes_sync(content, media_type, kreuzberg.ExtractionConfig(**_OPTIONS))
    except kreuzberg.KreuzbergError as fault:
        locked = any(sign in str(fault).lower() for sign in ("password", "encrypt"))
        raise bad(Fault.ENCRYPTED if locked else Fault.DAMAGED) from fault
    return tidy(result.content), str(result.metadata.get("title") or "")


def _missed(archive: Archive, text: str) -> Iterator[str]:
    """Paragraphs of drawings, diagrams, charts and masters that the text does not hold yet."""
    seen = set(text.split("\n"))
    wanted = _DRAWN if text else _DRAWN + _MASTERS
    for name in sorted(archive.names):
        if not name.endswith(".xml") or not any(part in name for part in wanted):
            continue
        for paragraph in archive.xml(name).iter("{*}p", "{*}v"):
            line = tidy("".join(item.text or "" for item in paragraph.iter() if local_name(item) in {"t", "v"}))
            if line and line not in seen and line not in text and not line.startswith("Click to edit"):
                seen.add(line)
                yield line
