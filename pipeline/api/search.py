"""Passages that answer a question."""

from datetime import date
from functools import partial
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field

from pipeline.api.access import ProjectToRead
from pipeline.api.answers import Format
from pipeline.api.backend import Asked, Backend
from pipeline.api.pages import BoxOn, PlaceOf
from pipeline.model import DocumentId, EntityType
from pipeline.ports import Charge, charging
from pipeline.stages.dates import days_of
from pipeline.stores.passages import Filter, Span
from pipeline.stores.places import Range
from pipeline.stores.reports import MARK_END, MARK_START

LAST = 550  # results that there are at most
router = APIRouter(tags=["search"])
Limit = Annotated[int, Query(ge=1, le=100)]


class PassageFound(BaseModel):
    """A passage with where it stands.

    ``highlights`` are [start, end] of matching words within ``text``, ``boxes`` where those stand on the page.
    """

    document_id: str
    filename: str
    source_path: str
    format: Format | None
    chunk_id: str
    start: int
    end: int
    score: float
    heading: str
    text: str
    highlights: list[tuple[int, int]]
    page: int | None
    boxes: list[BoxOn]
    seconds: float | None = Field(description="In a recording: from its start.")


class Count(BaseModel):
    """How many of the passages."""

    value: str
    count: int


class EntityCount(BaseModel):
    """How many of the passages name it."""

    id: str
    name: str
    type: EntityType
    count: int


class DocumentCount(BaseModel):
    """How many of the passages stand in it."""

    document_id: str
    source_path: str
    count: int


class Facets(BaseModel):
    """What all passages that were found hold, not only those of this page; of entities and documents the first 20."""

    formats: list[Count] = []
    types: list[Count] = []
    entities: list[EntityCount] = []
    documents: list[DocumentCount] = []


class PassagesFound(BaseModel):
    """The best first; ``more``: there are others from ``offset`` + ``limit`` on."""

    results: list[PassageFound]
    facets: Facets
    more: bool


def narrowed(
    document: Annotated[UUID | None, Query(description="Passages of this document.")] = None,
    format: Annotated[Format | None, Query(description="Of documents of this kind.")] = None,  # noqa: A002  # as it is asked for
    type: Annotated[EntityType | None, Query(description="That name somebody or something of this type.")] = None,  # noqa: A002
    entity: Annotated[UUID | None, Query(description="That name this entity, under whichever name.")] = None,
    since: Annotated[
        date | None, Query(alias="from", description="That name a date from then on, or of such mails.")
    ] = None,
    until: Annotated[date | None, Query(alias="to", description="That name a date until then, or of such mails.")] = None,
) -> Filter:
    """Which passages are looked at."""
    return Filter(str(document or ""), format or "", type or "", str(entity or ""), since, until)


@router.get("/api/search")
def search(
    backend: Asked,
    project: ProjectToRead,
    q: Annotated[str, Query(min_length=1, max_length=2000, description="Words or a question.", examples=["who paid?"])],
    narrow: Annotated[Filter, Depends(narrowed)],
    limit: Limit = 10,
    offset: Annotated[int, Query(ge=0, le=LAST, description="So many of the best are passed over.")] = 0,
) -> PassagesFound:
    """Find passages by their words and by their meaning.

    A date counts as within `from` and `to` if it may be: "May 1941" is, of the 3rd of that May alone too.
    """
    if backend.reports(project).project_id is None:
        return PassagesFound(results=[], facets=Facets(), more=False)
    if narrow.since or narrow.until:
        backend.passages.read_dates(project, days_of)
    ask = partial(backend.passages.search, project=project, span=Span(offset, limit), narrow=narrow)
    with charging(Charge(project=project)):
        (found,) = backend.use.embeddings.asked([q], ask)
    passages = [passage | _marks(passage["marked"]) for passage in found.results]
    boxes = _boxes(backend, project, passages)
    return PassagesFound(
        results=[PassageFound.model_validate(each | {"boxes": on}) for each, on in zip(passages, boxes, strict=True)],
        facets=Facets.model_validate(found.facets),
        more=found.more,
    )


def _boxes(backend: Backend, project: str, passages: list[dict[str, Any]]) -> list[list[BoxOn]]:
    """The boxes of each passage's highlights."""
    ranges = [
        (number, Range(DocumentId(passage["document_id"]), passage["start"] + start, passage["start"] + end))
        for number, passage in enumerate(passages)
        for start, end in passage["highlights"]
    ]
    boxes: list[list[BoxOn]] = [[] for _ in passages]
    places = backend.places.of([at for _, at in ranges], project)
    for (number, _), place in zip(ranges, places, strict=True):
        boxes[number] += PlaceOf.of(place).boxes
    return boxes


def _marks(marked: str) -> dict[str, Any]:
    """The text without its marks, and where they stood."""
    text, places = "", []
    for number, part in enumerate(marked.split(MARK_START)):
        match, _, rest = part.partition(MARK_END) if number else ("", "", part)
        if number:
            places.append((len(text), len(text) + len(match)))
        text += match + rest
    return {"text": text, "highlights": places}
