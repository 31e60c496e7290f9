"""The reading side of the database: what people ask of a project. Nothing here changes anything."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
import psycopg
from numpy.typing import NDArray

from pipeline.errors import Misconfigured
from pipeline.graph_rows import OWNER, Part, Rows, spans
from pipeline.model import DocumentId, EntityType, GraphEntity, Prices
from pipeline.status import Status, Step
from pipeline.stores.calls import Rows as DatabaseRows
from pipeline.stores.costs import Costs
from pipeline.stores.database import Database
from pipeline.stores.graph_content import Project, content_rows, content_sizes
from pipeline.stores.passages import EVERYTHING, Days, Filter, Passages
from pipeline.stores.statements import load_statements
from pipeline.stores.stories import Story, read_story
from pipeline.stores.vectors import vector_text

SQL = load_statements("sql/reports.sql")
MARK_START, MARK_END = "\ue000", "\ue001"
"""Stand before and after a matching word in ``Passage.marked``."""
ROWS_AT_ONCE = 50


class StateCount(NamedTuple):
    """How many documents are in a state, at a step."""

    status: Status
    step: Step
    documents: int


class Totals(NamedTuple):
    """What a project holds."""

    documents: int
    pages: int
    chunks: int
    mentions: int
    entities: int
    relations: int


class Waiting(NamedTuple):
    """Documents that wait for something to come back; ``seconds`` until the first of them tries again."""

    step: Step
    waiting_for: str
    documents: int
    seconds: float


class PartlyRead(NamedTuple):
    """A large document of whose page ranges so many have been read, or have failed."""

    source_path: str
    read: int
    ranges: int


class Failure(NamedTuple):
    """A document that did not complete, and why."""

    source_path: str
    status: Status
    step: Step
    code: str
    message: str


class Outcome(NamedTuple):
    """What became of one document; ``seconds`` is the work spent on it, waiting not counted."""

    source_path: str
    status: Status
    step: Step
    code: str
    message: str
    pages: int
    chunks: int
    mentions: int
    seconds: float


class Group(NamedTuple):
    """Documents in one state at one step."""

    status: Status
    step: Step
    documents: list[DocumentId]


class Hit(NamedTuple):
    """A passage that answers a question; offsets into the document's canonical text."""

    source_path: str
    start: int
    end: int
    score: float
    heading: str
    text: str


class Passage(NamedTuple):
    """A hit with where it stands: its page, or for a recording ``seconds`` from its start."""

    source_path: str
    start: int
    end: int
    score: float
    heading: str
    text: str
    marked: str
    page: int | None
    seconds: float | None


class Merge(NamedTuple):
    """Why a name stands for an entity; ``score`` 0 to 1."""

    name: str
    reason: str
    score: float


class Neighbour(NamedTuple):
    """An entity that is related to another, with one passage that says so."""

    id: str
    name: str
    type: EntityType
    predicate: str
    weight: int
    documents: int
    source_path: str
    passage: str


class EntityReport(NamedTuple):
    """All that is known of one entity; aliases and documents with how often, the most frequent first."""

    entity: GraphEntity
    aliases: list[tuple[str, int]]
    documents: list[tuple[str, int]]
    merges: list[Merge]
    neighbours: list[Neighbour]


