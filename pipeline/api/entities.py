"""Entities: list, all that is known of one, where it is named, when something happened to it."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query

from pipeline.api import cursors
from pipeline.api.access import ProjectToRead, Reader
from pipeline.api.backend import Asked, Backend
from pipeline.api.entity_answers import (
    Alias,
    Decision,
    Entities,
    Entity,
    EntityDocument,
    EntityLine,
    EntityMentions,
    MentionPassage,
    Merge,
    Neighbour,
    Timeline,
)
from pipeline.api.problems import Problem
from pipeline.model import EntityType, GraphEntity
from pipeline.stages.names import normalize
from pipeline.stages.timeline import Near, timeline
from pipeline.stores.api_keys import Caller
from pipeline.stores.entity_catalog import DATES, EntityListing

DOCUMENTS_SHOWN = 200
PLACE = ("document_id", "source_path", "page", "seconds")
router = APIRouter(prefix="/api/entities", tags=["entities"])
Limit = Annotated[int, Query(ge=1, le=100)]
Cursor = Annotated[str, Query(description="`next_cursor` of the page before.", max_length=5000)]
Found = tuple[str, GraphEntity]
"""An entity and its project."""


def found_entity(backend: Backend, caller: Caller, entity_id: UUID) -> Found:
    """An entity that the caller may see, also by the id of one that was merged into it.

    Raises:
        Problem: there is none.
    """
    found = backend.entities.entity(str(entity_id), caller.project)
    if found is None:
        raise Problem(404, "There is no such entity.", "no_such_entity", "Find entities: GET /api/entities?q=NAME.")
    return found


def _entity_to_read(backend: Asked, caller: Reader, entity_id: UUID) -> Found:
    return found_entity(backend, caller, entity_id)


EntityToRead = Annotated[Found, Depends(_entity_to_read)]


@router.get("")
def entities(
    backend: Asked,
    project: ProjectToRead,
    *,
    q: Annotated[str, Query(max_length=500, description="A spelling, or a part of one; all unless given.")] = "",
    kind: Annotated[
        EntityType | None, Query(alias="type", description="Of this type alone; dates and sums only so, or by name.")
    ] = None,
    limit: Limit = 20,
    cursor: Cursor = "",
) -> Entities:
    """Entities that a name may mean, the most likely first; without one, the most mentioned."""
    name = q.replace("\0", " ").strip()
    keys = sorted({normalize(name, each) for each in EntityType}) if name else []
    after = cursors.place_of(cursor, cursors.number, cursors.number, _id) if cursor else None
    found = backend.entities.listed(EntityListing(project, name, keys, kind, after, limit + 1))
    lines = [EntityLine.of(each) for each, _ in found[:limit]]
    if len(found) <= limit:
        return Entities(entities=lines, next_cursor=None)
    last, distance = found[limit - 1]
    return Entities(entities=lines, next_cursor=cursors.cursor(distance, last.mentions, last.id))


@router.get("/{entity_id}")
def entity(backend: Asked, found: EntityToRead, neighbours: Limit = 20) -> Entity:
    """An entity, also by the id of one that was merged into it."""
    return entity_answer(backend, found, neighbours)


def entity_answer(backend: Backend, found: Found, neighbours: int = 20) -> Entity:
    """All that is known of an entity."""
    project, line = found
    report = backend.reports(project).entity(line, neighbours)
    fields: dict[str, Any] = line._asdict()
    return Entity(
        **fields,
        project=project,
        aliases=[Alias(name=name, mentions=n) for name, n in report.aliases],
        in_documents=[
            EntityDocument(document_id=document, source_path=path, mentions=n)
            for document, path, n in backend.entities.documents_of(line.id, DOCUMENTS_SHOWN)
        ],
        merges=[Merge.model_validate(each._asdict()) for each in report.merges],
        decisions=[Decision.model_validate(each) for each in backend.decisions.of(line.id)],
        neighbours=[Neighbour.model_validate(each._asdict()) for each in report.neighbours],
    )


@router.get("/{entity_id}/mentions")
def mentions(backend: Asked, found: EntityToRead, limit: Limit = 50, cursor: Cursor = "") -> EntityMentions:
    """Where it is named, by path and place, with what stands around it."""
    after = cursors.place_of(cursor, cursors.text, cursors.number) if cursor else None
    rows = backend.entities.mentions(found[1].id, after, limit + 1)
    last = rows[limit - 1] if len(rows) > limit else None
    return EntityMentions(
        mentions=[MentionPassage.of(row) for row in rows[:limit]],
        next_cursor=cursors.cursor(last["source_path"], last["number"]) if last else None,
    )


@router.get("/{entity_id}/timeline")
def entity_timeline(backend: Asked, found: EntityToRead) -> Timeline:
    """Dates that one sentence names with it, as exact as they are written, the earliest first."""
    rows = backend.entities.dates(found[1].id)
    dates = [
        Near(row["date"], tuple(row["date_span"]), tuple(row["name_span"]), row["text"], row["text_start"],
             {name: row[name] for name in PLACE})
        for row in rows
    ]  # fmt: skip
    return Timeline.of(timeline(dates), more=len(rows) == DATES)


def _id(value: object) -> str:
    return str(UUID(cursors.text(value)))
