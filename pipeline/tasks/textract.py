"""OCR by a service that reads whole files: submitting a job and looking at it are tasks, and nobody waits in between."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from uuid import NAMESPACE_OID, uuid5

from celery import Signature

from pipeline.celery_app import app
from pipeline.errors import BadDocument, Misconfigured, NotReady, PipelineError, Throttled
from pipeline.model import Attachment, DocumentId, DocumentInfo, FailedPage, Job, Lease, ObjectPlace, Page, PageImage, Usage
from pipeline.ports import DocumentOcr
from pipeline.stages.canonical import assemble
from pipeline.status import Step
from pipeline.tasks.attachments import Attachments
from pipeline.tasks.stage_task import stage_task
from pipeline.wiring import Services, services

NO_PAGES = range(0)
BY_THEMSELVES = {"image/png", "image/jpeg"}  # one page: read at once, like a page of any document
FIRST_LOOK = 5.0  # seconds
PAGES_AT_ONCE = 50  # that are held in memory, and go to the database in one statement
JOB_LOST, NO_TEXT = "job_lost", "no_text"
RESULTS_LAST = timedelta(days=8)  # a day longer than the service keeps them
START, CHECK = "start_textract_job", "check_textract_job_status"


@stage_task(Step.PROCESS_OCR, lambda use: use.read_by, START)
def start_textract_job(lease: Lease) -> Signature | None:
    """Submit the file. The same document, content and attempt give the same job, however often this runs."""
    use = services()
    job = use.documents.job(lease.document_id)
    if use.document_ocr is None or job is None or job.name:
        return go_on(use, lease)
    place, token = _place(use, lease.document_id), _token(lease, job)
    with _booked(use, use.document_ocr.usage(job.pages), _call(token)):
        name = use.document_ocr.submit(place, token, lease.document_id)
    use.documents.save_job(lease, name)
    raise NotReady("Textract reads the file.", check_again_in=FIRST_LOOK)


@stage_task(Step.PROCESS_OCR, lambda use: use.read_by, CHECK)
def check_textract_job_status(lease: Lease) -> Signature | None:
    """Look at the job: not ready, failed, or its pages. Until the next look the document waits in the database."""
    use = services()
    job = use.documents.job(lease.document_id)
    if use.document_ocr is None or job is None or not job.name:
        return go_on(use, lease)
    call = _call(_token(lease, job))
    with _dropped_in_vain(use, lease, call):
        parts, failed = _save(use, lease, use.document_ocr.check(job.name, job.waited))
    use.meter.end(call, use.document_ocr.usage(max(0, job.pages - len(failed))))
    if use.blobs is not use.bucket:
        use.bucket.delete(_copy(lease.document_id))
    use.documents.finish_job(lease, parts, failed)
    return None


def go_on(use: Services, lease: Lease) -> Signature:
    """End the lease in favour of the task that is next: submitting, looking, or reading the file here."""
    job = use.documents.pass_on(lease)
    return task_of(lease.document_id, Step.PROCESS_OCR if job is None else CHECK if job else START)


def task_of(document_id: DocumentId, name: str) -> Signature:
    """A message for this task."""
    return app.signature(name, args=(document_id,), immutable=True)


def handed_over(use: Services, service: DocumentOcr, lease: Lease, path: Path, name: str, children: Attachments) -> bool:
    """Hand the document over if the service takes it and it has a page without text of its own; attachments are kept."""
    info = next(iter([event for event in use.reader.read(path, name, NO_PAGES) if isinstance(event, DocumentInfo)]))
    if not _takes(service, info, path.stat().st_size) or not _has_images(use, path, name, info.pages):
        return False
    for event in use.reader.read(path, name, NO_PAGES):
        if isinstance(event, Attachment):
            children.keep(event)
    use.documents.hand_over(lease, info, children.kept)
    return True


def _takes(service: DocumentOcr, info: DocumentInfo, size: int) -> bool:
    try:
        service.admit(info.media_type, size, info.pages)
    except BadDocument:
        return False
    return info.media_type not in BY_THEMSELVES


def _has_images(use: Services, path: Path, name: str, pages: int) -> bool:
    """Whether a page must be read by OCR: looked for in ever larger ranges, for most often it is the first or none."""
    first, size = 1, 1
    while first <= pages:
        events = use.reader.read(path, name, range(first, min(first + size, pages + 1)))
        if any([isinstance(event, PageImage) for event in events]):  # a reader that is broken off is ended
            return True
        first, size = first + size, size * 2
    return False


def _place(use: Services, document_id: DocumentId) -> ObjectPlace:
    """Where the service can fetch the file: where it lies, if that is in S3, else a copy there."""
    key = use.documents.file(document_id).storage_key
    if use.blobs is use.bucket:
        return use.bucket.place(key)
    with use.blobs.local(key) as path:
        use.bucket.put(_copy(document_id), path)
    return use.bucket.place(_copy(document_id))


def _copy(document_id: DocumentId) -> str:
    return f"textract/{document_id}"


def _save(use: Services, lease: Lease, found: Iterable[Page | FailedPage]) -> tuple[int, list[FailedPage]]:
    """Put the pages into the database as they come; returns in how many parts, and the pages that failed."""
    failed: list[FailedPage] = []
    parts = 0
    for parts, pages in enumerate(_runs(found, failed), 1):
        text, spans = assemble(pages)
        use.documents.save_job_part(lease, parts, text, pages, spans)
    if not parts and not failed:
        raise BadDocument("The file holds nothing that can be read.", NO_TEXT)
    return parts, failed


def _runs(found: Iterable[Page | FailedPage], failed: list[FailedPage]) -> Iterator[list[Page]]:
    """Pages without a gap between them, some at a time; those that failed are added to the list."""
    run: list[Page] = []
    for page in found:
        if isinstance(page, FailedPage):
            failed.append(page)
            continue
        if run and (len(run) == PAGES_AT_ONCE or page.number != run[-1].number + 1):
            yield run
            run = []
        run.append(page)
    if run:
        yield run


def _token(lease: Lease, job: Job) -> str:
    return f"{lease.document_id} {job.content} {job.attempt}"


def _call(token: str) -> str:
    """The job in the books: submitted twice, it is paid for once."""
    return str(uuid5(NAMESPACE_OID, token))


@contextmanager
def _booked(use: Services, most: Usage, call: str) -> Iterator[None]:
    """Put the job into the books before it is submitted; they close when it has been read."""
    use.meter.begin(most, call, RESULTS_LAST)
    try:
        yield
    except (BadDocument, Misconfigured, Throttled):  # after another fault it may have been taken: it is submitted once more
        use.meter.drop(call)
        raise


@contextmanager
def _dropped_in_vain(use: Services, lease: Lease, call: str) -> Iterator[None]:
    """Forget a job that failed or was lost, so that the next try is another. What failed costs nothing."""
    try:
        yield
    except BadDocument as fault:
        use.documents.drop_job(lease)
        use.meter.end(call, None) if fault.code == NO_TEXT else use.meter.drop(call)
        raise
    except PipelineError as fault:
        if fault.code == JOB_LOST:
            use.documents.drop_job(lease)
            use.meter.end(call, None)
        raise
