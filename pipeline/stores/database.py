"""Connections to PostgreSQL, and its errors in the pipeline's words."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg_pool import ConnectionPool, PoolTimeout

from pipeline.errors import Misconfigured, Outage
from pipeline.stores.calls import DATABASE_AWAY, SQL, Calls, Rows, translated

LOOK_SECONDS = 3
CONNECTION = {"connect_timeout": 10, "keepalives_idle": 30, "keepalives_interval": 10, "keepalives_count": 3}

logging.getLogger("psycopg.pool").setLevel(logging.CRITICAL)  # what it would say is raised here as an error


class Database(Calls):
    """A pool of connections that is opened on first use and translates the driver's errors.

    Args:
        conninfo: PostgreSQL URL.
        most: connections at one time.
        patience: seconds to wait for a connection.
    """

    def __init__(self, conninfo: str, most: int = 4, patience: float = 15.0) -> None:
        self._conninfo = conninfo
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
            Misconfigured: there is no URL.
        """
        if not self._conninfo:
            raise Misconfigured("This needs the database by SQL: set DATABASE_URL.", "no_database_url")
        try:
            self._pool.open()
            with self._pool.connection() as connection:
                yield connection
        except PoolTimeout:
            raise Outage(self._why()) from None
        except psycopg.Error as fault:
            raise _translated(fault) from fault

    def rows(self, statement: str, **values: object) -> Rows:
        """Run a named statement and fetch all rows; once more if the connection was a dead one."""
        try:
            return self._rows(statement, values)
        except ConnectionGone:
            self._pool.check()
            return self._rows(statement, values)

    def _rows(self, statement: str, values: dict[str, object]) -> Rows:
        with self.connection() as connection:
            return connection.execute(SQL[statement].encode(), values).fetchall()

    def _why(self) -> str:
        """Why there is no connection: the pool does not tell."""
        try:
            psycopg.connect(self._conninfo, connect_timeout=LOOK_SECONDS).close()
        except psycopg.OperationalError as fault:
            if "authentication failed" in str(fault):
                return "The database refuses the user or password."
        return "The database does not answer."

    def close(self) -> None:
        """Close all connections."""
        self._pool.close()


class ConnectionGone(Outage):
    """The connection broke: the server restarted, or it was idle for too long."""


def _translated(fault: psycopg.Error) -> Exception:
    state = fault.sqlstate or ""
    if meant := translated(state, fault.diag.message_primary or ""):
        return meant
    if state[:2] in DATABASE_AWAY:
        return ConnectionGone(f"The database is not available: {fault.diag.message_primary}")
    if isinstance(fault, psycopg.OperationalError | psycopg.InterfaceError) and not state:
        return ConnectionGone("The connection to the database was lost.")
    return fault
