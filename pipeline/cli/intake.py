"""From files on disk to documents in the queue."""

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import click

from pipeline.cli.files import Found, source_path, storable
from pipeline.errors import BadDocument
from pipeline.model import LONGEST_SOURCE_PATH, Submission, Submitted, is_project_name
from pipeline.ports import BlobStore, DocumentStore
from pipeline.settings import MEGABYTE
from pipeline.stores.reports import Reports

BATCH = 100


class Refused(NamedTuple):
    """A file that was not queued, and why."""

    source_path: str
    fault: str


class Intake:
    """Stores files and queues them; what the project holds already is not stored again.

    Args:
        documents: where they are queued.
        blobs: where their content goes.
        reports: what the project holds.
        largest: most bytes of one file.
    """

    def __init__(self, documents: DocumentStore, blobs: BlobStore, reports: Reports, largest: int) -> None:
        self._documents = documents
        self._blobs = blobs
        self._reports = reports
        self._largest = largest
        self._base = Path.cwd()
        self.refused: list[Refused] = []
        self.submitted: list[Submitted] = []

    def take(self, files: Iterable[Found], tell: Callable[[int], None] = lambda _: None) -> None:
        """Queue all files; ``tell`` hears how many were looked at."""
        looked_at = 0
        for batch in _batches(files):
            measured = []
            for file in batch:
                if submission := self._measured(file):
                    measured.append((file, submission))
                looked_at += 1
                tell(looked_at)
            with self._documents.expecting_files() as expect:
                expect([submission.storage_key for _, submission in measured])
                known = self._reports.known_files([submission.source_path for _, submission in measured])
                submissions = [submission for file, submission in measured if self._store(file, submission, known)]
                self.submitted += self._documents.submit(self._reports.project, submissions)

    def outcomes(self) -> dict[str, int]:
        """How many files had each outcome of ``Submitted``, and ``refused``."""
        names = [s.outcome for s in self.submitted] + ["refused"] * len(self.refused)
        return {name: names.count(name) for name in ("submitted", "changed", "retried", "known", "refused")}

    def _measured(self, file: Found) -> Submission | None:
        name = source_path(file.path, self._base)
        why = file.fault
        if len(name.encode()) > LONGEST_SOURCE_PATH:
            why = f"The path has more than {LONGEST_SOURCE_PATH:,} bytes"
        if why:
            self.refused.append(Refused(name, f"{why}."))
            return None
        try:
            size, sha256 = measure(file.path, self._largest)
        except BadDocument as fault:
            self.refused.append(Refused(name, fault.message))
            return None
        return Submission(name, storable(file.path.name), f"{self._reports.project}/{sha256}", size, sha256)

    def _store(self, file: Found, submission: Submission, known: dict[str, str]) -> bool:
        """Whether the file is stored now, or was before."""
        try:
            if known.get(submission.source_path) != submission.sha256:
                self._blobs.put(submission.storage_key, file.path)
        except BadDocument as fault:
            self.refused.append(Refused(submission.source_path, fault.message))
            return False
        return True


def measure(path: Path, largest: int) -> tuple[int, str]:
    """Size and SHA-256 of a file.

    Raises:
        BadDocument: it cannot be read, or is larger than ``largest``.
    """
    try:
        with path.open("rb") as content:
            size = os.fstat(content.fileno()).st_size
            sha256 = hashlib.file_digest(content, "sha256").hexdigest() if size <= largest else ""
    except OSError as fault:
        raise BadDocument(f"The file cannot be read: {fault.strerror}.", "file_missing") from fault
    if not sha256:
        limit = f"{largest // MEGABYTE} MB are allowed (MAX_FILE_SIZE)"
        raise BadDocument(f"The file is too large: {-(-size // MEGABYTE)} MB, {limit}.", "too_large")
    return size, sha256


def checked_project(name: str) -> str:
    """The name, if files can be kept under it.

    Raises:
        click.UsageError: they cannot.
    """
    if is_project_name(name):
        return name
    raise click.UsageError(
        f"{name!r} cannot be the name of a project: at most 100 characters, no / or \\, no . at its beginning."
    )


def _batches(files: Iterable[Found]) -> Iterator[list[Found]]:
    batch: list[Found] = []
    for file in files:
        batch.append(file)
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch
