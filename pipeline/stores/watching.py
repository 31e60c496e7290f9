"""What a monitor reads of the database every few seconds. Nothing here changes anything."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple

import psycopg

from pipeline.errors import Misconfigured
from pipeline.model import Pause
from pipeline.status import Status, Step
from pipeline.stores.database import Database
from pipeline.stores.reports import StateCount
from pipeline.stores.statements import load_statements

SQL = load_statements("sql/watching.sql")
MINUTES = 60
LISTED = 20
LISTED_DOCUMENTS = 100
LIMITS = (
    "set transaction isolation level repeatable read, read only",
    "set local statement_timeout = '5s'",
    "set local enable_seqscan = off",  # along the indexes, also where the planner does not know yet how many there are
    "set local enable_sort = off",
)


class Load(NamedTuple):
    """Documents (or page ranges) at a task; ``seconds``: for how long the oldest waits, None if none does."""

    waiting: int
    running: int
    seconds: float | None


class AtWork(NamedTuple):
    """What a worker process does.

    ``worker`` is ``node/process``. Seconds since it began, since its last sign of life, and until the document is given to
    another (below 0: the worker is silent).
    """

    worker: str
    document_id: str
    project: str
    source_path: str
    task: str
    seconds: float
    heartbeat: float
    lease: float


class Failed(NamedTuple):
    """A document that failed, and how many seconds ago."""

    document_id: str
    project: str
    source_path: str
    status: Status
    step: Step
    code: str
    message: str
    seconds: float


class Trouble(NamedTuple):
    """What went wrong although its document goes on: ``outcome`` is ``crashed`` (its worker died) or ``retry``."""

    document_id: str
    project: str
    source_path: str
    step: Step
    outcome: str
    worker: str
    code: str
    message: str
    seconds: float


class Wanted(StrEnum):
    """Which documents to list; the value ends the statement's name."""

    MOVING = "moving"
    PENDING = "pending"
    FAILED = "failed"
    CANCELLED = "cancelled"
    COMPLETED = "completed"


class Listing(NamedTuple):
    """Documents to list; ``text`` is part of their path. Of the completed ones, among the last 1,000."""

    wanted: Wanted = Wanted.MOVING
    text: str = ""


class Listed(NamedTuple):
    """A document of a list: why it waits or failed, and for how many seconds it has been so."""

    document_id: str
    project: str
    source_path: str
    status: Status
    step: Step
    why: str
    seconds: float


class Event(NamedTuple):
    """What was done to a document: how many seconds ago it ended, how many it took, by whom and with what outcome."""

    ago: float
    step: Step
    outcome: str
    worker: str
    seconds: float
    code: str
    message: str


class History(NamedTuple):
    """A document, and what was done to it, the last first."""

    project: str
    source_path: str
    status: Status
    step: Step
    code: str
    message: str
    waiting_for: str
    pages: int
    chunks: int
    mentions: int
    events: tuple[Event, ...]


class Pace(NamedTuple):
    """Documents that ended.

    ``minutes``: in each minute of the last hour, the oldest first; ``failed``: how many of them badly; ``recent`` and
    ``seconds``: how many in the last ten minutes, and how long ago the first of those.
    """

    minutes: tuple[int, ...]
    failed: int
    recent: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Seen:
    """What the database says at one moment. ``pending_seconds``: for how long the oldest document waits to be claimed."""

    states: tuple[StateCount, ...]
    pace: Pace
    pending_seconds: float | None
    tasks: dict[str, Load]
    at_work: tuple[AtWork, ...]
    waits: tuple[tuple[str, int], ...]
    failures: tuple[Failed, ...]
    troubles: tuple[Trouble, ...]
    stale_graphs: int
    pauses: tuple[Pause, ...]
    queue_processors: int
    listed: tuple[Listed, ...] = ()


