"""What the graph must hold, by the database alone."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from datetime import timedelta
from typing import Any, NamedTuple
from uuid import UUID

import psycopg

from pipeline.graph_rows import FIRST, LAST, Part, Rows, Span, Values, entity_label
from pipeline.model import GraphTurn
from pipeline.stores.database import Database
from pipeline.stores.graph_turns import alone
from pipeline.stores.statements import load_statements

SQL = load_statements("sql/graph_content.sql")
TURN, PATIENCE = (
    timedelta(seconds=20),
    600.0,
)  # nobody else need wait for long if this process dies; seconds to wait for others
LOWEST, HIGHEST = str(UUID(int=0)), str(UUID(int=2**128 - 1))

Connection = psycopg.Connection[tuple[Any, ...]]


class Project(NamedTuple):
    """A project; one that the database does not know has no id, and must not be in the graph."""

    name: str
    id: str = ""


class GraphContent:
    """The rows of the graph as they should be. Every method raises ``ServiceUnavailable`` while the database is away."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def projects(self) -> list[Project]:
        """All projects by name."""
        with self._db.connection() as connection:
            return [Project(name, i) for i, name in connection.execute(SQL["projects"].encode()).fetchall()]

    def sizes(self, project: Project) -> dict[str, int]:
        """How many nodes of each label there may be."""
        with self._db.connection() as connection:
            return content_sizes(connection, project)

    def rows(self, part: Part, project: Project, span: Span) -> Rows:
        """The rows of the owners in ``span``, as they are now."""
        with self._db.connection() as connection:
            return content_rows(connection, part, project, span)

    @contextmanager
    def alone(self, project: Project) -> Iterator["Moment"]:
        """One moment of the database, while nobody else writes the project's part of the graph."""
        mine = alone(self._db, project.id, TURN, PATIENCE) if project.id else nullcontext()
        with mine as turn, self._db.connection() as connection, connection.transaction():
            connection.execute("set transaction isolation level repeatable read, read only")
            yield Moment(connection, project, turn)


class Moment:
    """See ``GraphContent.alone``; ``turn`` is the right to write, None where the database does not know the project."""

    def __init__(self, connection: Connection, project: Project, turn: GraphTurn | None) -> None:
        self._connection = connection
        self._project = project
        self.turn = turn

    def rows(self, part: Part, span: Span) -> Rows:
        """The rows of the owners in ``span``."""
        return content_rows(self._connection, part, self._project, span)

    def on_the_way(self, ids: Iterable[str], *, figures: bool) -> set[str]:
        """Those of which the graph is yet to be told; with ``figures`` also entities whose counts are about to change."""
        known = sorted(filter(_is_uuid, ids))
        if not self._project.id or not known:
            return set()
        names = ("on_the_way", "moving") if figures else ("on_the_way",)
        return {i for name in names for (i,) in _fetch(self._connection, name, project=self._project.id, ids=known)}


def content_sizes(connection: Connection, project: Project) -> dict[str, int]:
    """How many nodes of each label there may be."""
    return dict(_fetch(connection, "sizes", project=project.id)) if project.id else {}


def content_rows(connection: Connection, part: Part, project: Project, span: Span) -> Rows:
    """The rows of a part whose owners lie in ``span``."""
    found: Rows = {}
    if not project.id:
        return found
    low = LOWEST if span.low == FIRST else span.low
    high = HIGHEST if span.high == LAST else span.high
    finish = _FINISH.get(part, tuple)
    for owner, *values in _fetch(connection, part.value, project=project.id, low=low, high=high):
        held = found.setdefault(owner, [])
        if values[0] is not None:
            held.append(finish(values))
    return found


def _entity(values: list[Any]) -> Values:
    return (*values, entity_label(values[2]))


_FINISH: dict[Part, Callable[[list[Any]], Values]] = {Part.ENTITY: _entity}


def _fetch(connection: Connection, statement: str, **values: object) -> list[tuple[Any, ...]]:
    return connection.execute(SQL[statement].encode(), values).fetchall()


def _is_uuid(text: str) -> bool:
    try:
        return str(UUID(text)) == text
    except ValueError:
        return False
