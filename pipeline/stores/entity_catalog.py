"""What the HTTP API asks of entities and relations. ``within`` is the only project that may be seen, "" for any."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from pipeline.model import EntityType, GraphEntity
from pipeline.stores.calls import Calls
from pipeline.stores.catalog import Facts, plain

DATES = 2000
"""The dates nearest to an entity that a timeline is made of."""


class EntityListing(NamedTuple):
    """Which entities are listed.

    ``keys`` are those that ``name`` would have as an entity; ``name`` is "" for all. ``after``: distance, mentions and id of
    the last that was seen.
    """

    project: str
    name: str = ""
    keys: Sequence[str] = ()
    type: EntityType | None = None
    after: tuple[int, int, str] | None = None
    limit: int = 20


class GraphFilter(NamedTuple):
    """Which part of the graph is wanted: most entities, their types and kinds of relations (none: all), least passages."""

    limit: int
    types: Sequence[EntityType] = ()
    predicates: Sequence[str] = ()
    min_weight: int = 1


class EntityCatalog:
    """Every method raises ``ServiceUnavailable`` while the database is away."""

    def __init__(self, database: Calls) -> None:
        self._db = database

    def entity(self, entity: str, within: str) -> tuple[str, GraphEntity] | None:
        """Its project, and the entity that this id, or one that was merged, stands for."""
        for project, *row in self._db.rows("entity_of", entity=entity, project=within):
            return project, _entity(*row)
        return None

    def documents_of(self, entity: str, limit: int) -> Sequence[tuple[str, str, int]]:
        """Id, path and number of mentions of documents that name it, those that name it most first."""
        rows = self._db.rows("documents_of_entity", entity=entity, limit=limit)
        return [(document, path, mentions) for document, path, mentions in rows]

    def listed(self, listing: EntityListing) -> list[tuple[GraphEntity, int]]:
        """Entities, those that the name means most likely first, then those with most mentions; each with its distance."""
        distance, mentions, last = listing.after or (None, None, None)
        rows = self._db.rows(
            "list_entities",
            project=listing.project,
            name=listing.name,
            pattern=plain(listing.name),
            keys=list(listing.keys),
            type=listing.type or "",
            after_distance=distance,
            after_mentions=mentions,
            after=last,
            limit=listing.limit,
        )
        return [(_entity(*row), distance) for *row, distance in rows]

    def mentions(self, entity: str, after: tuple[str, int] | None, limit: int) -> list[Facts]:
        """Where it is named, by path and place; ``after``: path and number of the last that was seen."""
        path, number = after or (None, None)
        return self._facts("entity_mentions", entity=entity, after_path=path, after=number, limit=limit)

    def dates(self, entity: str) -> list[Facts]:
        """Dates near it, the nearest ``DATES``. See ``dates_near`` of the SQL."""
        return self._facts("dates_near", entity=entity, limit=DATES)

    def around(self, entity: str, depth: int, wanted: GraphFilter) -> Facts:
        """The entity with what is related to it: nodes, edges, more."""
        facts: Facts = self._db.value("graph_around", entity=entity, depth=depth, **_filter(wanted))
        return facts

    def heaviest(self, project: str, wanted: GraphFilter) -> Facts:
        """The heaviest relations of a project: nodes, edges, more."""
        facts: Facts = self._db.value("graph_of_project", project=project, **_filter(wanted))
        return facts

    def path(self, start: str, end: str, types: Sequence[EntityType]) -> Facts | None:
        """The shortest way between two entities: nodes, edges, more, path; only these types between (none: any)."""
        facts: Facts | None = self._db.value("path_between", start=start, end=end, types=list(types) or None)
        return facts

    def evidence(self, subject: str, object_: str | None, predicate: str, skip: int, limit: int) -> list[Facts]:
        """Passages that relate two entities, or one with any other, the surest first."""
        values = {"subject": subject, "object": object_, "predicate": predicate, "skip": skip, "limit": limit}
        return self._facts("relation_passages", **values)

    def _facts(self, statement: str, **values: object) -> list[Facts]:
        return [facts for (facts,) in self._db.rows(statement, **values)]


def _entity(key: str, name: str | None, kind: str, mentions: int, documents: int) -> GraphEntity:
    return GraphEntity(key, name or "", EntityType(kind), mentions, documents)


def _filter(wanted: GraphFilter) -> dict[str, Any]:
    return {
        "limit": wanted.limit,
        "types": list(wanted.types) or None,
        "predicates": list(wanted.predicates) or None,
        "min_weight": wanted.min_weight,
    }
