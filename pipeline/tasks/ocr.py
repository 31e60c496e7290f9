"""OCR stage: file -> pages of text. A large document is read in page ranges, side by side."""

from collections.abc import Iterable
from pathlib import Path

from celery import Signature, chord

from pipeline.errors import LeaseLost
from pipeline.model import Attachment, DocumentId, DocumentInfo, Lease, StoredFile
from pipeline.stages.canonical import assemble
from pipeline.stages.reading import read_document
from pipeline.stages.splitting import page_ranges
from pipeline.status import Step
from pipeline.tasks import textract
from pipeline.tasks.attachments import Attachments
from pipeline.tasks.stage_task import part_task, stage_task
from pipeline.wiring import Services, services

MEGABYTE = 1024 * 1024
NO_PAGES = range(0)


@stage_task(Step.PROCESS_OCR, lambda use: use.read_by)
def process_ocr(lease: Lease) -> Signature | None:
    """Read the file: pages with where their text came from, attachments as documents of their own.

    A large document is split: its page ranges, and what puts them together, take this task's place in the chain. So does
    the service that reads the whole file, if one is set.
    """
    return _go_on(services(), lease)


@stage_task(Step.PROCESS_OCR, lambda use: use.read_by, "aggregate_pages")
def aggregate_pages(lease: Lease) -> Signature | None:
    """Put the page ranges together; the database knows whether all have ended, however often this is called."""
    return _go_on(services(), lease)


@part_task("process_pages", lambda use: use.read_by)
def process_pages(lease: Lease) -> None:
    """Read one range of pages of a large document."""
    use = services()
    file = use.documents.file(lease.document_id)
    pages = use.documents.part_pages(lease)
    with use.blobs.local(file.storage_key) as path:
        events = use.reader.read(path, file.file_name, pages)
        document = read_document(events, lambda: use.ocr, lambda: use.speech, lambda _: None)
    text, spans = assemble(document.pages)
    use.documents.save_part(lease, text, document.pages, spans)


def _go_on(use: Services, lease: Lease) -> Signature | None:
    if use.document_ocr is not None and use.documents.job(lease.document_id):
        return textract.go_on(use, lease)
    file = use.documents.file(lease.document_id)
    if not file.split:
        return _read(use, lease, file)
    missing = use.documents.missing_parts(lease)
    if missing is not None:
        return _parts(lease.document_id, missing)
    use.documents.join_parts(lease)
    return None


def _read(use: Services, lease: Lease, file: StoredFile) -> Signature | None:
    with use.documents.expecting_files() as expect:
        return _read_with(use, lease, file, Attachments(use.blobs, expect, file, use.settings.max_attachment_depth))


def _read_with(use: Services, lease: Lease, file: StoredFile, children: Attachments) -> Signature | None:
    with use.blobs.local(file.storage_key) as path:
        service = use.document_ocr
        if service is not None and textract.handed_over(use, service, lease, path, file.file_name, children):
            return textract.task_of(lease.document_id, textract.START)
        info, ranges = _divided(use, path, file.file_name, children)
        if ranges:
            use.documents.split(lease, info, ranges, children.kept)
            return _parts(lease.document_id, range(1, len(ranges) + 1))
        events = use.reader.read(path, file.file_name)
        document = read_document(events, lambda: use.ocr, lambda: use.speech, children.keep)
    text, spans = assemble(document.pages)
    use.documents.save_pages(lease, document.info, text, document.pages, spans, children.kept)
    return None


def _divided(use: Services, path: Path, name: str, children: Attachments) -> tuple[DocumentInfo, list[range]]:
    """What the file is, and its page ranges if it is large; its attachments are kept then."""
    events = use.reader.read(path, name, NO_PAGES)
    info = next(event for event in events if isinstance(event, DocumentInfo))
    limit = use.settings.large_document_pages, use.settings.large_document_size * MEGABYTE
    ranges = page_ranges(info.pages, path.stat().st_size, *limit)
    large = len(ranges) > 1
    for event in events:
        if large and isinstance(event, Attachment):
            children.keep(event)
    return info, ranges if large else []


def _parts(document_id: DocumentId, numbers: Iterable[int]) -> Signature:
    """The chord that reads the ranges and calls for their being put together; a hint, like every message."""
    header = [process_pages.si(document_id, number) for number in numbers]
    if not header:
        raise LeaseLost("its page ranges are being read")
    return chord(header, aggregate_pages.si(document_id))
