"""The database of record over a PostgreSQL URL. Every change of state is an SQL function; this file calls them."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import timedelta
from itertools import count, islice
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from psycopg.types.json import Jsonb

from pipeline.errors import BadDocument
from pipeline.model import (
    Candidates,
    Chunk,
    DocumentId,
    DocumentInfo,
    DocumentNode,
    Due,
    EntityType,
    Evidence,
    Lease,
    Mention,
    NameLink,
    NewName,
    Page,
    PageSpan,
    Reading,
    RelationMention,
    ResolvedMention,
    Source,
    StoredFile,
    Submission,
    Submitted,
    Verdict,
)
from pipeline.status import Step
from pipeline.stores.calls import Rows
from pipeline.stores.graph_turns import GraphTurns
from pipeline.stores.jobs import Jobs
from pipeline.stores.moves import Moves
from pipeline.stores.page_ranges import PageRanges, held, page_rows
from pipeline.stores.vectors import Vectors, vector_text

CHUNKS_AT_ONCE, ROWS_AT_ONCE = 250, 5000  # in one statement; of about a megabyte


class PostgresStore(PageRanges, Jobs, Vectors, GraphTurns, Moves):
    """``ports.DocumentStore`` over psycopg.

    Args:
        database: where the statements run.
        lease: how long a lease lasts without being renewed.
        most_crashes: after so many deaths of a process over one step the document is set aside.
    """

    def submit(self, project: str, files: Sequence[Submission]) -> list[Submitted]:
        """See ``ports.DocumentStore``."""
        rows = self._patiently("submit", project=project, files=Jsonb([f._asdict() for f in files]))
        return [Submitted(DocumentId(i), path, outcome) for i, path, outcome in rows]

    def claim(self, limit: int, in_flight: int) -> list[Due]:
        """See ``ports.DocumentStore``."""
        return _due(self._db.rows("claim", limit=limit, in_flight=in_flight))

    def repair(self, idle: timedelta, limit: int, known: Collection[str] = ()) -> list[Due]:
        """See ``ports.DocumentStore``."""
        return _due(self._db.rows("repair", idle=idle, known=list(known), limit=limit))

    def next_due(self) -> float | None:
        """See ``ports.DocumentStore``."""
        seconds: float | None = self._db.value("next_due")
        return seconds

    def begin(self, document_id: DocumentId, step: Step, engine: str, worker: str) -> tuple[Verdict, Lease]:
        """See ``ports.DocumentStore``."""
        rows = self._db.rows(
            "begin",
            document=document_id,
            step=step,
            engine=engine,
            worker=worker,
            lease=self._lease,
            most_crashes=self._most_crashes,
        )
        verdict, token = rows[0]
        return Verdict(verdict), Lease(document_id, step, token)

    def renew(self, lease: Lease) -> bool:
        """See ``ports.DocumentStore``."""
        return bool(self._db.value("renew_part" if lease.part else "renew", **held(lease), lease=self._lease))

    def release(self, lease: Lease) -> None:
        """See ``ports.DocumentStore``."""
        self._db.run("release_part" if lease.part else "release", **held(lease))

    def release_all(self, node: str) -> int:
        """See ``ports.DocumentStore``."""
        return int(self._db.value("release_all", worker=node))

    def report_crash(self, document_id: DocumentId, part: int, worker: str) -> None:
        """See ``ports.DocumentStore``."""
        values = {"document": document_id, "worker": worker, "most_crashes": self._most_crashes}
        if part:
            self._db.rows("report_part_crash", **values, part=part)
        else:
            self._db.rows("report_crash", **values)

    def fail(
        self,
        lease: Lease,
        code: str,
        message: str,
        wait: timedelta | None,
        most_retries: int | None,
        longest: timedelta | None = None,
    ) -> bool:
        """See ``ports.DocumentStore``."""
        ((tries,),) = self._db.run(
            "fail_part" if lease.part else "fail",
            **held(lease),
            step=lease.step,
            code=code,
            message=message,
            retry=wait is not None,
            most_retries=most_retries,
            wait=wait or timedelta(),
            longest=longest,
        )
        return bool(tries >= 0)

    def file(self, document_id: DocumentId) -> StoredFile:
        """See ``ports.DocumentStore``."""
        return StoredFile(*self._row("file", document_id))

    def save_pages(
        self,
        lease: Lease,
        info: DocumentInfo,
        text: str,
        pages: Sequence[Page],
        spans: Sequence[PageSpan],
        children: Sequence[Submission],
    ) -> None:
        """See ``ports.DocumentStore``."""
        self._db.run(
            "save_pages",
            **held(lease),
            media_type=info.media_type,
            metadata=Jsonb(info.metadata),
            text=text,
            pages=page_rows(pages, spans),
            children=Jsonb([c._asdict() for c in children]),
        )

    def reading(self, document_id: DocumentId) -> Reading:
        """See ``ports.DocumentStore``."""
        text, media_type, metadata, pages = self._row("reading", document_id)
        return Reading(text, media_type, metadata, tuple(PageSpan(n, s, e, Source(o), c) for n, s, e, o, c in pages))

    def save_node(self, lease: Lease, language: str, category: str) -> None:
        """See ``ports.DocumentStore``."""
        self._db.run("save_node", **held(lease), language=language, category=category)

    def node(self, document_id: DocumentId) -> DocumentNode:
        """See ``ports.DocumentStore``."""
        return DocumentNode(*self._row("node", document_id))

    def save_chunks(
        self, lease: Lease, chunks: Sequence[Chunk], vectors: NDArray[np.float32], space: str | None = None
    ) -> None:
        """See ``ports.DocumentStore``."""
        rows = (
            {"number": c.index, "start": c.start, "end": c.end, "heading": c.heading, "embedding": vector_text(v)}
            for c, v in zip(chunks, vectors, strict=True)
        )
        last = self._last_portion(lease, rows, CHUNKS_AT_ONCE)
        self._db.run("save_chunks", **held(lease), chunks=last, space=space)

    def save_mentions(
        self,
        lease: Lease,
        mentions: Sequence[Mention],
        relations: Sequence[RelationMention] = (),
        notes: Mapping[str, int] = MappingProxyType({}),
    ) -> None:
        """See ``ports.DocumentStore``."""
        rows = ({"number": number, **mention._asdict()} for number, mention in enumerate(mentions))
        self._db.run(
            "save_mentions",
            **held(lease),
            mentions=self._last_portion(lease, rows, ROWS_AT_ONCE),
            relation_mentions=Jsonb([relation._asdict() for relation in relations]),
            notes=Jsonb(dict(notes)),
        )

    def relation_mentions(self, document_id: DocumentId) -> list[RelationMention]:
        """See ``ports.DocumentStore``."""
        rows = self._db.value("relation_mentions", document=document_id)
        return [RelationMention(s, p, o, a, z, float(c)) for s, p, o, a, z, c in rows]

    def mentions(self, document_id: DocumentId) -> list[ResolvedMention]:
        """See ``ports.DocumentStore``."""
        rows = self._db.value("mentions", document=document_id)
        return [ResolvedMention(s, e, EntityType(t), float(c), i) for s, e, t, c, i in rows]

    def candidates(self, document_id: DocumentId, keys: Sequence[str], blocking_keys: Sequence[str]) -> Candidates:
        """See ``ports.DocumentStore``."""
        found = self._db.value("candidates", document=document_id, keys=list(keys), blocking_keys=list(blocking_keys))
        if found is None:
            raise _deleted()
        return Candidates(found["arrival"], tuple(found["keys"]))

    def save_resolution(
        self,
        lease: Lease,
        arrival: int,
        clusters: Sequence[tuple[str, Sequence[int]]],
        names: Sequence[NewName],
        links: Sequence[NameLink],
    ) -> bool:
        """See ``ports.DocumentStore``."""
        ((saved,),) = self._db.run(
            "save_resolution",
            **held(lease),
            arrival=arrival,
            clusters=Jsonb([{"key": key, "mentions": list(numbers)} for key, numbers in clusters]),
            names=Jsonb([n._asdict() for n in names]),
            links=Jsonb([x._asdict() for x in links]),
        )
        return bool(saved)

    def save_relations(self, lease: Lease, relations: Sequence[Evidence]) -> None:
        """See ``ports.DocumentStore``."""
        rows = (relation._asdict() for relation in relations)
        self._db.run("save_relations", **held(lease), relations=self._last_portion(lease, rows, ROWS_AT_ONCE))

    def close(self) -> None:
        """See ``ports.DocumentStore``."""
        self._db.close()

    def _last_portion(self, lease: Lease, rows: Iterable[dict[str, object]], most: int) -> Jsonb:
        """Lay down all of the rows but the last portion, which comes with the commit."""
        rest = iter(rows)
        last = list(islice(rest, most))
        for number in count():
            following = list(islice(rest, most))
            if not following:
                break
            self._db.run("stage_rows", **held(lease), number=number, rows=Jsonb(last))
            last = following
        return Jsonb(last)

    def _row(self, statement: str, document_id: DocumentId, **values: object) -> tuple[Any, ...]:
        return _only(self._db.rows(statement, document=document_id, **values))


def _only(rows: Rows) -> tuple[Any, ...]:
    if not rows:
        raise _deleted()
    return rows[0]


def _deleted() -> BadDocument:
    return BadDocument("The document was deleted.", "deleted")


def _due(rows: Rows) -> list[Due]:
    return [Due(DocumentId(i), Step(step)) for i, step in rows]
