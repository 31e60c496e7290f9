"""What people ask of documents while everything runs: a part of ``ports.DocumentStore``."""

import random
import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from datetime import timedelta
from uuid import uuid4

from pipeline.errors import ServiceUnavailable
from pipeline.model import DocumentId, Handled, Pause, Selection
from pipeline.status import Family, Status, Step, parse_status
from pipeline.stores.calls import Calls, Rows

AT_ONCE = 200  # documents whose rows one transaction holds
TRIES = 8  # of a transaction that others are in the way of
FILES_AT_ONCE = 20
EXPECTED = timedelta(hours=6)  # longer than it takes to store a file and what was read with it
FILES_LEASE = timedelta(minutes=5)  # longer than it takes to remove so many


class Control:
    """What ``PostgresStore`` does with many documents, one transaction each or a few at a time."""

    _db: Calls

    def select(self, selection: Selection) -> list[DocumentId]:
        """See ``ports.DocumentStore``."""
        asked = [parse_status(name) for name in selection.statuses]
        found = self._db.value(
            "select_documents",
            project=selection.project,
            ids=list(selection.ids) or None,
            paths=[pattern for path in selection.paths for pattern in _patterns(path)] or None,
            statuses=[status for status, family in asked if family is None] if asked else None,
            failed_steps=[step for step in Step if (Status.ERROR, step.family) in asked],
        )
        return [DocumentId(document) for document in found]

    def cancel(self, documents: Sequence[DocumentId]) -> list[Handled]:
        """See ``ports.DocumentStore``."""
        return self._each("cancel", documents)

    def retry(self, documents: Sequence[DocumentId]) -> list[Handled]:
        """See ``ports.DocumentStore``."""
        return self._each("retry", documents)

    def reprocess(self, documents: Sequence[DocumentId], since: Family | None = None) -> list[Handled]:
        """See ``ports.DocumentStore``."""
        first = next((step for step in Step if step.family is since), None)
        return self._each("reprocess", documents, since=first)

    def delete(self, documents: Sequence[DocumentId]) -> list[Handled]:
        """See ``ports.DocumentStore``."""
        return [each for document in documents for each in _handled(self._patiently("delete", document=document))]

    def pause(self, queue: str, tasks: Sequence[str]) -> None:
        """See ``ports.DocumentStore``."""
        self._db.rows("pause", queue=queue, tasks=list(tasks))

    def resume(self, queue: str) -> bool:
        """See ``ports.DocumentStore``."""
        return bool(self._db.value("resume", queue=queue))

    def pauses(self) -> list[Pause]:
        """See ``ports.DocumentStore``."""
        return [Pause(queue, tuple(tasks), seconds) for queue, tasks, seconds in self._db.rows("pauses")]

    @contextmanager
    def expecting_files(self) -> Iterator[Callable[[Sequence[str]], None]]:
        """See ``ports.DocumentStore``."""
        claim = str(uuid4())
        told: list[str] = []

        def expect(keys: Sequence[str]) -> None:
            if keys:
                told.extend(keys)
                self._patiently("expect_files", claim=claim, keys=list(keys), lease=EXPECTED)

        try:
            yield expect
        finally:
            if told:
                with suppress(ServiceUnavailable):  # it will be over by itself
                    self._db.rows("forget_expected_files", claim=claim)

    def unused_files(self) -> bool:
        """See ``ports.DocumentStore``."""
        return bool(self._db.value("mark_unused_files"))

    @contextmanager
    def removing_files(self) -> Iterator[list[str]]:
        """See ``ports.DocumentStore``."""
        keys = [key for (key,) in self._db.rows("take_unused_files", most=FILES_AT_ONCE, lease=FILES_LEASE)]
        with ExitStack() as given_back:
            given_back.callback(self._files, given_back=keys)
            yield keys
            given_back.pop_all()
        self._files(removed=keys)

    def _files(self, removed: Sequence[str] = (), given_back: Sequence[str] = ()) -> None:
        if removed or given_back:
            self._db.run("files_removed", removed=list(removed), given_back=list(given_back))

    def _each(self, statement: str, documents: Sequence[DocumentId], **values: object) -> list[Handled]:
        batches = (list(documents[start : start + AT_ONCE]) for start in range(0, len(documents), AT_ONCE))
        handled = [each for batch in batches for each in _handled(self._patiently(statement, documents=batch, **values))]
        place = {document: number for number, document in enumerate(documents)}
        return sorted(handled, key=lambda each: place[each.document_id])

    def _patiently(self, statement: str, **values: object) -> Rows:
        return patiently(self._db, statement, **values)


def patiently(database: Calls, statement: str, **values: object) -> Rows:
    """Try again while other transactions are in the way: two that want the same rows in another order."""
    for attempt in range(TRIES):
        try:
            return database.rows(statement, **values)
        except ServiceUnavailable as fault:
            if fault.code != "conflict":
                raise
        time.sleep(random.uniform(0, 0.05 * 2**attempt))
    return database.rows(statement, **values)


def _handled(rows: Rows) -> list[Handled]:
    return [Handled(DocumentId(document), path, outcome) for document, path, outcome in rows]


def _patterns(path: str) -> tuple[str, str]:
    """LIKE patterns of a path and of what lies below it."""
    wild = {"*": "%", "?": "_"}
    pattern = re.sub(r"[\\%_*?]", lambda sign: wild.get(sign[0], "\\" + sign[0]), path.rstrip("/"))
    return pattern, f"{pattern}/%"
