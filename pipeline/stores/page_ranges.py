"""The page ranges of large documents: the part of ``ports.DocumentStore`` that splits, reads in ranges and joins."""

from collections.abc import Sequence
from datetime import timedelta

from psycopg.types.json import Jsonb

from pipeline.errors import LeaseLost
from pipeline.model import DocumentId, DocumentInfo, Lease, Page, PageSpan, Submission, Verdict
from pipeline.status import Step
from pipeline.stores.calls import Calls


class PageRanges:
    """What ``PostgresStore`` does with ranges.

    Args:
        database: where the statements run.
        lease: how long a lease lasts without being renewed.
        most_crashes: after so many deaths of a process over one range it has failed.
    """

    def __init__(self, database: Calls, lease: timedelta = timedelta(seconds=20), most_crashes: int = 3) -> None:
        self._db = database
        self._lease = lease
        self._most_crashes = most_crashes

    def split(self, lease: Lease, info: DocumentInfo, ranges: Sequence[range], children: Sequence[Submission]) -> None:
        """See ``ports.DocumentStore``."""
        self._db.run(
            "split",
            **held(lease),
            media_type=info.media_type,
            metadata=Jsonb(info.metadata),
            children=Jsonb([c._asdict() for c in children]),
            ranges=Jsonb([{"first": pages[0], "last": pages[-1]} for pages in ranges]),
        )

    def missing_parts(self, lease: Lease) -> list[int] | None:
        """See ``ports.DocumentStore``."""
        missing: list[int] | None = self._db.value("missing_parts", **held(lease))
        return missing

    def begin_part(self, document_id: DocumentId, part: int, worker: str) -> tuple[Verdict, Lease]:
        """See ``ports.DocumentStore``."""
        rows = self._db.rows(
            "begin_part",
            document=document_id,
            part=part,
            worker=worker,
            lease=self._lease,
            most_crashes=self._most_crashes,
        )
        verdict, token = rows[0]
        return Verdict(verdict), Lease(document_id, Step.PROCESS_OCR, token, part)

    def part_pages(self, lease: Lease) -> range:
        """See ``ports.DocumentStore``."""
        rows = self._db.rows("part", document=lease.document_id, part=lease.part)
        if not rows:
            raise LeaseLost("The document was deleted, or is no longer split.")
        first, last = rows[0]
        return range(first, last + 1)

    def save_part(self, lease: Lease, text: str, pages: Sequence[Page], spans: Sequence[PageSpan]) -> None:
        """See ``ports.DocumentStore``."""
        self._db.run("save_part", **held(lease), text=text, pages=page_rows(pages, spans))

    def join_parts(self, lease: Lease) -> None:
        """See ``ports.DocumentStore``."""
        self._db.run("join_parts", **held(lease))


def held(lease: Lease) -> dict[str, object]:
    """What a statement needs to know of a lease."""
    return {"document": lease.document_id, "token": lease.token} | ({"part": lease.part} if lease.part else {})


def page_rows(pages: Sequence[Page], spans: Sequence[PageSpan]) -> Jsonb:
    """Pages as the database takes them."""
    return Jsonb([_page_row(page, span) for page, span in zip(pages, spans, strict=True)])


def _page_row(page: Page, span: PageSpan) -> dict[str, object]:
    return {
        "number": page.number,
        "start": span.start,
        "end": span.end,
        "source": page.source,
        "confidence": round(page.confidence, 4),
        "width": round(page.width, 2),
        "height": round(page.height, 2),
        "words": [[w.start, w.end, *(round(x, 5) for x in w.box), round(w.confidence, 3)] for w in page.words],
        "segments": [
            [s.start, s.end, round(s.begin_seconds, 3), round(s.end_seconds, 3), round(s.confidence, 3)]
            for s in page.segments
        ],
    }
