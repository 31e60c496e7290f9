"""What the database counts for Prometheus."""

from collections import Counter
from typing import NamedTuple

from pipeline.model import Usage
from pipeline.stores.calls import Rows
from pipeline.stores.database import Database
from pipeline.stores.statements import load_statements

SQL = load_statements("sql/metrics.sql")
BOUNDS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0)
"""Upper ends, in seconds, of the spans of time into which steps are counted."""
OVERTAKING = 1000  # rows that were numbered before others and may become visible after them

Ended = tuple[str, str]
"""Step and outcome."""


class Totals(NamedTuple):
    """What all documents hold."""

    pages: int
    chunks: int
    mentions: int


class Times:
    """How long steps took: by step and outcome how many fell below each of ``BOUNDS`` or above all, and their seconds."""

    def __init__(self) -> None:
        self.counts: dict[Ended, Counter[int]] = {}
        self.seconds: Counter[Ended] = Counter()

    def add(self, rows: Rows) -> None:
        """Take up rows of the statement ``steps``."""
        for step, outcome, span, number, seconds in rows:
            self.counts.setdefault((step, outcome), Counter())[span] += number
            self.seconds[step, outcome] += seconds

    def copy(self) -> "Times":
        """One that can be added to alone."""
        new = Times()
        new.counts = {key: counts.copy() for key, counts in self.counts.items()}
        new.seconds = self.seconds.copy()
        return new


class Counted:
    """Counts on from one look to the next, so that a look costs what is new. Counters begin with all that ever was."""

    def __init__(self) -> None:
        self._settled = 0
        self._times = Times()

    def times(self, database: Database) -> Times:
        """All steps that have ended.

        Rows become visible in another order than they are numbered: the newest are counted anew each time.
        """
        newest = int(_rows(database, "newest")[0][0])
        settled = max(self._settled, newest - OVERTAKING)
        self._times.add(_steps(database, self._settled, settled))
        self._settled = settled
        times = self._times.copy()
        times.add(_steps(database, settled, newest))
        return times

    def totals(self, database: Database) -> Totals:
        """What all documents hold."""
        return Totals(*_rows(database, "totals")[0])

    def usage(self, database: Database) -> list[Usage]:
        """What paid services used, by model."""
        return [Usage("", *row) for row in _rows(database, "usage")]


def _steps(database: Database, after: int, upto: int) -> Rows:
    return _rows(database, "steps", after=after, upto=upto, bounds=list(BOUNDS)) if after < upto else []


def _rows(database: Database, statement: str, **values: object) -> Rows:
    with database.connection() as connection:
        return connection.execute(SQL[statement].encode(), values).fetchall()
