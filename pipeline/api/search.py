"""Passages that answer a question, and entities."""

from functools import partial
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from pipeline.api.access import ProjectToRead, Reader
from pipeline.api.backend import Asked
from pipeline.api.problems import Problem
from pipeline.model import EntityType
from pipeline.ports import Charge, charging
from pipeline.stages.names import normalize
from pipeline.stores.reports import MARK_END, MARK_START

DOCUMENTS_SHOWN = 200
router = APIRouter(tags=["search"])
Limit = Annotated[int, Query(ge=1, le=100)]


class PassageFound(BaseModel):
    """A passage with where it stands; ``highlights`` are [start, end] of matching words within ``text``."""

    document_id: str
    filename: str
    source_path: str
    chunk_id: str
    start: int
    end: int
    score: float
    heading: str
    text: str
    highlights: list[tuple[int, int]]
    page: int | None
    seconds: float | None = Field(description="In a recording: from its start.")


class Passages(BaseModel):
    """The best first."""

    results: list[PassageFound]


class EntityLine(BaseModel):
    """A person, organisation, place or thing."""

    id: str
    name: str = Field(examples=["Ada Lovelace"])
    type: EntityType
    mentions: int
    documents: int


class Entities(BaseModel):
    """The most likely, or the most mentioned, first."""

    entities: list[EntityLine]


class EntityDocument(BaseModel):
    """A document that names it, and how often."""

    document_id: str
    source_path: str
    mentions: int


class Alias(BaseModel):
    """A spelling, and how often it stands."""

    name: str
    mentions: int


class Merge(BaseModel):
    """Why a name stands for it; score 0 to 1."""

    name: str
    reason: str
    score: float


class Neighbour(BaseModel):
    """What it is related to, with one passage that says so."""

    id: str
    name: str
    type: EntityType
    predicate: str
    weight: int
    documents: int
    source_path: str
    passage: str


class Entity(EntityLine):
    """All that is known of it; documents with most mentions first, 200 at most."""

    project: str
    aliases: list[Alias]
    in_documents: list[EntityDocument]
    merges: list[Merge]
    neighbours: list[Neighbour]


@router.get("/api/search")
def search(
    backend: Asked,
    project: ProjectToRead,
    q: Annotated[str, Query(min_length=1, max_length=2000, description="Words or a question.", examples=["who paid?"])],
    limit: Limit = 10,
) -> Passages:
    """Find passages by their words and by their meaning."""
    if backend.reports(project).project_id is None:
        return Passages(results=[])
    with charging(Charge(project=project)):
        (found,) = backend.use.embeddings.asked([q], partial(backend.catalog.passages, project, limit=limit))
    return Passages(results=[PassageFound.model_validate(passage | _marks(passage["marked"])) for passage in found])


@router.get("/api/entities")
def entities(
    backend: Asked,
    project: ProjectToRead,
    q: Annotated[str, Query(max_length=500, description="A spelling, or a part of one; all unless given.")] = "",
    limit: Limit = 20,
) -> Entities:
    """Entities that a name may mean; without one, the most mentioned."""
    reports, name = backend.reports(project), q.replace("\0", " ")
    keys = sorted({normalize(name, kind) for kind in EntityType})
    found = reports.find_entities(name, keys, limit) if name.strip() else reports.top_entities(limit)
    return Entities(entities=[EntityLine.model_validate(each._asdict()) for each in found])


@router.get("/api/entities/{entity_id}")
def entity(backend: Asked, caller: Reader, entity_id: UUID, neighbours: Limit = 20) -> Entity:
    """An entity, also by the id of one that was merged into it."""
    found = backend.catalog.entity(str(entity_id), caller.project)
    if found is None:
        raise Problem(404, "There is no such entity.", "no_such_entity", "Find entities: GET /api/entities?q=NAME.")
    project, line = found
    report = backend.reports(project).entity(line, neighbours)
    fields: dict[str, Any] = line._asdict()
    return Entity(
        **fields,
        project=project,
        aliases=[Alias(name=name, mentions=n) for name, n in report.aliases],
        in_documents=[
            EntityDocument(document_id=document, source_path=path, mentions=n)
            for document, path, n in backend.catalog.documents_of(line.id, DOCUMENTS_SHOWN)
        ],
        merges=[Merge.model_validate(each._asdict()) for each in report.merges],
        neighbours=[Neighbour.model_validate(each._asdict()) for each in report.neighbours],
    )


def _marks(marked: str) -> dict[str, Any]:
    """The text without its marks, and where they stood."""
    text, places = "", []
    for number, part in enumerate(marked.split(MARK_START)):
        match, _, rest = part.partition(MARK_END) if number else ("", "", part)
        if number:
            places.append((len(text), len(text) + len(match)))
        text += match + rest
    return {"text": text, "highlights": places}
