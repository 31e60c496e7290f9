"""What the HTTP API asks of documents. ``within`` is the only project that may be seen, "" for any."""

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from psycopg.types.json import Jsonb

from pipeline.model import DocumentId, Submission
from pipeline.status import IN_FLIGHT, Status, Step, parse_status
from pipeline.stores.calls import Calls
from pipeline.stores.control import patiently

Facts = dict[str, Any]
"""As ``document_facts`` of ``sql/functions/catalog.sql`` gives them, and functions that add to them."""


GROUPS = {"in_progress": IN_FLIGHT | {Status.PENDING}, "failed": {Status.ERROR, Status.PARTIAL_ERROR}}
"""States that people look at together."""


class DocumentFile(NamedTuple):
    """Where a document's original lies; ``media_type`` is "" before it was read."""

    project: str
    storage_key: str
    file_name: str
    media_type: str
    sha256: str

    @property
    def version(self) -> str:
        """Another one when its content is another."""
        return hashlib.sha256((self.sha256 or self.storage_key).encode()).hexdigest()[:16]


class Listing(NamedTuple):
    """Which documents are listed, the newest first; what is empty does not narrow it.

    ``status`` is one of ``chosen_states``, ``words`` stand in the path, ``before`` is the creation time and id of the
    last document that was seen.
    """

    project: str
    status: str = ""
    words: str = ""
    parent: str = ""
    before: tuple[str, str] | None = None
    limit: int = 50


class Catalog:
    """Every method raises ``ServiceUnavailable`` while the database is away."""

    def __init__(self, database: Calls) -> None:
        self._db = database

    def submit(self, key: str, name: str, project: str, files: Sequence[Submission]) -> list[dict[str, str]] | None:
        """Queue uploaded files: ``{document_id, source_path, outcome}`` of each, in their order.

        Args:
            key: id of the key that they came with.
            name: what the caller calls this upload: a second one of this name changes nothing, and is answered as the first;
                None if its files are others. "" for no name.
            project: where they belong.
            files: what is stored already.
        """
        rows = Jsonb([file._asdict() for file in files])
        ((answer,),) = patiently(self._db, "submit_uploads", key=key, name=name, project=project, files=rows)
        return None if answer is None else list(answer)

    def file(self, document: DocumentId, within: str) -> DocumentFile | None:
        """Where its original lies."""
        rows = self._db.rows("file_of_document", document=document, project=within)
        return DocumentFile(*rows[0]) if rows else None

    def listed(self, listing: Listing) -> list[Facts]:
        """The facts of documents."""
        statuses, failed_steps = chosen_states(listing.status)
        before, before_id = listing.before or (None, None)
        rows = self._db.rows(
            "list_documents",
            project=listing.project,
            statuses=statuses,
            failed_steps=failed_steps,
            under=f"%{plain(listing.words)}%" if listing.words else None,
            parent=listing.parent or None,
            before=before,
            before_id=before_id,
            limit=listing.limit,
        )
        return [facts for (facts,) in rows]

    def state(self, document: DocumentId, within: str) -> Facts | None:
        """Its facts."""
        return self._facts("document_state", document=document, project=within)

    def progress(self, document: DocumentId, within: str) -> Facts | None:
        """Its facts with ``metadata`` and ``ranges``, its page ranges."""
        return self._facts("document_progress", document=document, project=within)

    def results(self, document: DocumentId, within: str, parts: Sequence[str]) -> Facts | None:
        """Its facts with ``metadata``, ``text``, and these of pages, chunks, mentions, entities, relations, history."""
        return self._facts("document_results", document=document, project=within, parts=[*parts])

    def projects(self, within: str) -> Sequence[tuple[str, int, datetime]]:
        """Name, number of documents and creation time of each project, by name."""
        return [(name, documents, made) for name, documents, made in self._db.rows("list_projects", project=within)]

    def _facts(self, statement: str, **values: object) -> Facts | None:
        facts: Facts | None = self._db.value(statement, **values)
        return facts


def chosen_states(name: str) -> tuple[list[Status] | None, list[Step]]:
    """The states that are meant, None for all, and the steps at which documents in ``error`` are meant too.

    Args:
        name: in_progress, failed, one of ``status.parse_status``, or "".

    Raises:
        ValueError: there is no such state.
    """
    if not name:
        return None, []
    if name in GROUPS:
        return sorted(GROUPS[name]), []
    status, family = parse_status(name)
    return ([], [step for step in Step if step.family is family]) if family else ([status], [])


def plain(words: str) -> str:
    """Words as LIKE takes them literally."""
    return words.replace("\0", " ").replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
