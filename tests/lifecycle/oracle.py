"""What must hold of the database at any time, whoever calls what in which order."""

import re
from datetime import timedelta
from pathlib import Path

import psycopg

from pipeline.status import FINAL, MOVES, Status
from pipeline.stores.calls import SQL

FOLDER = Path(__file__).parent
IDLE = timedelta(seconds=20)
_, *_PARTS = re.split(r"^-- invariant: (.+)$", (FOLDER / "invariants.sql").read_text(), flags=re.MULTILINE)
INVARIANTS = {sentence: query.strip().rstrip(";") for sentence, query in zip(_PARTS[::2], _PARTS[1::2], strict=True)}
AT_ONCE = "\nunion all\n".join(
    f"select {number}, row_to_json(x)::text from ({query}) x" for number, query in enumerate(INVARIANTS.values())
)
IN_FLIGHT = "('queued', 'extracting', 'processing_chunks', 'processing')"
AN_HOUR_PASSES = f"""
    update documents set updated_at = updated_at - interval '1 hour', lease_until = lease_until - interval '1 hour',
        not_before = not_before - interval '1 hour' where status in {IN_FLIGHT};
    update document_parts set updated_at = updated_at - interval '1 hour', lease_until = lease_until - interval '1 hour',
        not_before = not_before - interval '1 hour';
    update graph_touched set touched_at = touched_at - interval '1 hour';
    update graph_outdated set not_before = not_before - interval '1 hour', again_at = again_at - interval '1 hour';
    update projects set graph_asked_at = graph_asked_at - interval '1 hour'
"""


class Oracle:
    """Looks at the database over a connection of its own.

    Args:
        db: in autocommit, to a migrated database that nobody else uses.
        in_flight: most documents that may be on their way at one time.
    """

    def __init__(self, db: psycopg.Connection[tuple[object, ...]], in_flight: int) -> None:
        self._db = db
        self._in_flight = in_flight

    def prepare(self) -> None:
        """Begin to watch."""
        self._db.execute((FOLDER / "witness.sql").read_text().encode())

    def forget(self) -> None:
        """Empty the database for the next example."""
        self._db.execute("delete from projects; delete from seen; delete from seen_commits")
        left = self._db.execute(
            "select (select count(*) from documents), (select count(*) from entities),"
            " (select coalesce(sum(documents), 0) from document_counts)"
        )
        assert left.fetchall() == [(0, 0, 0)]

    def check(self) -> None:
        """Every invariant."""
        sentences = list(INVARIANTS)
        found = self._db.execute(AT_ONCE.encode(), prepare=True).fetchall()
        contradicted = [(sentences[number], row) for number, row in found if isinstance(number, int)]
        assert not contradicted, contradicted
        moves = self._db.execute(
            "select distinct old_status::text, new_status::text from seen where old_status <> new_status"
        )
        refused = [(old, new) for old, new in moves if Status(str(new)) not in MOVES[Status(str(old))]]
        assert not refused, refused
        assert self.count(f"status in {IN_FLIGHT}") <= self._in_flight
        self._check_nothing_is_stuck()

    def count(self, condition: str) -> int:
        """Documents of which the condition is true."""
        (row,) = self._db.execute(f"select count(*) from documents where {condition}".encode())
        return int(str(row[0]))

    def pass_an_hour(self) -> None:
        """For all that wait, without anybody's doing."""
        self._db.execute(AN_HOUR_PASSES.encode())

    def ended(self) -> bool:
        """Whether every document has a final state."""
        final = ", ".join(f"'{status}'" for status in sorted(FINAL))
        return self.count(f"status not in ({final})") == 0

    def untold(self) -> int:
        """Changes that the graph was not told of."""
        (row,) = self._db.execute(
            "select (select count(*) from graph_touched) + (select count(*) from graph_changes)"
            " + (select count(*) from graph_outdated)"
        )
        return int(str(row[0]))

    def _check_nothing_is_stuck(self) -> None:
        """What is on its way would be found in an hour, if nobody did anything until then."""
        with self._db.transaction(force_rollback=True):
            self.pass_an_hour()
            found = self._db.execute(SQL["repair"].encode(), {"idle": IDLE, "known": [], "limit": 1000}).fetchall()
            rows = self._db.execute(f"select id::text from documents where status in {IN_FLIGHT}".encode())
            stuck = {row[0] for row in rows} - {document for document, _ in found}
            assert not stuck, stuck
