"""Documents on their way: who may work on which, what was asked for and what came of it."""

from enum import StrEnum
from typing import NamedTuple, NewType

from pipeline.status import Step

DocumentId = NewType("DocumentId", str)

LONGEST_PROJECT = 100  # bytes
LONGEST_SOURCE_PATH = 1500  # bytes, of a file that is put in; attachments add to it, and an index takes 2,700 at most


def is_project_name(name: str) -> bool:
    """Whether files can be kept under this name."""
    short = name.isprintable() and 0 < len(name.encode()) <= LONGEST_PROJECT
    return short and name[0] != "." and not set(name) & {"/", "\\"}


class Lease(NamedTuple):
    """The right to commit one step of one document; refused once a newer token was given.

    ``part`` is the number of the page range that it is for, from 1; 0: the whole document.
    """

    document_id: DocumentId
    step: Step
    token: int
    part: int = 0


class Verdict(StrEnum):
    """What the database answers to a request for a lease."""

    RUN = "run"
    DONE = "done"  # pass on to the next step
    TAKEN = "taken"  # another worker is at it
    EARLY = "early"  # an earlier step is missing
    GONE = "gone"  # deleted, ended, or not claimed
    PAUSED = "paused"  # its queue is; it is sent on when that is resumed


class Due(NamedTuple):
    """A document whose next step is to be started."""

    document_id: DocumentId
    step: Step


class Submission(NamedTuple):
    """A file to be queued; ``source_path`` is its name within the project."""

    source_path: str
    file_name: str
    storage_key: str
    size: int
    sha256: str


class Submitted(NamedTuple):
    """What became of a submission: submitted, known (nothing to do), changed (new content) or retried."""

    document_id: DocumentId
    source_path: str
    outcome: str


class Moving(NamedTuple):
    """A row of an earlier system's table that is to become a document; the rest as in ``Submission``."""

    source_id: str
    project: str
    source_path: str
    file_name: str
    storage_key: str
    size: int
    sha256: str


class Moved(NamedTuple):
    """What became of a row: ``moved``, or ``before`` (it was moved already)."""

    source_id: str
    document_id: DocumentId
    outcome: str


class Selection(NamedTuple):
    """Documents of a project; what is empty does not narrow it.

    ``ids`` and ``paths`` add up. A path selects the document and all that lies below it; ``*`` in it stands for any
    characters, ``?`` for one. ``statuses`` are those of ``status.parse_status``.
    """

    project: str
    ids: tuple[DocumentId, ...] = ()
    paths: tuple[str, ...] = ()
    statuses: tuple[str, ...] = ()


class Handled(NamedTuple):
    """What became of a document that was to be cancelled, retried, reprocessed or deleted."""

    document_id: DocumentId
    source_path: str
    outcome: str


class StoredFile(NamedTuple):
    """Where a document's file lies and how it was called; ``split``: its page ranges are on their way."""

    storage_key: str
    file_name: str
    source_path: str
    depth: int
    project: str
    split: bool = False


class Job(NamedTuple):
    """The work of a service on a document.

    ``name`` is what the service knows it by, "" before it is submitted; ``attempt`` counts jobs from 1; ``waited`` is in
    seconds since it was submitted; ``content`` is the same as long as the file is;
    ``pages`` are the file's, 0 if nobody counted them.
    """

    name: str
    attempt: int
    waited: float
    content: str
    pages: int = 0


class Pause(NamedTuple):
    """A queue that stands still because a person asked for it, for so many seconds; nothing of its tasks begins."""

    queue: str
    tasks: tuple[str, ...]
    seconds: float
