"""Where what was found stands in the original: on a page, or in a recording. ``within`` as in ``catalog``."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from psycopg.types.json import Jsonb

from pipeline.model import Box, DocumentId, Word, boxes_of
from pipeline.stores.calls import Calls
from pipeline.stores.catalog import Facts

Row = Sequence[Any]


class Range(NamedTuple):
    """Characters of a document's text."""

    document: DocumentId
    start: int
    end: int


class PageBox(NamedTuple):
    """A box on a page."""

    page: int
    box: Box


class Place(NamedTuple):
    """Where characters stand: the page they begin on, a box for each line, seconds from a recording's start.

    None and nothing where there is none: of a text without a layout the page alone is known.
    """

    page: int | None = None
    boxes: tuple[PageBox, ...] = ()
    seconds: float | None = None


class _Page(NamedTuple):
    """A page, or some of its words and segments; all offsets are the document's."""

    number: int
    start: int
    end: int
    words: list[Word]
    segments: list[Row]


class Places:
    """Every method raises ``ServiceUnavailable`` while the database is away. Thread-safe."""

    def __init__(self, database: Calls) -> None:
        self._db = database

    def of(self, ranges: Sequence[Range], within: str) -> list[Place]:
        """The place of each of many ranges of many documents, in their order, in one query: boxes of search highlights."""
        found = self._db.value("places_of", ranges=Jsonb(ranges), project=within) if ranges else []
        pages: dict[str, list[_Page]] = {}
        for row in found:
            pages.setdefault(row["document_id"], []).append(_page(row))
        return [_place(place, pages.get(place.document, [])) for place in ranges]

    def page(self, document: DocumentId, number: int, within: str) -> Facts | None:
        """A page: as ``page_of_document`` of the SQL, with ``boxes`` of each mention; all offsets are the document's."""
        page: Facts | None = self._db.value("page_of_document", document=document, project=within, number=number)
        if page is None:
            return None
        words = _words(page["words"], page["start"])
        mentions = [mention | {"boxes": boxes_of(words, mention["start"], mention["end"])} for mention in page["mentions"]]
        return page | {"words": words, "mentions": mentions, "segments": _moved(page["segments"], page["start"])}


def _page(row: Facts) -> _Page:
    start = row["start"]
    return _Page(row["page"], start, row["end"], _words(row["words"], start), _moved(row["segments"], start))


def _place(place: Range, pages: Sequence[_Page]) -> Place:
    _, start, end = place
    on = [page for page in pages if page.start < end and page.end > start]
    boxes = tuple(PageBox(page.number, box) for page in on for box in boxes_of(page.words, start, end))
    spoken = (segment for page in on for segment in page.segments if segment[0] < end and segment[1] > start)
    seconds = next((float(segment[2]) for segment in spoken), None)
    return Place(on[0].number if on else None, boxes, seconds)


def _words(rows: Sequence[Row], at: int) -> list[Word]:
    """Words as ``page_ranges.page_rows`` stored them, counted from the document's start; their page begins at ``at``."""
    return [Word(start, end, Box(*box), confidence) for start, end, *box, confidence in _moved(rows, at)]


def _moved(rows: Sequence[Row], at: int) -> list[Row]:
    return [(row[0] + at, row[1] + at, *row[2:]) for row in rows]
