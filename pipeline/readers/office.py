"""Other office formats, through kreuzberg with OCR and cache off."""

from collections.abc import Iterator
from pathlib import Path

import kreuzberg

from pipeline.model import DocumentInfo, Page, ReadEvent
from pipeline.readers.archive import opened
from pipeline.readers.clean import tidy
from pipeline.readers.faults import Fault, bad
from pipeline.readers.formats import Format
from pipeline.readers.limits import Limits


def read(path: Path, found: Format, limits: Limits) -> Iterator[ReadEvent]:
    """Yield the document's text as one page."""
    content = path.read_bytes()
    if content.startswith(b"PK"):
        with opened(path, limits):
            pass
    config = kreuzberg.ExtractionConfig(use_cache=False, disable_ocr=True, enable_quality_processing=False)
    try:
        result = kreuzberg.extract_bytes_sync(content, found.media_type, config)
    except kreuzberg.KreuzbergError as fault:
        locked = "password" in str(fault).lower() or "encrypt" in str(fault).lower()
        raise bad(Fault.ENCRYPTED if locked else Fault.DAMAGED) from fault
    text = tidy(result.content)
    if not text:
        raise bad(Fault.NO_TEXT)
    title = str(result.metadata.get("title") or "")
    yield DocumentInfo(found.media_type, {"title": title} if title else {})
    yield Page(1, text)