class Reports:
    """What can be read of one project. A project that nothing was submitted to is empty.

    Every method raises ``ServiceUnavailable`` while the database is away, ``Misconfigured`` where it was never set up.
    """

    def __init__(self, database: Database, project: str) -> None:
        self._db = database
        self.project = project
        self._project_id: str | None = None

    @property
    def project_id(self) -> str | None:
        """The project's id; None if nothing was ever submitted to it."""
        if self._project_id is None:
            with self._connection() as connection:
                row = connection.execute(SQL["project"].encode(), {"project": self.project}).fetchone()
            self._project_id = str(row[0]) if row else None
        return self._project_id

    def known_files(self, paths: Sequence[str]) -> dict[str, str]:
        """SHA-256 of those of these documents whose content is stored."""
        return dict(self._rows("known_files", paths=list(paths)))

    def states(self) -> list[StateCount]:
        """Documents by state and step."""
        return [StateCount(Status(status), Step(step), n) for status, step, n in self._rows("states")]

    def totals(self) -> Totals:
        """What the project holds."""
        return Totals(*self._rows("totals")[0])

    def partly_read(self) -> list[PartlyRead]:
        """Large documents that are being read, by path; 20 at most."""
        return [PartlyRead(*row) for row in self._rows("page_ranges")]

    def waiting(self) -> list[Waiting]:
        """What documents wait for."""
        return [Waiting(Step(step), *rest) for step, *rest in self._rows("waiting")]

    def costs(self, prices: Prices) -> Costs:
        """What it has cost, by these prices."""
        return Costs(self._db, self.project, prices)

    def failures(self, limit: int | None = None) -> list[Failure]:
        """Documents that ended without being completed, by path; the first ``limit``, or all."""
        rows = self._rows("failures", limit=limit)
        return [Failure(path, Status(status), Step(step), *why) for path, status, step, *why in rows]

    def progress(self, documents: Sequence[DocumentId]) -> list[Group]:
        """These documents and all their attachments, by state and step."""
        rows = self._rows("progress", documents=list(documents))
        return [Group(Status(status), Step(step), ids) for status, step, ids in rows]

    def story(self, names: Sequence[str]) -> Story | None:
        """What became of the document with one of these paths or ids; None: there is none."""
        return read_story(self._rows, names)

    def graph_waits(self) -> bool:
        """Whether the graph's figures are still to be brought up to date."""
        return bool(self._rows("graph_waits")[0][0])

    def outcomes(self, documents: Sequence[DocumentId]) -> list[Outcome]:
        """What became of these documents, in the order in which they ended."""
        rows = self._rows("outcomes", documents=list(documents))
        return [Outcome(path, Status(status), Step(step), *rest) for path, status, step, *rest in rows]

    def top_entities(self, limit: int = 10) -> list[GraphEntity]:
        """The most mentioned entities; dates and sums are left out."""
        return _entities(self._rows("top_entities", limit=limit))

    def search(
        self, question: str, vector: NDArray[np.float32], limit: int, space: str | None = None, narrow: Filter = EVERYTHING
    ) -> list[Hit]:
        """Passages that answer a question, the best first; ``vector`` is its embedding.

        Raises:
            ServiceUnavailable: ``conflict``: ``space``, whose vector it is, is no longer the active one; embed it anew.
        """
        return [Hit(*row) for row in self._rows("search", **_question(question, vector, limit, space, narrow))]

    def passages(
        self, question: str, vector: NDArray[np.float32], limit: int, space: str | None = None, narrow: Filter = EVERYTHING
    ) -> list[Passage]:
        """The same with page or time, and the text with the matching words marked."""
        return [Passage(*row) for row in self._rows("passages", **_question(question, vector, limit, space, narrow))]

    def read_dates(self, read: Callable[[str], Days | None]) -> None:
        """Before a question that is narrowed by dates: see ``Passages.read_dates``."""
        Passages(self._db).read_dates(self.project, read)

    def find_entities(self, name: str, keys: Sequence[str], limit: int = 10) -> list[GraphEntity]:
        """Entities that a name may mean, the most likely first.

        Args:
            name: as a person typed it.
            keys: the keys that the name would have as an entity.
            limit: most entities to return.
        """
        pattern = name.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        return _entities(self._rows("find_entities", name=name, pattern=pattern, keys=list(keys), limit=limit))

    def entity(self, entity: GraphEntity, neighbours: int = 10) -> EntityReport:
        """All that is known of an entity."""
        return EntityReport(
            entity,
            [(name, n) for name, n in self._rows("entity_aliases", entity=entity.id)],
            [(path, n) for path, n in self._rows("entity_documents", entity=entity.id)],
            [
                Merge(name, reason or "", score or 0.0)
                for name, reason, score in self._rows("entity_merges", entity=entity.id)
            ],
            [
                Neighbour(i, name, EntityType(kind), *rest)
                for i, name, kind, *rest in self._rows("entity_neighbours", entity=entity.id, limit=neighbours)
            ],
        )

    @contextmanager
    def snapshot(self) -> Iterator["Snapshot"]:
        """The project as it is now, read row by row; what is written meanwhile is not seen."""
        with self._connection() as connection, connection.transaction():
            connection.execute("set transaction isolation level repeatable read, read only")
            yield Snapshot(connection, self.project, self.project_id)

    def _rows(self, statement: str, **values: object) -> DatabaseRows:
        with self._connection() as connection:
            return connection.execute(SQL[statement].encode(), values | {"project": self.project_id}).fetchall()

    @contextmanager
    def _connection(self) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
        try:
            with self._db.connection() as connection:
                yield connection
        except (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedFunction) as fault:
            raise Misconfigured(
                "The database was never set up, or by an older version: nlp-pipeline migrate.", "no_schema"
            ) from fault


class Snapshot:
    """Rows of one moment, in a stable order, a few at a time whatever their number."""

    def __init__(self, connection: psycopg.Connection[tuple[Any, ...]], project: str, project_id: str | None) -> None:
        self._connection = connection
        self._project = project
        self._project_id = project_id

    def rows(self, statement: str) -> Iterator[tuple[Any, ...]]:
        """The rows of a statement of ``reports.sql`` that needs nothing but the project."""
        with self._connection.cursor(name=statement) as cursor:
            cursor.itersize = ROWS_AT_ONCE
            yield from cursor.execute(SQL[statement].encode(), {"project": self._project_id})

    def graph_rows(self, part: Part) -> Iterator[Rows]:
        """What the graph must hold of a part, some hundred owners at a time."""
        project = Project(self._project, self._project_id or "")
        size = content_sizes(self._connection, project).get(OWNER[part], 0)
        return (content_rows(self._connection, part, project, span) for span in spans(size))


def _question(
    question: str, vector: NDArray[np.float32], limit: int, space: str | None, narrow: Filter
) -> dict[str, object]:
    return {
        "question": question.replace("\0", " "),
        "embedding": vector_text(vector),
        "limit": limit,
        "space": space,
        "filter": narrow.as_json(),
    }


def _entities(rows: DatabaseRows) -> list[GraphEntity]:
    return [GraphEntity(i, name or "", EntityType(kind), mentions, documents) for i, name, kind, mentions, documents in rows]
