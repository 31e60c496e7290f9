"""The database of record over a PostgreSQL URL. Every change of state is an SQL function; this file calls them."""

import threading
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from itertools import count, islice
from types import MappingProxyType
from typing import Any, Protocol

import numpy as np
import psycopg
from numpy.typing import NDArray
from psycopg.types.json import Jsonb

from pipeline.errors import BadDocument
from pipeline.model import (
    Candidates,
    Chunk,
    DocumentGraph,
    DocumentId,
    DocumentInfo,
    DocumentNode,
    Due,
    EntityGraph,
    EntityType,
    Evidence,
    GraphChunk,
    GraphEntity,
    GraphFigures,
    GraphMention,
    GraphRelated,
    GraphRelation,
    GraphWork,
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
from pipeline.stores.control import Control
from pipeline.stores.database import SQL, Database, Rows
from pipeline.stores.jobs import Jobs
from pipeline.stores.page_ranges import PageRanges, held, page_rows

NAMES_ARRIVED = "NL003"
OUTDATED_AT_ONCE = 200  # documents that are removed from the graph, or mended there, in one turn
CHUNKS_AT_ONCE, ROWS_AT_ONCE = 250, 5000  # in one statement; of about a megabyte
FIGURES_AFTER = 64  # documents after which the graph's figures are brought up to date at the latest


class PostgresStore(PageRanges, Jobs, Control):
    """``ports.DocumentStore`` over psycopg.

    Args:
        database: where the statements run.
        lease: how long a lease lasts without being renewed.
        most_crashes: after so many deaths of a process over one step the document is set aside.
    """

    def __init__(self, database: Database, lease: timedelta = timedelta(seconds=20), most_crashes: int = 3) -> None:
        super().__init__(database, lease, most_crashes)
        self._graph_turn = threading.Lock()

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

    def save_chunks(self, lease: Lease, chunks: Sequence[Chunk], vectors: NDArray[np.float32]) -> None:
        """See ``ports.DocumentStore``."""
        rows = (
            {"number": c.index, "start": c.start, "end": c.end, "heading": c.heading, "embedding": vector_text(v)}
            for c, v in zip(chunks, vectors, strict=True)
        )
        self._db.run("save_chunks", **held(lease), chunks=self._last_portion(lease, rows, CHUNKS_AT_ONCE))

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
        return [RelationMention(*row) for row in self._db.rows("relation_mentions", document=document_id)]

    def mentions(self, document_id: DocumentId) -> list[ResolvedMention]:
        """See ``ports.DocumentStore``."""
        rows = self._db.rows("mentions", document=document_id)
        return [ResolvedMention(s, e, EntityType(t), c, i) for s, e, t, c, i in rows]

    def candidates(self, document_id: DocumentId, keys: Sequence[str], blocking_keys: Sequence[str]) -> Candidates:
        """See ``ports.DocumentStore``."""
        found = self._row("candidates", document_id, keys=list(keys), blocking_keys=list(blocking_keys))[0]
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
        try:
            self._db.run(
                "save_resolution",
                **held(lease),
                arrival=arrival,
                clusters=Jsonb([{"key": key, "mentions": list(numbers)} for key, numbers in clusters]),
                names=Jsonb([n._asdict() for n in names]),
                links=Jsonb([x._asdict() for x in links]),
            )
        except psycopg.Error as fault:
            if fault.sqlstate == NAMES_ARRIVED:
                return False
            raise
        return True

    def save_relations(self, lease: Lease, relations: Sequence[Evidence]) -> None:
        """See ``ports.DocumentStore``."""
        rows = (relation._asdict() for relation in relations)
        self._db.run("save_relations", **held(lease), relations=self._last_portion(lease, rows, ROWS_AT_ONCE))

    @contextmanager
    def graph_writing(self, lease: Lease) -> Iterator[GraphWork]:
        """See ``ports.DocumentStore``."""
        project = self._row("project_of", lease.document_id)[0]
        # Threads that wait for the project would hold the connections that the others need.
        with self._graph_turn, self._alone("graph", project) as connection:
            touched = _fetch(connection, "graph_turn", **held(lease), most=FIGURES_AFTER)
            with _graph_work(connection, project, touched, [lease.document_id]) as work:
                yield work

    @contextmanager
    def graph_refreshing(self, project_id: str) -> Iterator[GraphWork]:
        """See ``ports.DocumentStore``."""
        with self._graph_turn, self._alone("graph", project_id) as connection:
            outdated = _fetch(connection, "outdated", project=project_id, most=OUTDATED_AT_ONCE)
            touched = _fetch(connection, "graph_touched", project=project_id)
            documents, numbers = [document for document, _ in outdated], [number for _, number in outdated]
            with _graph_work(connection, project_id, touched, documents) as work:
                yield work
            _fetch(connection, "outdated_done", project=project_id, ids=documents, numbers=numbers)

    def stale_graphs(self) -> list[str]:
        """See ``ports.DocumentStore``."""
        return [project for (project,) in self._db.rows("stale_graphs")]

    def finish_graph(self, lease: Lease) -> None:
        """See ``ports.DocumentStore``."""
        self._db.run("finish_graph", **held(lease))

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

    @contextmanager
    def _alone(self, purpose: str, key: str) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
        with self._db.connection() as connection:
            connection.execute(SQL["lock"].encode(), {"purpose": purpose, "key": key})
            try:
                yield connection
            finally:
                connection.execute(SQL["unlock"].encode(), {"purpose": purpose, "key": key})

    def _row(self, statement: str, document_id: DocumentId, **values: object) -> tuple[Any, ...]:
        return _only(self._db.rows(statement, document=document_id, **values))


class Fetch(Protocol):
    """Runs a named statement and fetches all rows."""

    def __call__(self, statement: str, **values: object) -> Rows:
        """See ``Database.rows``."""


def _fetch(connection: psycopg.Connection[tuple[Any, ...]], statement: str, **values: object) -> Rows:
    return connection.execute(SQL[statement].encode(), values).fetchall()


def _only(rows: Rows) -> tuple[Any, ...]:
    if not rows:
        raise BadDocument("The document was deleted.", "deleted")
    return rows[0]


@contextmanager
def _graph_work(
    connection: psycopg.Connection[tuple[Any, ...]], project: str, touched: Rows, own: Sequence[str]
) -> Iterator[GraphWork]:
    rows = partial(_fetch, connection)
    documents = [document for (document,) in touched]
    # One moment: what changes meanwhile is written by whoever changes it.
    with connection.transaction():
        connection.execute("set transaction isolation level repeatable read, read only")
        changed = rows("changed_entities", project=project)
        parts = {document: _document_graph(rows, document) for document in own}
        work = GraphWork(
            tuple(part for part in parts.values() if part),
            _entity_graph(rows, changed),
            _figures(rows, documents),
            tuple(document for document, part in parts.items() if not part),
        )
    yield work
    if changed:
        rows("changed_done", project=project, ids=[i for i, _, _ in changed], numbers=[n for _, n, _ in changed])
    if documents:
        rows("touched_done", documents=documents)


def _figures(rows: Fetch, documents: list[str]) -> GraphFigures:
    if not documents:
        return GraphFigures()
    return GraphFigures(
        _entities(rows("touched_entities", documents=documents)),
        tuple(GraphRelation(*r) for r in rows("touched_relations", documents=documents)),
        tuple(GraphRelated(*r) for r in rows("touched_related", documents=documents)),
    )


def _document_graph(rows: Fetch, document_id: str) -> DocumentGraph | None:
    """The document's part; None if it has none, any more or yet."""
    found = rows("graph_node", document=document_id)
    if not found:
        return None
    told, *node = found[0]
    if not told:
        return DocumentGraph(DocumentNode(*node), (), (), ())
    return DocumentGraph(
        DocumentNode(*node),
        tuple(GraphChunk(*r) for r in rows("graph_chunks", document=document_id)),
        _entities(rows("graph_entities", document=document_id)),
        tuple(GraphMention(*r) for r in rows("graph_mentions", document=document_id)),
    )


def _entity_graph(rows: Fetch, changed: Rows) -> EntityGraph:
    if not changed:
        return EntityGraph((), (), (), ())
    stand = [i for i, _, stands in changed if stands]
    entities = _entities(rows("entities_summary", ids=stand))
    present = {e.id for e in entities}
    return EntityGraph(
        tuple(i for i, _, _ in changed if i not in present),
        entities,
        tuple(GraphMention(*r) for r in rows("entities_mentions", ids=stand)),
        tuple(GraphRelation(*r) for r in rows("entities_relations", ids=stand)),
        tuple(GraphRelated(*r) for r in rows("entities_related", ids=stand)),
    )


def vector_text(vector: NDArray[np.float32]) -> str:
    """A vector as pgvector reads it; seven significant digits keep float32."""
    return "[" + ",".join(f"{x:.7g}" for x in vector.tolist()) + "]"


def _due(rows: Rows) -> list[Due]:
    return [Due(DocumentId(i), Step(step)) for i, step in rows]


def _entities(rows: Rows) -> tuple[GraphEntity, ...]:
    return tuple(GraphEntity(i, name or "", EntityType(t), m, d) for i, name, t, m, d in rows)
