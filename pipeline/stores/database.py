"""Connections to PostgreSQL, and its errors in the pipeline's words."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import psycopg
from psycopg_pool import ConnectionPool, PoolTimeout

from pipeline.errors import LeaseLost, Outage, ServiceUnavailable
from pipeline.stores.statements import load_statements

LEASE_LOST = "NL001"
CONFLICTS = ("40001", "40P01", "23503", "23505")  # another transaction was in the way: try again
COMMIT_TRIES = 4  # what was worked out is worth waiting for longer than the lease
DATABASE_AWAY = ("57", "53", "08")  # classes: operator intervention, insufficient resources, connection

CONNECTION = {"connect_timeout": 10, "keepalives_idle": 30, "keepalives_interval": 10, "keepalives_count": 3}

logging.getLogger("psycopg.pool").setLevel(logging.CRITICAL)  # what it would say is raised here as an error

SQL = load_statements("sql/queries.sql")
Rows = list[tuple[Any, ...]]


class Database:
    """A pool of connections that is opened on first use and translates the driver's errors.

    Args:
        conninfo: PostgreSQL URL.
        most: connections at one time.
        patience: seconds to wait for a connection.
    """

    def __init__(self, conninfo: str, most: int = 4, patience: float = 15.0) -> None:
        self._pool = ConnectionPool(
            conninfo,
            min_size=1,
            max_size=most,
            timeout=patience,
            open=False,
            check=None,
            num_workers=1,
            reconnect_timeout=patience,  # its pauses double: beyond that, whoever asks next has it tried anew
            kwargs=CONNECTION | {"autocommit": True, "application_name": "nlp-pipeline"},
        )

    @contextmanager
    def connection(self) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
        """A connection, in autocommit.

        Raises:
            Outage: the database is away, starting, stopping or full.
            ServiceUnavailable: another worker was in the way.
            LeaseLost: the lease is no longer ours.
        """
        try:
            self._pool.open()
            with self._pool.connection() as connection:
                yield connection
        except PoolTimeout as fault:
            raise Outage("The database does not answer.") from fault
        except psycopg.Error as fault:
            raise _translated(fault) from fault

    def rows(self, statement: str, **values: object) -> Rows:
        """Run a named statement and fetch all rows; once more if the connection was a dead one."""
        try:
            return self._rows(statement, values)
        except ConnectionGone:
            self._pool.check()
            return self._rows(statement, values)

    def run(self, statement: str, **values: object) -> Rows:
        """As ``rows``, for what a token protects: a database that is away is waited for, about a minute."""
        for _ in range(COMMIT_TRIES - 1):
            with suppress(Outage):
                return self.rows(statement, **values)
        return self.rows(statement, **values)

    def _rows(self, statement: str, values: dict[str, object]) -> Rows:
        with self.connection() as connection:
            return connection.execute(SQL[statement].encode(), values).fetchall()

    def value(self, statement: str, **values: object) -> Any:  # noqa: ANN401  # whatever the statement returns
        """The first column of the first row; None without rows."""
        rows = self.rows(statement, **values)
        return rows[0][0] if rows else None

    def close(self) -> None:
        """Close all connections."""
        self._pool.close()


class ConnectionGone(Outage):
    """The connection broke: the server restarted, or it was idle for too long."""


def _translated(fault: psycopg.Error) -> Exception:
    state = fault.sqlstate or ""
    if state == LEASE_LOST:
        return LeaseLost(fault.diag.message_primary or "The lease was lost.")
    if state in CONFLICTS:
        return ServiceUnavailable("Another worker was in the way.", "conflict")
    if state[:2] in DATABASE_AWAY:
        return ConnectionGone(f"The database is not available: {fault.diag.message_primary}")
    if isinstance(fault, psycopg.OperationalError | psycopg.InterfaceError) and not state:
        return ConnectionGone("The connection to the database was lost.")
    return fault
