"""Where what was found stands in the original. Boxes are fractions of the page, 0 to 1: [left, top, right, bottom]."""

from typing import Annotated, Self

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, Field

from pipeline.api.access import DocumentToRead
from pipeline.api.backend import Asked
from pipeline.api.problems import Problem
from pipeline.api.results import MentionIn, PageText
from pipeline.model import Box
from pipeline.stores.catalog import Facts
from pipeline.stores.places import Place, Range

SHOWN = {"pdf", "image"}
"""Formats whose pages can be seen."""
LARGEST = 2**31 - 1
LONGEST = 100_000  # characters
router = APIRouter(prefix="/api/documents/{document_id}", tags=["documents"])
Number = Annotated[int, Path(ge=1, le=LARGEST, description="Of the page, from 1.")]
Offset = Annotated[int, Query(ge=0, le=LARGEST)]
Fractions = Annotated[Box, Field(examples=[[0.12, 0.2, 0.31, 0.22]])]


class WordOn(BaseModel):
    """A word on a page."""

    start: int
    end: int
    box: Fractions


class MentionOn(MentionIn):
    """A name on a page, with a box for each line that it stands on."""

    boxes: list[Fractions]


class SegmentIn(BaseModel):
    """What is said from one second of a recording to another."""

    start: int
    end: int
    begin: float = Field(alias="from")
    until: float = Field(alias="to")


class PageSeen(PageText):
    """A page with all that stands on it; offsets are those of the document's text. ``image``: it can be seen."""

    image: bool
    words: list[WordOn]
    mentions: list[MentionOn]
    segments: list[SegmentIn]

    @classmethod
    def of(cls, page: Facts) -> Self:
        """From a page as ``Places.page`` gives it."""
        words = [WordOn.model_construct(start=w.start, end=w.end, box=w.box) for w in page["words"]]
        segments = [{"start": s, "end": e, "from": begin, "to": until} for s, e, begin, until, *_ in page["segments"]]
        return cls(**page | {"image": page["format"] in SHOWN, "words": words, "segments": segments})


class BoxOn(BaseModel):
    """A box on a page."""

    page: int
    box: Fractions


class PlaceOf(BaseModel):
    """Where a stretch of text stands: the page it begins on, a box for each line; seconds from a recording's start."""

    page: int | None
    boxes: list[BoxOn]
    seconds: float | None

    @classmethod
    def of(cls, place: Place) -> Self:
        """From a place of the store."""
        boxes = [BoxOn(page=each.page, box=each.box) for each in place.boxes]
        return cls(page=place.page, boxes=boxes, seconds=place.seconds)


@router.get("/pages/{number}")
def page(backend: Asked, document: DocumentToRead, number: Number) -> PageSeen:
    """A page: text, words and names with their boxes; of a recording, what is said when."""
    found = backend.places.page(document.id, number, document.within)
    if found is None:
        raise no_such_page()
    return PageSeen.of(found)


@router.get("/boxes")
def boxes(backend: Asked, document: DocumentToRead, start: Offset, end: Offset) -> PlaceOf:
    """Where the characters from start to end (exclusive) of the document's text stand."""
    if not start < end <= start + LONGEST:
        raise Problem(422, "This is no stretch of text.", "bad_range", f"start before end, {LONGEST} characters at most.")
    (place,) = backend.places.of([Range(document.id, start, end)], document.within)
    return PlaceOf.of(place)


def no_such_page() -> Problem:
    """The document has fewer pages, or none yet."""
    return Problem(404, "The document has no such page.", "no_such_page", "See page_count: GET /api/documents/{id}.")
