"""OCR stage: file -> pages of text."""

from pipeline.model import Lease
from pipeline.stages.canonical import assemble
from pipeline.stages.reading import read_document
from pipeline.status import Step
from pipeline.tasks.attachments import Attachments
from pipeline.tasks.stage_task import stage_task
from pipeline.wiring import services


@stage_task(Step.PROCESS_OCR, lambda use: (use.reader.engine, use.ocr.engine, use.speech_engine))
def process_ocr(lease: Lease) -> None:
    """Read the file: pages with where their text came from, attachments as documents of their own."""
    use = services()
    file = use.documents.file(lease.document_id)
    children = Attachments(use.blobs, file, use.settings.max_attachment_depth)
    with use.blobs.local(file.storage_key) as path:
        document = read_document(use.reader.read(path, file.file_name), lambda: use.ocr, lambda: use.speech, children.keep)
    text, spans = assemble(document.pages)
    use.documents.save_pages(lease, document.info, text, document.pages, spans, children.kept)
