"""Documents of earlier systems, and those that nobody goes on with: a part of ``ports.DocumentStore``."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta

import psycopg
from psycopg.types.json import Jsonb

from pipeline.errors import Misconfigured
from pipeline.model import DocumentId, Handled, Moved, Moving
from pipeline.stores.control import Control


class Moves(Control):
    """What ``PostgresStore`` does with documents that come from elsewhere, or that stand still."""

    def moved(self, source: str, ids: Sequence[str]) -> set[str]:
        """See ``ports.DocumentStore``."""
        with _schema():
            return set(self._db.value("moved_sources", source=source, ids=list(ids)))

    def move(self, source: str, rows: Sequence[Moving]) -> list[Moved]:
        """See ``ports.DocumentStore``."""
        files = Jsonb([row._asdict() for row in rows])
        return [
            Moved(i, DocumentId(d), outcome)
            for i, d, outcome in self._patiently("move_documents", source=source, files=files)
        ]

    def stalled(self, project: str, idle: timedelta) -> list[DocumentId]:
        """See ``ports.DocumentStore``."""
        with _schema():
            return [DocumentId(document) for document in self._db.value("stalled_documents", project=project, idle=idle)]

    def restart_stalled(self, documents: Sequence[DocumentId], idle: timedelta) -> list[Handled]:
        """See ``ports.DocumentStore``."""
        return self._each("restart_stalled", documents, idle=idle)


@contextmanager
def _schema() -> Iterator[None]:
    try:
        yield
    except psycopg.errors.UndefinedFunction as fault:
        raise Misconfigured(
            "The database was never set up, or by an older version: nlp-pipeline migrate.", "no_schema"
        ) from fault