class Watching:
    """Reads the database for a monitor.

    Args:
        database: where.
        project: name of the project to look at; None: all.
    """

    def __init__(self, database: Database, project: str | None = None) -> None:
        self._db = database
        self._project = project

    def look(self, listing: Listing | None = None) -> Seen:
        """All of it, as of one moment; with a list of documents if one is asked for.

        Raises:
            Outage: the database is away.
            Misconfigured: ``no_schema``: it was never set up; ``no_project``: there is no such project.
        """
        with self._connection() as connection:
            return self._look(_Reader(connection, self._project_id(connection)), listing)

    def history(self, document_id: str) -> History | None:
        """What was done to a document; None: there is no such document."""
        with self._connection() as connection:
            read = _Reader(connection, None, document_id)
            events = tuple(Event(ago, Step(step), *what) for ago, step, *what in read("history"))
            rows = read("document")
            return _history(rows[0], events) if rows else None

    @contextmanager
    def _connection(self) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
        try:
            with self._db.connection() as connection, connection.transaction():
                for limit in LIMITS:
                    connection.execute(limit)
                yield connection
        except (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedFunction) as fault:
            raise Misconfigured(
                "The database was never set up, or by an older version: nlp-pipeline migrate.", "no_schema"
            ) from fault

    def _project_id(self, connection: psycopg.Connection[tuple[Any, ...]]) -> str | None:
        if self._project is None:
            return None
        row = connection.execute(SQL["project"].encode(), {"name": self._project}).fetchone()
        if row is None:
            raise Misconfigured(f"There is no project {self._project}.", "no_project")
        return str(row[0])

    def _look(self, read: "_Reader", listing: Listing | None) -> Seen:
        return Seen(
            states=tuple(StateCount(Status(status), Step(step), n) for status, step, n in read("states")),
            pace=_pace(read("ended")),
            pending_seconds=read("oldest_pending")[0][0],
            tasks={task: Load(*load) for task, *load in read("tasks")},
            at_work=tuple(AtWork(*row) for row in read("at_work")),
            waits=tuple((why, n) for why, n in read("waits")),
            failures=tuple(_failed(*row) for row in read("failures")),
            troubles=tuple(_trouble(*row) for row in read("troubles")),
            stale_graphs=read("stale_graphs")[0][0],
            pauses=tuple(Pause(queue, tuple(tasks), seconds) for queue, tasks, seconds in read("pauses")),
            queue_processors=read("queue_processors")[0][0],
            listed=tuple(_listed(*row) for row in read.documents(listing)) if listing else (),
        )


class _Reader(NamedTuple):
    """Runs named statements for one project or all, or for one document."""

    connection: psycopg.Connection[tuple[Any, ...]]
    project: str | None
    document: str | None = None

    def __call__(self, statement: str, **values: object) -> list[tuple[Any, ...]]:
        known = {"project": self.project, "document": self.document, "limit": LISTED}
        # Not prepared: a plan for whatever project there may be would be one for none.
        return self.connection.execute(SQL[statement].encode(), known | values, prepare=False).fetchall()

    def documents(self, listing: Listing) -> list[tuple[Any, ...]]:
        return self(f"list_{listing.wanted}", text=listing.text, limit=LISTED_DOCUMENTS)


def _listed(document: str, project: str, path: str, status: str, step: str, why: str, seconds: float) -> Listed:
    return Listed(document, project, path, Status(status), Step(step), why, seconds)


def _history(row: tuple[Any, ...], events: tuple[Event, ...]) -> History:
    project, path, status, step, code, message, waiting_for, pages, chunks, mentions = row
    return History(
        project, path, Status(status), Step(step), code, message, waiting_for, pages, chunks, mentions, events
    )  # fmt: skip


def _failed(document: str, project: str, path: str, status: str, step: str, *why: Any) -> Failed:  # noqa: ANN401
    return Failed(document, project, path, Status(status), Step(step), *why)


def _trouble(document: str, project: str, path: str, step: str, *what: Any) -> Trouble:  # noqa: ANN401
    return Trouble(document, project, path, Step(step), *what)


def _pace(rows: list[tuple[Any, ...]]) -> Pace:
    by_minute = {minute: (ended, failed, seconds) for minute, ended, failed, seconds in rows}
    minutes = tuple(by_minute.get(minute, (0, 0, 0.0))[0] for minute in reversed(range(MINUTES)))
    recent = [row for minute, row in by_minute.items() if minute < 10]
    return Pace(
        minutes,
        sum(failed for _, failed, _ in by_minute.values()),
        sum(ended for ended, _, _ in recent),
        max((seconds for *_, seconds in recent), default=0.0),
    )
