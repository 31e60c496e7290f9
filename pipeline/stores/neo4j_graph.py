"""The graph on a Bolt server: Neo4j 5 or the embedded ArcadeDB. The statements stand in ``cypher/``."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from itertools import pairwise
from typing import Any, NamedTuple

from neo4j import ManagedTransaction

from pipeline.model import (
    DocumentGraph,
    DocumentId,
    DocumentNode,
    EntityGraph,
    EntityType,
    GraphEntity,
    GraphFigures,
    GraphMention,
    GraphRelated,
    GraphRelation,
    GraphTurn,
)
from pipeline.stores.neo4j_session import GraphServer, fetch_list
from pipeline.stores.statements import load_statements

SCHEMA = load_statements("cypher/schema.cypher")
CYPHER = load_statements("cypher/graph.cypher")
BATCH = 2000

Row = dict[str, Any]
Pair = tuple[str, str]
Figures = tuple[float, float]
"""What an edge says: (count, confidence) of a mention, (weight, documents) of a relation."""
Edges = dict[Pair, Figures]


class Relabel(NamedTuple):
    """Entities whose second label is not that of their type."""

    old: str
    new: str
    ids: list[str]


class Neo4jGraph:
    """``GraphStore`` over Bolt. Thread-safe; make it after a fork, not before.

    Args:
        uri: e.g. ``neo4j://host:7687``.
        user: the server's user.
        password: its password.
        database: the database's name.

    Raises:
        Misconfigured: the address cannot be used; later, from any method, that user, password or database is wrong.
    """

    def __init__(self, uri: str, user: str, password: str, database: str = "neo4j") -> None:
        self._server = GraphServer(uri, user, password, database)

    def prepare(self) -> None:
        """Create the constraints that are missing."""
        for statement in SCHEMA.values():
            self._server.run(statement)

    def write_node(self, node: DocumentNode) -> None:
        """Create the document's node or set its properties."""
        self._server.write(lambda tx: _write_node(tx, node))

    def write_document(self, part: DocumentGraph, turn: GraphTurn | None = None) -> None:
        """Make the graph hold exactly this part of the document; entities that are there already stay as they are."""
        self._server.write(lambda tx: _write_document(tx, part), turn)

    def write_figures(self, figures: GraphFigures, turn: GraphTurn | None = None) -> None:
        """Set these entities and relations; entities that are not in the graph are passed over."""
        if figures.entities or figures.relations:
            self._relabel(self._server.write(lambda tx: _write_figures(tx, figures), turn))

    def write_entities(self, change: EntityGraph, turn: GraphTurn | None = None) -> None:
        """Remove ``gone``; make mentions and relations of ``entities`` exactly these."""
        if change.gone or change.entities:
            self._relabel(self._server.write(lambda tx: _write_entities(tx, change), turn))

    def delete_document(self, document_id: DocumentId, turn: GraphTurn | None = None) -> None:
        """Remove the document's node and chunks with their mentions."""
        self._server.write(lambda tx: tx.run(CYPHER["delete_document"], document=document_id).consume(), turn)

    def counts(self, project: str) -> dict[str, int]:
        """Nodes by label and relationships by type; what there is none of is missing."""
        names = ("count_nodes", "count_relationships")
        found = (record for name in names for record in self._server.read(CYPHER[name], project=project))
        return {record["name"]: record["number"] for record in found if record["number"]}

    def close(self) -> None:
        """Give back connections."""
        self._server.close()

    def _relabel(self, groups: Iterable[Relabel]) -> None:
        # After the transaction and not in it: ArcadeDB refuses a change of label in an open one. A crash in between is
        # mended by the next write, because what is compared is the label, not the property.
        for old, new, ids in groups:
            self._server.run(CYPHER["relabel"].replace("OLD_LABEL", old).replace("NEW_LABEL", new), ids=ids)


def label(kind: EntityType) -> str:
    """The second label of an entity: ``Person`` for PERSON."""
    return kind.value.capitalize()


LABELS = {label(kind) for kind in EntityType}


def _write_node(tx: ManagedTransaction, node: DocumentNode) -> None:
    tx.run(CYPHER["write_node"], node=asdict(node)).consume()


