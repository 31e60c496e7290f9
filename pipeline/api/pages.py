"""Where what was found stands in the original. Boxes are fractions of the page, 0 to 1: [left, top, right, bottom]."""

from typing import Annotated, Any, Self

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, Field

from pipeline.api.access import DocumentToRead
from pipeline.api.backend import Asked
from pipeline.api.pictures import OF_THE_STORE, WIDTHS, Picture
from pipeline.api.problems import Problem
from pipeline.api.results import MentionIn, PageText
from pipeline.errors import BadDocument
from pipeline.model import Box
from pipeline.readers.faults import SENTENCES, Fault
from pipeline.readers.jpeg import MEDIA_TYPE
from pipeline.stores.catalog import Facts
from pipeline.stores.places import Place, Range

SHOWN = {"pdf", "image"}
"""Formats whose pages can be seen."""
SHOWN_TYPES = ("application/pdf", "image/")
LARGEST = 2**31 - 1
LONGEST = 100_000  # characters
KEPT = {"Cache-Control": "private, max-age=600", "Vary": "Authorization, Cookie"}
PICTURE: dict[int | str, dict[str, Any]] = {
    200: {"description": "The picture.", "content": {MEDIA_TYPE: {}}},
    304: {"description": "What the client has is the picture."},
}
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


@router.get("/pages/{number}/image", response_class=Response, responses=PICTURE)
async def page_image(
    request: Request,
    backend: Asked,
    document: DocumentToRead,
    number: Number,
    width: Annotated[int, Query(ge=1, le=10_000, description="In pixels; the next of a few steps is taken.")] = 1200,
) -> Response:
    """A picture of a page, of PDFs and images; the boxes of its words fit. 160 is the width of a thumbnail."""
    if not (document.file.media_type or SHOWN_TYPES[0]).startswith(SHOWN_TYPES):
        raise no_picture(SENTENCES[Fault.NO_PAGE_IMAGE])
    step = next((step for step in WIDTHS if step >= width), WIDTHS[-1])
    picture = Picture(document.id, document.file, number, step)
    headers = KEPT | {"ETag": f'"{picture.name}"'}
    if headers["ETag"] in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    try:
        return Response(await backend.pictures.get(picture), headers=headers, media_type=MEDIA_TYPE)
    except BadDocument as fault:
        if fault.code in OF_THE_STORE:
            raise
        if fault.code == Fault.NO_SUCH_PAGE:
            raise no_such_page() from None
        raise no_picture(fault.message) from None


def no_picture(why: str) -> Problem:
    """The page cannot be seen."""
    return Problem(404, why, "no_page_image", "Show the page's text: GET /api/documents/{id}/pages/{n}.")


def no_such_page() -> Problem:
    """The document has fewer pages, or none yet."""
    return Problem(404, "The document has no such page.", "no_such_page", "See page_count: GET /api/documents/{id}.")
