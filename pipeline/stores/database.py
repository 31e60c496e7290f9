"""Connections to PostgreSQL, and its errors in the pipeline's words."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg_pool import ConnectionPool, PoolTimeout

from pipeline.errors import LeaseLost, ServiceUnavailable
from pipeline.stores.statements import load_statements

LEASE_LOST = "NL001"
CONFLICTS = ("40001", "40P01", "23503", "23505")  # another transaction was in the way: try again
DATABASE_AWAY = ("57", "53", "08")  # classes: operator intervention, insufficient resources, connection

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
            kwargs={"autocommit": True, "connect_timeout": 10, "application_name": "nlp-pipeline"},
        )

    @contextmanager
    def connection(self) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
        """A connection, in autocommit.

        Raises:
            ServiceUnavailable: the database is away, starting, stopping or full.
            LeaseLost: the lease is no longer ours.
        """
        try:
            self._pool.open()
            with self._pool.connection() as connection:
                yield connection
        except PoolTimeout as fault:
            raise ServiceUnavailable("The database does not answer.") from fault
        except psycopg.Error as fault:
            raise _translated(fault) from fault

    def rows(self, statement: str, **values: object) -> Rows:
        """Run a named statement and fetch all rows. A connection that went stale while idle is replaced once."""
        try:
            return self._rows(statement, values)
        except ConnectionGone:
            return self._rows(statement, values)

    def _rows(self, statement: str, values: dict[str, object]) -> Rows:
        with self.connection() as connection:
            return connection.execute(SQL[statement].encode(), values).fetchall()

    def value(self, statement: str, **values: object) -> Any:  # noqa: ANN401  # whatever the statement returns
        """The first column of the first row; None without rows."""
        rows = self.rows(statement, **values)
        return rows[0][0] if rows else None

    def run(self, statement: str, **values: object) -> None:
        """Run a named statement without a result."""
        with self.connection() as connection:
            connection.execute(SQL[statement].encode(), values)

    def close(self) -> None:
        """Close all connections."""
        self._pool.close()


class ConnectionGone(ServiceUnavailable):
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