def _write_document(tx: ManagedTransaction, part: DocumentGraph) -> None:
    node = part.document
    _write_node(tx, node)
    held = _write_chunks(tx, part)
    known: dict[str, str | None] = dict(fetch_list(tx, CYPHER["known_entities"], ids=[e.id for e in part.entities]))
    _create_entities(tx, [entity for entity in part.entities if entity.id not in known], {"project": node.project})
    # An entity that a change created before any of its chunks was there belongs to no project yet.
    _batched(tx, "set_entities", [{"id": i, "project": node.project} for i, project in known.items() if not project])
    _sync_mentions(tx, held, part.mentions)


def _write_figures(tx: ManagedTransaction, figures: GraphFigures) -> list[Relabel]:
    relabel = _set_entities(tx, figures.entities, _entities_state(tx, [entity.id for entity in figures.entities]))
    _write_relations(tx, _relations(figures.relations), _sizes(figures.entities))
    _batched(tx, "write_related", [each._asdict() for each in figures.related])
    return relabel


def _write_entities(tx: ManagedTransaction, change: EntityGraph) -> list[Relabel]:
    ids = [entity.id for entity in change.entities]
    _batched(tx, "delete_entities", change.gone)
    held = _entities_state(tx, ids)
    created = [entity for entity in change.entities if entity.id not in held]
    _create_entities(tx, created, {})
    relabel = _set_entities(tx, change.entities, held)
    _sync_mentions(tx, _edges(fetch_list(tx, CYPHER["entities_mentions"], ids=ids)), change.mentions)
    if created:
        tx.run(CYPHER["adopt"], ids=[entity.id for entity in created]).consume()
    _sync_relations(tx, _undirected(fetch_list(tx, CYPHER["entities_relations"], ids=ids)), change)
    _sync_related(tx, ids, change.related)
    return relabel


def _write_chunks(tx: ManagedTransaction, part: DocumentGraph) -> Edges:
    """Replace the chunks unless they are the same; the mentions that the graph holds afterwards."""
    node = part.document
    of_document = {"document_id": node.id, "project": node.project}
    wanted = [asdict(chunk) | of_document for chunk in sorted(part.chunks, key=lambda chunk: chunk.index)]
    state = fetch_list(tx, CYPHER["document_state"], document=node.id)
    if sorted((chunk for chunk, _ in state), key=lambda chunk: chunk["index"]) == wanted:
        return {(chunk["id"], e): (n, confidence) for chunk, mentions in state for e, n, confidence in mentions if e}
    if state:
        tx.run(CYPHER["delete_chunks"], document=node.id).consume()
    _batched(tx, "create_chunks", wanted, document=node.id)
    _batched(tx, "create_order", [{"before": a["id"], "after": b["id"]} for a, b in pairwise(wanted)])
    return {}


def _set_entities(
    tx: ManagedTransaction, entities: Sequence[GraphEntity], held: Mapping[str, tuple[set[str], Row]]
) -> list[Relabel]:
    """Set the properties that differ; returns the entities whose label must change."""
    change: list[Row] = []
    relabel: defaultdict[Pair, list[str]] = defaultdict(list)
    for entity in (entity for entity in entities if entity.id in held):
        labels, properties = held[entity.id]
        row = _entity_row(entity)
        if properties | row != properties:
            change.append(row)
        for old in (labels & LABELS) - {label(entity.type)}:
            relabel[old, label(entity.type)].append(entity.id)
    _batched(tx, "set_entities", change)
    return [Relabel(old, new, ids) for (old, new), ids in relabel.items()]


