"""Calls of the database's functions by name: what the store needs of a way to the database, and what is common to all."""

import re
import time
from abc import ABC, abstractmethod
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

from pipeline.errors import LeaseLost, Outage, ServiceUnavailable, Throttled
from pipeline.stores.statements import load_statements

SQL = load_statements("sql/queries.sql")
Rows = list[tuple[Any, ...]]

COMMIT_TRIES = 4  # what was worked out is worth waiting for longer than the lease
LONGEST_PAUSE = 30.0  # seconds between two of these tries
LEASE_LOST = "NL001"
CONFLICTS = ("40001", "40P01", "23503", "23505")  # another transaction was in the way: try again
LOCKED = "55P03"
DATABASE_AWAY = ("57", "53", "08")  # classes: operator intervention, insufficient resources, connection

_CALL = re.compile(r"select (?:(?P<columns>.+?) from )?(?P<function>\w+)\((?P<arguments>.*)\)(?:::[\w\[\]]+)?", re.DOTALL)
_ARGUMENT = re.compile(r"%\((\w+)\)s")
_FUNCTION = re.compile(r"create or replace function (\w+)\s*\(([^)]*)\)")


class Calls(ABC):
    """A way to the database. Thread-safe."""

    _pause = 0.0  # seconds between two tries of a commit, where a try itself does not wait

    @abstractmethod
    def rows(self, statement: str, **values: object) -> Rows:
        """Run a named statement of ``sql/queries.sql`` and fetch all rows.

        Raises:
            Outage: the database is away, starting, stopping or full.
            ServiceUnavailable: another worker was in the way (code ``conflict``).
            LeaseLost: the lease is no longer ours.
        """

    @abstractmethod
    def close(self) -> None:
        """Close all connections."""

    def run(self, statement: str, **values: object) -> Rows:
        """As ``rows``, for what a token protects: a database that is away or overrun is waited for, about a minute."""
        for _ in range(COMMIT_TRIES - 1):
            try:
                return self.rows(statement, **values)
            except Outage:
                pause = self._pause
            except Throttled as fault:
                pause = min(fault.retry_after, LONGEST_PAUSE)
            time.sleep(pause)
        return self.rows(statement, **values)

    def value(self, statement: str, **values: object) -> Any:  # noqa: ANN401  # whatever the statement returns
        """The first column of the first row; None without rows."""
        rows = self.rows(statement, **values)
        return rows[0][0] if rows else None


class Call(NamedTuple):
    """One call of a function: the columns of its rows, none if it returns one value, and by parameter the value's name."""

    function: str
    columns: tuple[str, ...]
    arguments: dict[str, str]


@cache
def call(statement: str) -> Call:
    """What a named statement calls.

    Raises:
        ValueError: it is no single call of a function of ``sql/functions``.
    """
    found = _CALL.fullmatch(SQL[statement])
    names = _ARGUMENT.findall(found["arguments"]) if found else []
    parameters = _parameters().get(found["function"], ()) if found else ()
    if not found or len(names) != found["arguments"].count("%(") or len(names) > len(parameters):
        raise ValueError(f"{statement} is not one call of one function")
    columns = tuple(column.partition("::")[0].strip() for column in (found["columns"] or "").split(",") if column)
    return Call(found["function"], columns, dict(zip(parameters, names, strict=False)))


@cache
def _parameters() -> dict[str, tuple[str, ...]]:
    folder = files("pipeline.stores") / "sql" / "functions"
    texts = [entry.read_text(encoding="utf-8") for entry in folder.iterdir()]
    return {
        name: tuple(part.split()[0] for part in given.split(",") if part.strip())
        for text in texts
        for name, given in _FUNCTION.findall(text)
    }


def translated(state: str, message: str) -> Exception | None:
    """What an error of the database means to every way there; None: nothing that has a name."""
    if state == LEASE_LOST:
        return LeaseLost(message or "The lease was lost.")
    if state in CONFLICTS:
        return ServiceUnavailable("Another worker was in the way.", "conflict")
    if state == LOCKED:
        return ServiceUnavailable("The table is being read for too long just now: try it again.", "conflict")
    return None
