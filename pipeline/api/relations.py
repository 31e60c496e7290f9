"""How entities hang together: parts of the graph, the shortest way between two, the passages that say so."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from pipeline.api import cursors
from pipeline.api.access import ProjectToRead, Reader
from pipeline.api.backend import Asked
from pipeline.api.entities import Cursor, EntityToRead, Limit, found_entity
from pipeline.api.entity_answers import EntityLine, Place
from pipeline.api.problems import Problem
from pipeline.model import EntityType
from pipeline.stores.entity_catalog import GraphFilter

router = APIRouter(prefix="/api", tags=["graph"])
Nodes = Annotated[int, Query(ge=1, le=2000, description="Most entities.")]
Types = Annotated[
    list[EntityType],
    Query(alias="type", default_factory=list, description="Entities of these types alone; repeat it for several."),
]
Predicates = Annotated[
    list[str],
    Query(
        alias="predicate",
        default_factory=list,
        description="Relations of these kinds alone, e.g. CO_OCCURS_WITH.",
        max_length=50,
    ),
]
Weight = Annotated[int, Query(ge=1, le=1_000_000, description="Relations that as many passages show.")]


class Edge(BaseModel):
    """A relation; ``weight`` counts passages. CO_OCCURS_WITH has no direction."""

    subject: str
    predicate: str = Field(examples=["CO_OCCURS_WITH"])
    object: str
    weight: int
    documents: int


class Graph(BaseModel):
    """Entities and the relations between them, the heaviest first. ``more``: there are others."""

    nodes: list[EntityLine]
    edges: list[Edge]
    more: bool


class Path(Graph):
    """The entities on the way in ``path``, by id, with all relations between them."""

    path: list[str]


class Evidence(Place):
    """A passage that relates two entities."""

    predicate: str
    subject: str
    object: str
    confidence: float


class Relations(BaseModel):
    """The surest first; ``next_cursor`` leads on."""

    evidence: list[Evidence]
    next_cursor: str | None


def _wanted(limit: int, types: list[EntityType], predicates: list[str], min_weight: int) -> GraphFilter:
    return GraphFilter(limit, types, [each.replace("\0", " ") for each in predicates], min_weight)


@router.get("/entities/{entity_id}/graph")
def around(
    backend: Asked,
    found: EntityToRead,
    *,
    depth: Annotated[int, Query(ge=1, le=2, description="Relations between the entity and the farthest.")] = 1,
    limit: Nodes = 200,
    kinds: Types,
    predicates: Predicates,
    min_weight: Weight = 1,
) -> Graph:
    """An entity with what is related to it, those with the heaviest relations first."""
    part = backend.entities.around(found[1].id, depth, _wanted(limit, kinds, predicates, min_weight))
    return Graph.model_validate(part)


@router.get("/graph")
def heaviest(
    backend: Asked,
    project: ProjectToRead,
    *,
    limit: Nodes = 200,
    kinds: Types,
    predicates: Predicates,
    min_weight: Weight = 1,
) -> Graph:
    """The heaviest relations of a project with the entities that they join."""
    return Graph.model_validate(backend.entities.heaviest(project, _wanted(limit, kinds, predicates, min_weight)))


@router.get("/graph/path")
def path(
    backend: Asked,
    caller: Reader,
    start: Annotated[UUID, Query(alias="from", description="Id of an entity.")],
    end: Annotated[UUID, Query(alias="to", description="Id of another.")],
    kinds: Types,
) -> Path:
    """The shortest way from one entity to another along relations; what lies between is of these types."""
    (_, one), (_, other) = (found_entity(backend, caller, each) for each in (start, end))
    part = backend.entities.path(one.id, other.id, kinds)
    if part is None:
        raise Problem(404, "No relations lead from one to the other.", "no_path", "Leave out type, if it was given.")
    return Path.model_validate(part)


@router.get("/relations")
def relations(
    backend: Asked,
    caller: Reader,
    *,
    subject: Annotated[UUID, Query(description="Id of an entity.")],
    object_: Annotated[UUID | None, Query(alias="object", description="Id of another; any unless given.")] = None,
    predicate: Annotated[str, Query(max_length=200, description="Any unless given.")] = "",
    limit: Limit = 20,
    cursor: Cursor = "",
) -> Relations:
    """Passages that relate two entities, or one with any other."""
    _, one = found_entity(backend, caller, subject)
    other = found_entity(backend, caller, object_)[1].id if object_ else None
    (skip,) = cursors.place_of(cursor, cursors.number) if cursor else (0,)
    rows = backend.entities.evidence(one.id, other, predicate.replace("\0", " "), skip, limit + 1)
    evidence = [Evidence.model_validate(row) for row in rows[:limit]]
    return Relations(evidence=evidence, next_cursor=cursors.cursor(skip + limit) if len(rows) > limit else None)
