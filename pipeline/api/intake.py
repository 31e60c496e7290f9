"""From uploaded files to documents in the queue."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from pipeline.api.backend import Backend
from pipeline.api.multipart import Received
from pipeline.api.problems import Problem
from pipeline.errors import BadDocument
from pipeline.model import LONGEST_SOURCE_PATH, DocumentId, Submission
from pipeline.readers.formats import sniff
from pipeline.stores.api_keys import Caller

PACKED = (b"PK", b"\xd0\xcf\x11\xe0")  # what is in them only the reader looks at, under its limits
MESSAGES = {
    "submitted": "Document uploaded successfully. Processing queued in background.",
    "changed": "New content of a known document uploaded. Processing queued in background.",
    "retried": "Known document, which had failed. Processing queued again in background.",
    "known": "Known document with the same content. Nothing is processed again.",
}


class Refused(NamedTuple):
    """A file that is not taken."""

    filename: str
    fault: BadDocument


class Taken(NamedTuple):
    """A document that is safely here."""

    document_id: str
    filename: str
    source_path: str
    status: str
    message: str


def take(
    backend: Backend, caller: Caller, project: str, files: Sequence[Received], name: str = ""
) -> tuple[list[Taken], list[Refused]]:
    """Store files and queue them; what is returned outlives everything. ``name``: see ``Catalog.submit``.

    Raises:
        BadDocument: not one of them can be taken; why the first cannot.
        Problem: there was an upload of this name with other files.
        ServiceUnavailable: the database or the file store is away.
    """
    good, refused = _sorted(files)
    if not good:
        raise refused[0].fault
    with backend.use.documents.expecting_files() as expect:
        expect([_key(project, file) for file in good.values()])
        submissions = list(_stored(backend, project, good))
        answer = backend.catalog.submit(caller.id, name, project, submissions)
    if answer is None:
        raise Problem(422, "This Idempotency-Key came with other files before.", "idempotency_key", "Use a new one.")
    names = {submission.source_path: submission.file_name for submission in submissions}
    taken = [_taken(backend, project, names[row["source_path"]], **row) for row in answer]
    return taken, refused


def source_path(name: str) -> str:
    """What a file is called in its project: as the client calls it, with its folders.

    Raises:
        BadDocument: that is no path below a folder (code ``bad_filename``).
    """
    path = name.replace("\\", "/").removeprefix("/")
    parts = path.split("/")
    if any(part in {"", ".", ".."} for part in parts) or not path.isprintable() or len(path.encode()) > LONGEST_SOURCE_PATH:
        raise BadDocument(
            "The file's name must be a path below a folder, without .. and signs that cannot be printed,"
            f" of at most {LONGEST_SOURCE_PATH:,} bytes.",
            "bad_filename",
        )
    return path


def _sorted(files: Sequence[Received]) -> tuple[dict[str, Received], list[Refused]]:
    """Files that can be taken by their path, of two with the same path the last; and the others."""
    good: dict[str, Received] = {}
    refused = []
    for file in files:
        try:
            path = source_path(file.name)
            _check_kind(file)
            good[path] = file
        except BadDocument as fault:
            refused.append(Refused(file.name, fault))
    return good, refused


def _check_kind(file: Received) -> None:
    with file.path.open("rb") as content:
        packed = content.read(4).startswith(PACKED)
    if not packed:
        sniff(file.path, file.name)


def _stored(backend: Backend, project: str, files: dict[str, Received]) -> Iterator[Submission]:
    for path, file in files.items():
        key = _key(project, file)
        backend.use.blobs.put(key, file.path)
        yield Submission(path, path.rpartition("/")[2], key, file.size, file.sha256)


def _key(project: str, file: Received) -> str:
    return f"{project}/{file.sha256}"


def _taken(backend: Backend, project: str, file_name: str, document_id: str, source_path: str, outcome: str) -> Taken:
    status = "queued"
    if outcome == "known":
        facts = backend.catalog.state(DocumentId(document_id), project)
        status = facts["status"] if facts else status
    return Taken(document_id, file_name, source_path, status, MESSAGES[outcome])
