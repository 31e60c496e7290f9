"""Moving documents into the chain: rows of an old table, a batch a transaction; or our own that nobody goes on with."""

import math
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path, PurePosixPath
from typing import NamedTuple
from urllib.parse import quote

import click

from pipeline.cli.files import storable
from pipeline.cli.intake import checked_project, measure
from pipeline.cli.old_files import OldFiles
from pipeline.cli.stopping import undivided
from pipeline.cli.tally import BEFORE, LEFT, MOVED, Refusal, Tally
from pipeline.errors import BadDocument
from pipeline.model import DocumentId, Handled, Moving, Selection
from pipeline.ports import BlobStore, DocumentStore
from pipeline.status import IN_FLIGHT, Status, parse_status
from pipeline.stores.mapping import Mapping
from pipeline.stores.old_table import OldRow, OldTable, Surveyed, Wanted

AT_ONCE = 8  # files that are fetched and stored side by side
LONGEST_NAME = 120
IS_TEXT = {".txt", ".md", ".html", ".htm", ".eml", ".csv", ".json", ".xml"}
TOLD_OF = {
    "done": "done there",
    "failed": "failed there: --status {status} moves it",
    "running": "worked on there: --include-stalled moves what stands still",
    "pending": "not asked for",
    "": "the mapping does not know this state: --status {status} moves it",
}


class Pace(NamedTuple):
    """How much at once and how fast: ``limit`` in all, ``batch`` in a transaction, ``rate`` a second; 0: no limit."""

    batch: int = 100
    limit: int = 0
    rate: float = 0.0

    @property
    def at_once(self) -> int:
        """Documents in a transaction: no more than a second's."""
        return min(self.batch, max(1, math.ceil(self.rate))) if self.rate else self.batch

    def wait(self, since: float, moved: int) -> None:
        """Sleep for as long as so many documents are ahead of time."""
        if self.rate:
            time.sleep(max(0.0, since + moved / self.rate - time.monotonic()))


class Target(NamedTuple):
    """Where documents are moved to; ``project`` "" : as the old table says, else ``default_project``."""

    documents: DocumentStore
    blobs: BlobStore
    largest: int
    project: str
    default_project: str


class OldMover:
    """Moves rows of an old table.

    Args:
        table: the old table.
        mapping: what it means.
        wanted: which rows.
        files: where its files lie.
        target: where they go.
        tally: what is counted.
    """

    def __init__(
        self, table: OldTable, mapping: Mapping, wanted: Wanted, files: OldFiles, target: Target, tally: Tally
    ) -> None:
        self._table = table
        self._mapping = mapping
        self._wanted = wanted
        self._files = files
        self._target = target
        self._tally = tally

    def leave(self, surveyed: Sequence[Surveyed]) -> int:
        """Count what is left alone; returns how many rows are looked at one by one."""
        for each in surveyed:
            meaning = self._mapping.statuses.meaning(each.status)
            why = TOLD_OF[meaning].format(status=each.status)
            if each.wanted or (meaning == "running" and self._wanted.idle is not None):
                why = "it changed not long ago"
            self._tally.add(each.status, LEFT, why, each.rows - each.wanted)
        return sum(each.wanted for each in surveyed)

    def run(self, pace: Pace, tell: Callable[[int], None], *, mark: bool = False, dry: bool = False) -> None:
        """Look at every row that is wanted, and move it; ``tell`` hears how many were looked at since the last time."""
        began = time.monotonic()
        with ThreadPoolExecutor(AT_ONCE) as pool:
            for rows in self._batches(pace):
                before = self._target.documents.moved(self._table.source, [row.id for row in rows])
                fresh = [row for row in rows if row.id not in before]
                with self._target.documents.expecting_files() as expect:
                    judged = list(pool.map(self._looked_at if dry else partial(self._stored, expect), fresh))
                    with undivided():
                        if not dry:
                            self._move([each for each in judged if isinstance(each, Moving)], before, mark=mark)
                        self._count(rows, before, {row.id: each for row, each in zip(fresh, judged, strict=True)})
                tell(len(rows))
                pace.wait(began, 0 if dry else self._tally.moved)

    def _batches(self, pace: Pace) -> Iterator[list[OldRow]]:
        after: str | None = None
        while not pace.limit or self._tally.moved < pace.limit:
            most = min(pace.at_once, pace.limit - self._tally.moved) if pace.limit else pace.at_once
            rows = self._table.rows(self._wanted, after, most)
            if not rows:
                self._tally.finished = True
                return
            after = rows[-1].id
            yield rows

    def _move(self, ready: Sequence[Moving], before: set[str], *, mark: bool) -> None:
        """Queue them; those that another process has moved meanwhile are added to ``before``."""
        moved = self._target.documents.move(self._table.source, ready) if ready else []
        before |= {row.source_id for row in moved if row.outcome == "before"}
        if mark:
            self._table.mark([*before, *(row.source_id for row in moved)])

    def _count(self, rows: Sequence[OldRow], before: set[str], judged: dict[str, Moving | Refusal]) -> None:
        for row in rows:
            if row.id in before:
                self._tally.add(row.status, BEFORE)
            elif isinstance(refusal := judged[row.id], Refusal):
                self._tally.refuse(row.status, refusal)
            else:
                stalled = self._mapping.columns.status and row.status not in self._wanted.statuses
                self._tally.add(row.status, MOVED, "it stands still there" if stalled else "")

    def _looked_at(self, row: OldRow) -> Moving | Refusal:
        """What would be moved, as far as can be said without fetching its file."""
        try:
            if row.file:
                self._files.check(row.file)
            elif not row.text_size:
                raise _nothing()
            return Moving(row.id, self._project(row), "", "", "", 0, "")
        except BadDocument as fault:
            return Refusal(row.id, row.file, fault.message)

    def _stored(self, expect: Callable[[Sequence[str]], None], row: OldRow) -> Moving | Refusal:
        """Fetch the row's file and store it."""
        try:
            project = self._project(row)
            with self._content(row) as path:
                size, sha256 = measure(path, self._target.largest)
                key = f"{project}/{sha256}"
                expect([key])
                self._target.blobs.put(key, path)
        except BadDocument as fault:
            return Refusal(row.id, row.file, fault.message)
        name = _file_name(row)
        return Moving(row.id, project, f"{self._mapping.table}/{quote(row.id, safe='')}/{name}", name, key, size, sha256)

    @contextmanager
    def _content(self, row: OldRow) -> Iterator[Path]:
        if row.file:
            with self._files.opened(row.file) as path:
                yield path
        elif row.text_size:
            with tempfile.NamedTemporaryFile(prefix="old-") as file:
                file.write(self._table.text(row).encode())
                file.flush()
                yield Path(file.name)
        else:
            raise _nothing()

    def _project(self, row: OldRow) -> str:
        if self._target.project:
            return self._target.project
        name = self._mapping.projects.get(row.project, row.project) or self._target.default_project
        try:
            return checked_project(name)
        except click.UsageError as fault:
            raise BadDocument(fault.message, "bad_project") from fault


class OwnMover:
    """Queues our own documents again that never finished.

    Args:
        documents: the database of record.
        project: theirs.
        tally: what is counted.
    """

    def __init__(self, documents: DocumentStore, project: str, tally: Tally) -> None:
        self._documents = documents
        self._project = project
        self._tally = tally

    def run(self, statuses: Sequence[str], idle: timedelta | None, pace: Pace, *, dry: bool = False) -> None:
        """Go through these states, and through what stands still if ``idle`` is given."""
        began = time.monotonic()
        for status in statuses:
            self._take(status, pace, began, dry=dry)
        if idle is not None:
            stalled = self._documents.stalled(self._project, idle)
            self._do("stalled", stalled, lambda some: self._documents.restart_stalled(some, idle), pace, began, dry=dry)

    def _take(self, status: str, pace: Pace, began: float, *, dry: bool) -> None:
        documents = self._documents.select(Selection(self._project, statuses=(status,)))
        known, _ = parse_status(status)
        if known is Status.PENDING:
            self._tally.add(status, LEFT, "it waits for workers already", len(documents))
        elif known is Status.COMPLETED:
            self._tally.add(status, LEFT, "completed: reprocess does it again", len(documents))
        elif known in IN_FLIGHT:
            self._tally.add(status, LEFT, "on its way: --include-stalled moves what stands still", len(documents))
        else:
            self._do(status, documents, self._documents.retry, pace, began, dry=dry)

    def _do(
        self,
        status: str,
        documents: Sequence[DocumentId],
        action: Callable[[Sequence[DocumentId]], Sequence[Handled]],
        pace: Pace,
        began: float,
        *,
        dry: bool,
    ) -> None:
        if pace.limit:
            documents = documents[: max(0, pace.limit - self._tally.moved)]
        if dry:
            self._tally.add(status, MOVED, number=len(documents))
            return
        for start in range(0, len(documents), pace.at_once):
            with undivided():
                for each in action(documents[start : start + pace.at_once]):
                    queued = each.outcome == "queued"
                    self._tally.add(status, MOVED if queued else LEFT, "" if queued else "somebody works on it")
            pace.wait(began, self._tally.moved)


def _nothing() -> BadDocument:
    return BadDocument("The row names no file and holds no text.", "no_file")


def _file_name(row: OldRow) -> str:
    """How the document is called: as the old table says, else as its file is, else by its id."""
    told = PurePosixPath((row.name or row.file.partition("?")[0]).replace("\\", "/")).name or row.id
    name = "".join(sign if sign.isprintable() and sign != "/" else "_" for sign in storable(told))[-LONGEST_NAME:]
    if row.file or PurePosixPath(name).suffix.lower() in IS_TEXT:
        return name
    return f"{name}.txt"