def _create_entities(tx: ManagedTransaction, entities: Iterable[GraphEntity], extra: Row) -> None:
    rows: dict[str, list[Row]] = {kind.value: [] for kind in EntityType}
    for entity in entities:
        rows[entity.type.value].append(_entity_row(entity) | extra)
    for start in range(0, max(map(len, rows.values())), BATCH // len(rows)):
        end = start + BATCH // len(rows)
        tx.run(CYPHER["create_entities"], {kind: part[start:end] for kind, part in rows.items()}).consume()


def _entity_row(entity: GraphEntity) -> Row:
    return entity._asdict() | {"type": entity.type.value}


def _entities_state(tx: ManagedTransaction, ids: Sequence[str]) -> dict[str, tuple[set[str], Row]]:
    state = fetch_list(tx, CYPHER["entities_state"], ids=ids) if ids else []
    return {properties["id"]: (set(labels), properties) for labels, properties in state}


def _sync_mentions(tx: ManagedTransaction, held: Edges, mentions: Iterable[GraphMention]) -> None:
    wanted: Edges = {(m.chunk_id, m.entity_id): (m.count, m.confidence) for m in mentions}
    gone = [{"chunk": chunk, "entity": entity} for chunk, entity in held.keys() - wanted.keys()]
    _batched(tx, "delete_mentions", gone)
    new = wanted.keys() - held.keys()
    _batched(tx, "create_mentions", [_mention_row(pair, wanted[pair]) for pair in wanted if pair in new])
    changed = (pair for pair in wanted.keys() - new if wanted[pair] != held[pair])
    _batched(tx, "set_mentions", [_mention_row(pair, wanted[pair]) for pair in changed])


def _mention_row(pair: Pair, figures: Figures) -> Row:
    return {"chunk": pair[0], "entity": pair[1], "count": figures[0], "confidence": figures[1]}


def _sync_relations(tx: ManagedTransaction, held: Edges, change: EntityGraph) -> None:
    wanted = _relations(change.relations)
    gone = {pair: held[pair] for pair in held.keys() - wanted.keys()}
    new = {pair: figures for pair, figures in wanted.items() if held.get(pair) != figures}
    sizes = _sizes(change.entities)
    unknown = {entity for pair in gone | new for entity in pair} - sizes.keys()
    sizes |= {i: properties.get("documents", 0) for i, (_, properties) in _entities_state(tx, sorted(unknown)).items()}
    _batched(tx, "delete_relations", _relation_rows(gone, sizes))
    _write_relations(tx, new, sizes)


def _sync_related(tx: ManagedTransaction, ids: Sequence[str], wanted: Iterable[GraphRelated]) -> None:
    found = (row for name in ("entities_related", "entities_related_to") for row in fetch_list(tx, CYPHER[name], ids=ids))
    held = {GraphRelated(*row) for row in found}
    wanted = set(wanted)
    staying = {each[:3] for each in wanted}
    gone = [each for each in held if each[:3] not in staying]
    _batched(tx, "delete_related", [each._asdict() for each in gone])
    _batched(tx, "write_related", [each._asdict() for each in sorted(wanted - held)])


def _write_relations(tx: ManagedTransaction, relations: Edges, sizes: Mapping[str, int]) -> None:
    _batched(tx, "write_relations", _relation_rows(relations, sizes))


def _relation_rows(relations: Edges, sizes: Mapping[str, int]) -> list[Row]:
    rows = []
    for (subject, object_), (weight, documents) in relations.items():
        rare, common = sorted((subject, object_), key=lambda entity: sizes.get(entity, 0))
        rows.append(
            {"subject": subject, "object": object_, "rare": rare, "common": common, "weight": weight, "documents": documents}
        )
    return rows


def _relations(relations: Iterable[GraphRelation]) -> Edges:
    return _undirected((r.subject, r.object, r.weight, r.documents) for r in relations)


def _undirected(rows: Iterable[Sequence[Any]]) -> Edges:
    return {(min(a, b), max(a, b)): figures for (a, b), figures in _edges(rows).items()}


def _edges(rows: Iterable[Sequence[Any]]) -> Edges:
    return {(start, end): (first, second) for start, end, first, second in rows}


def _sizes(entities: Iterable[GraphEntity]) -> dict[str, int]:
    return {entity.id: entity.documents for entity in entities}


def _batched(tx: ManagedTransaction, name: str, rows: Sequence[object], **values: object) -> None:
    for start in range(0, len(rows), BATCH):
        tx.run(CYPHER[name], {"rows": rows[start : start + BATCH], **values}).consume()
