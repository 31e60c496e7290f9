"""Passages that answer a question, narrowed by what they name and where they stand."""

from collections.abc import Callable
from datetime import date
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from psycopg.types.json import Jsonb

from pipeline.stores.calls import Calls
from pipeline.stores.vectors import vector_text

DATES_AT_ONCE = 5000
FORMATS = ("pdf", "image", "audio", "email", "office", "html", "text")
"""As ``document_format`` of the SQL names them."""

Days = tuple[date, date]
"""The first and the last."""


class Filter(NamedTuple):
    """Which passages are looked at; what is empty does not narrow it.

    ``document`` is its id or path, ``entity`` its id. ``format`` is one of ``FORMATS``. ``type`` is one of
    ``EntityType``. A passage is within ``since`` and ``until`` if it names a date that may lie between them, or belongs to a
    mail of such a date.
    """

    document: str = ""
    format: str = ""
    type: str = ""
    entity: str = ""
    since: date | None = None
    until: date | None = None

    def as_json(self) -> Jsonb | None:
        """As ``chunks_like`` of the SQL takes it."""
        named = {"document": self.document, "format": self.format, "type": self.type, "entity": self.entity}
        days = {"from": self.since and self.since.isoformat(), "to": self.until and self.until.isoformat()}
        said = {name: value for name, value in (named | days).items() if value}
        return Jsonb(said) if said else None


EVERYTHING = Filter()


class Span(NamedTuple):
    """Which of the results are wanted."""

    skip: int
    limit: int


class Found(NamedTuple):
    """Results, whether there are more, and what all of them hold; as ``search_passages`` of the SQL gives them."""

    results: list[dict[str, Any]]
    more: bool
    facets: dict[str, list[dict[str, Any]]]


class Passages:
    """Every method raises ``ServiceUnavailable`` while the database is away. Thread-safe."""

    def __init__(self, database: Calls) -> None:
        self._db = database

    def search(
        self,
        question: str,
        vector: NDArray[np.float32],
        *,
        project: str,
        span: Span,
        narrow: Filter,
        space: str | None = None,
    ) -> Found:
        """Passages that answer a question, the best first; ``vector`` is its embedding.

        Raises:
            ServiceUnavailable: ``conflict``: ``space``, whose vector it is, is no longer the active one; embed it anew.
        """
        found = self._db.value(
            "search_passages",
            project=project,
            question=question.replace("\0", " "),
            embedding=vector_text(vector),
            skip=span.skip,
            limit=span.limit,
            space=space,
            filter=narrow.as_json(),
        )
        return Found(**found)

    def read_dates(self, project: str, read: Callable[[str], Days | None]) -> None:
        """Have the dates that the project's documents name read, those that are not yet; ``read`` gives None for no day."""
        while rows := self._db.rows("unread_dates", project=project, limit=DATES_AT_ONCE):
            days = [(entity, read(written) or (None, None)) for entity, written in rows]
            dates = [{"entity": entity, "first": _text(first), "last": _text(last)} for entity, (first, last) in days]
            self._db.rows("save_dates", dates=Jsonb(dates))


def _text(day: date | None) -> str | None:
    return day.isoformat() if day else None
