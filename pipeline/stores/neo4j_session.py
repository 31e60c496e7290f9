"""Transactions on a Bolt server (Neo4j 5 or the embedded ArcadeDB) by the official driver, and its errors in our words."""

import logging
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, LiteralString, TypeVar
from urllib.parse import urlsplit

import neo4j
from neo4j.exceptions import (
    AuthError,
    ConfigurationError,
    ConnectionPoolError,
    ConstraintError,
    DatabaseError,
    DriverError,
    Neo4jError,
)

from pipeline.errors import Misconfigured, NotReady, Outage, ServiceUnavailable
from pipeline.model import GraphTurn
from pipeline.stores.statements import load_statements

T = TypeVar("T")
Work = Callable[[neo4j.ManagedTransaction], T]

CONNECT_SECONDS = 5.0
RETRY_SECONDS = 3.0
CONFLICT_TRIES = 12
LONGEST_PAUSE = 1.0
HOLD = load_statements("cypher/turn.cypher")["hold_turn"]
ADDRESS = "The graph server's address cannot be used; it looks like neo4j://host:7687."

logging.getLogger("neo4j").setLevel(logging.ERROR)  # what it warns of at every try is raised here as an error


class GraphServer:
    """A pool of connections to one database of a Bolt server.

    Args:
        uri: e.g. ``neo4j://host:7687`` or ``bolt://host:7687``.
        user: its user.
        password: its password.
        database: the database's name.

    Raises:
        Misconfigured: the address cannot be used. Nothing is connected yet.
    """

    def __init__(self, uri: str, user: str, password: str, database: str) -> None:
        self._place = _place(uri)
        self._database = database
        with self._translated():
            self._driver = neo4j.GraphDatabase.driver(
                uri,
                auth=(user, password),
                connection_timeout=CONNECT_SECONDS,
                connection_write_timeout=CONNECT_SECONDS,
                connection_acquisition_timeout=2 * CONNECT_SECONDS,
                liveness_check_timeout=60.0,
                max_transaction_retry_time=RETRY_SECONDS,
                initial_retry_delay=0.05,
                retry_delay_jitter_factor=0.5,
                warn_notification_severity=neo4j.NotificationMinimumSeverity.OFF,
                notifications_min_severity=neo4j.NotificationMinimumSeverity.OFF,
            )

    def write(self, work: Work[T], turn: GraphTurn | None = None) -> T:
        """Run ``work`` in a transaction; again, with a jittered pause, if it met another writer or the connection broke.

        With a ``turn``, every later turn's writes shut it out, however late it ends.

        Raises:
            NotReady: a later turn has begun.
            Outage: the server is away.
            ServiceUnavailable: a conflict or fault of the server lasted through all tries.
            Misconfigured: user, password or database is wrong.
        """

        def in_turn(tx: neo4j.ManagedTransaction) -> T:
            if turn is not None:
                _hold(tx, turn)
            return work(tx)

        return self._repeated(lambda session: session.execute_write(in_turn))

    def read(self, statement: LiteralString, **values: object) -> list[neo4j.Record]:
        """Fetch all records of a statement; raises as ``write``."""
        return self._repeated(lambda session: session.execute_read(lambda tx: list(tx.run(statement, values))))

    def run(self, statement: LiteralString, **values: object) -> None:
        """Run a statement that must stand outside a transaction; raises as ``write``."""
        self._repeated(lambda session: session.run(statement, values).consume())

    def close(self) -> None:
        """Give back connections."""
        self._driver.close()

    def _repeated(self, use: Callable[[neo4j.Session], T]) -> T:
        # Two writers that create one key at once: the driver takes it for final, here the second try finds the node.
        with self._translated():
            for attempt in range(CONFLICT_TRIES):
                try:
                    return self._once(use)
                except ConstraintError:
                    time.sleep(random.uniform(0, min(LONGEST_PAUSE, 0.02 * 2**attempt)))
            return self._once(use)

    def _once(self, use: Callable[[neo4j.Session], T]) -> T:
        with self._driver.session(database=self._database) as session:
            return use(session)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except AuthError as fault:
            raise Misconfigured(f"The graph server at {self._place} refuses the user or password.", "graph_auth") from fault
        except ConfigurationError as fault:
            raise Misconfigured(
                ADDRESS,
                "graph_address",
            ) from fault
        except (Neo4jError, DriverError) as fault:
            if "DatabaseNotFound" in (getattr(fault, "code", "") or ""):
                raise Misconfigured(f"The graph server has no database {self._database}.", "graph_database") from fault
            if isinstance(fault, DriverError) and _may_pass(fault):
                raise Outage(f"The graph server at {self._place} is away.") from fault
            if not _may_pass(fault):
                raise
            raise ServiceUnavailable(f"The graph server at {self._place} does not answer as it should.") from fault


def _hold(tx: neo4j.ManagedTransaction, turn: GraphTurn) -> None:
    newest = tx.run(HOLD, project=turn.project, token=turn.token).single(strict=True)["token"]
    if newest > turn.token:
        raise NotReady("Another worker wrote the project's part of the graph meanwhile.", "turn_lost", check_again_in=1)


def _place(uri: str) -> str:
    try:
        parts = urlsplit(uri)
        port = parts.port or 7687
    except ValueError as fault:
        raise Misconfigured(ADDRESS, "graph_address") from fault
    return f"{parts.hostname}:{port}"


def _may_pass(fault: Neo4jError | DriverError) -> bool:
    return fault.is_retryable() or isinstance(fault, ConstraintError | DatabaseError | ConnectionPoolError)


def fetch_list(tx: neo4j.ManagedTransaction, statement: LiteralString, **values: object) -> list[list[Any]]:
    """The rows of a statement that collects them into one record, which costs a fifth of as many records."""
    record = tx.run(statement, values).single()
    return record[0] if record else []
