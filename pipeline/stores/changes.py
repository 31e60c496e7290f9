"""What changed of documents since one looked last."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from pipeline.stores.calls import Calls
from pipeline.stores.catalog import Facts


class Change(NamedTuple):
    """A document as it is now; ``facts`` as ``document_news`` of ``sql/functions/events.sql`` gives them."""

    project: str
    facts: Facts


class Changes:
    """Every method raises ``ServiceUnavailable`` while the database is away."""

    def __init__(self, database: Calls) -> None:
        self._db = database

    def horizon(self) -> datetime:
        """A moment before which nothing will appear any more; ask for it before asking what changed."""
        moment: datetime = self._db.value("changes_horizon")
        return moment

    def since(self, projects: Sequence[str], moment: datetime, limit: int) -> list[Change]:
        """Documents of these projects that changed since, the first to change first, and those whose ranges are being read.

        Of the changed ones up to ``limit``. Some were told already where ``moment`` is a horizon.
        """
        rows = self._db.rows("changed_documents", projects=list(projects), since=moment, limit=limit)
        return [Change(project, facts) for project, facts in rows]

    def one(self, document: str, within: str) -> Change | None:
        """A document, if it is in the project ``within`` ("" for any)."""
        rows = self._db.rows("news_of_document", document=document, project=within)
        return Change(*rows[0]) if rows else None

    def known(self, documents: Sequence[str]) -> set[str]:
        """Those of these documents that there are."""
        return set(self._db.value("known_documents", documents=list(documents)))
