"""Documents that a service reads by itself: the part of ``ports.DocumentStore`` that keeps its jobs."""

from collections.abc import Sequence

from psycopg.types.json import Jsonb

from pipeline.model import DocumentId, DocumentInfo, FailedPage, Job, Lease, Page, PageSpan, Submission
from pipeline.stores.calls import Calls
from pipeline.stores.page_ranges import held, page_rows


class Jobs:
    """What ``PostgresStore`` does with jobs."""

    _db: Calls

    def hand_over(self, lease: Lease, info: DocumentInfo, children: Sequence[Submission]) -> None:
        """See ``ports.DocumentStore``."""
        self._db.run(
            "hand_over",
            **held(lease),
            media_type=info.media_type,
            metadata=Jsonb(info.metadata),
            children=Jsonb([child._asdict() for child in children]),
            pages=info.pages,
        )

    def job(self, document_id: DocumentId) -> Job | None:
        """See ``ports.DocumentStore``."""
        for name, attempt, waited, content, pages in self._db.rows("job", document=document_id):
            return Job(name or "", attempt, waited, content, pages)
        return None

    def pass_on(self, lease: Lease) -> str | None:
        """See ``ports.DocumentStore``."""
        ((job,),) = self._db.run("pass_on", **held(lease))
        return None if job is None else str(job)

    def save_job(self, lease: Lease, job: str) -> None:
        """See ``ports.DocumentStore``."""
        self._db.run("save_job", **held(lease), job=job)

    def drop_job(self, lease: Lease) -> None:
        """See ``ports.DocumentStore``."""
        self._db.run("drop_job", **held(lease))

    def save_job_part(self, lease: Lease, number: int, text: str, pages: Sequence[Page], spans: Sequence[PageSpan]) -> None:
        """See ``ports.DocumentStore``."""
        first, last = pages[0].number, pages[-1].number
        rows = page_rows(pages, spans)
        self._db.run("save_job_part", **held(lease), part=number, first=first, last=last, text=text, pages=rows)

    def finish_job(self, lease: Lease, parts: int, failed: Sequence[FailedPage]) -> None:
        """See ``ports.DocumentStore``."""
        self._db.run("finish_job", **held(lease), parts=parts, failed=Jsonb([page._asdict() for page in failed]))

    def wake_jobs(self, jobs: Sequence[str]) -> list[str]:
        """See ``ports.DocumentStore``."""
        busy: list[str] = self._db.value("wake_jobs", jobs=list(jobs))
        return busy
