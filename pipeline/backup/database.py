"""PostgreSQL for a backup: connections of its own, and the server's programs."""

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit, urlunsplit

import psycopg

from pipeline.errors import ServiceUnavailable

Connection = psycopg.Connection[tuple[Any, ...]]
Watch = Callable[[int, int], None]
"""Told how many stored files are done, and of how many; 0: unknown."""


class Copied(NamedTuple):
    """What a backup holds. ``missing``: files that documents name and that were not there."""

    documents: int
    files: int
    missing: int


@contextmanager
def connected(database: str) -> Iterator[Connection]:
    """A connection in autocommit.

    Raises:
        ServiceUnavailable: the database is away, or went away.
    """
    try:
        with psycopg.connect(database, autocommit=True, connect_timeout=10) as db:
            yield db
    except psycopg.OperationalError as fault:
        raise ServiceUnavailable(f"The database cannot be used: {str(fault).strip().splitlines()[0]}") from fault


def on(database: str, name: str) -> str:
    """URL of another database of the same server."""
    return urlunsplit(urlsplit(database)._replace(path=f"/{name}"))


def name_of(database: str) -> str:
    """The database's name."""
    return urlsplit(database).path.lstrip("/")


def run_program(program: Path, database: str, *options: str) -> None:
    """Run one of PostgreSQL's programs; the password goes by its environment and never by its command line.

    Raises:
        ServiceUnavailable: it failed; the message holds its last lines.
    """
    parts = urlsplit(database)
    place = {
        "PGHOST": parts.hostname or "",
        "PGPORT": str(parts.port or 5432),
        "PGUSER": unquote(parts.username or ""),
        "PGPASSWORD": unquote(parts.password or ""),
        "PGDATABASE": name_of(database),
    }
    done = subprocess.run([program, *options], env=os.environ | place, capture_output=True, text=True, check=False)
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["no message"]
        raise ServiceUnavailable(f"{program.name} failed: {' | '.join(lines[-3:])}", "dump_failed")
