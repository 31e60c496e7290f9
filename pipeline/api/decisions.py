"""What people decide of entities: merge, split, and take it back. It outlives whatever is read anew."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from pydantic import AfterValidator, BaseModel, Field

from pipeline.api.access import ProjectToRead, Writer
from pipeline.api.answers import ID
from pipeline.api.backend import Asked
from pipeline.api.entities import Found, entity_answer, found_entity
from pipeline.api.entity_answers import Decision, Entity
from pipeline.api.problems import Problem
from pipeline.model import EntityType
from pipeline.stages.names import normalize
from pipeline.stores.api_keys import Caller
from pipeline.stores.decisions import Undecided

STATUSES = {"no_such_entity": 404, "one_already": 409, "no_such_name": 422, "nothing_left": 422}
router = APIRouter(prefix="/api", tags=["decisions"])


def _plain(text: str) -> str:
    return text.replace("\0", " ").strip()


Reason = Annotated[str, Field(max_length=1000, description="For people who read it later."), AfterValidator(_plain)]
Spelling = Annotated[str, Field(min_length=1, max_length=500, examples=["A. Lovelace"])]


class Together(BaseModel):
    """With which entity another is one."""

    with_: UUID = Field(alias="with", examples=[ID])
    reason: Reason = ""


class Apart(BaseModel):
    """Spellings that mean another entity."""

    names: list[Spelling] = Field(min_length=1, max_length=200)
    reason: Reason = ""


class Merged(Entity):
    """What the two are now; ``overruled``: older decisions that do not hold any more because of this one."""

    overruled: list[Decision]


class Split(BaseModel):
    """What both are now."""

    entity: Entity
    new_entity: Entity
    overruled: list[Decision]


class Decisions(BaseModel):
    """The newest first, also those that were taken back; ``next_cursor`` leads on."""

    decisions: list[Decision]
    next_cursor: str | None


def _entity_to_write(backend: Asked, caller: Writer, entity_id: UUID) -> Found:
    return found_entity(backend, caller, entity_id)


EntityToWrite = Annotated[Found, Depends(_entity_to_write)]


@router.post("/entities/{entity_id}/merge", responses={409: {"description": "They are one already."}})
def merge(backend: Asked, caller: Writer, found: EntityToWrite, wanted: Together) -> Merged:
    """Two entities are one from now on."""
    try:
        decided = backend.decisions.merge(found[1].id, str(wanted.with_), caller.project, wanted.reason, caller.name)
    except Undecided as fault:
        raise _problem(fault) from None
    return Merged(**dict(_now(backend, caller, decided.entity)), overruled=_shown(decided.overruled))


@router.post("/entities/{entity_id}/split")
def split(backend: Asked, caller: Writer, found: EntityToWrite, wanted: Apart) -> Split:
    """Some names of an entity are one of their own from now on."""
    names = {name: {normalize(name, kind) for kind in EntityType} for name in map(_plain, wanted.names)}
    try:
        decided = backend.decisions.split(found[1].id, names, caller.project, wanted.reason, caller.name)
    except Undecided as fault:
        raise _problem(fault) from None
    old, new = (_now(backend, caller, each) for each in (decided.entity, decided.new_entity))
    return Split(entity=old, new_entity=new, overruled=_shown(decided.overruled))


@router.get("/decisions")
def decisions(
    backend: Asked,
    project: ProjectToRead,
    *,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
    cursor: Annotated[UUID | None, Query(description="`next_cursor` of the page before.")] = None,
) -> Decisions:
    """What was decided in a project."""
    found = backend.decisions.all(project, str(cursor) if cursor else None, limit + 1)
    return Decisions(decisions=_shown(found[:limit]), next_cursor=found[limit - 1]["id"] if len(found) > limit else None)


@router.delete("/decisions/{decision_id}", status_code=204)
def take_back(backend: Asked, caller: Writer, decision_id: UUID) -> None:
    """Take a decision back: what follows from the names alone holds again."""
    if not backend.decisions.take_back(str(decision_id), caller.project, caller.name):
        advice = "List decisions: GET /api/decisions."
        raise Problem(404, "There is no such decision, or it was taken back before.", "no_such_decision", advice)


def _now(backend: Asked, caller: Caller, entity: str) -> Entity:
    return entity_answer(backend, found_entity(backend, caller, UUID(entity)))


def _shown(rows: list[dict[str, Any]]) -> list[Decision]:
    return [Decision.model_validate(row) for row in rows]


def _problem(fault: Undecided) -> Problem:
    return Problem(STATUSES[fault.code], fault.message, fault.code, "See the entity: GET /api/entities/{id}.")
