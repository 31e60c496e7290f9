"""What the graph holds."""

from dataclasses import dataclass
from typing import NamedTuple

from pipeline.model.names import EntityType


@dataclass(frozen=True, slots=True)
class GraphChunk:
    """A chunk as the graph holds it."""

    id: str
    index: int
    start: int
    end: int
    heading: str


class GraphEntity(NamedTuple):
    """A canonical entity as the graph holds it; counts are over the whole project."""

    id: str
    name: str
    type: EntityType
    mentions: int
    documents: int


@dataclass(frozen=True, slots=True)
class GraphMention:
    """How often a chunk names an entity, and the highest confidence (0 to 1)."""

    chunk_id: str
    entity_id: str
    count: int
    confidence: float


class GraphRelation(NamedTuple):
    """Two entities that stand together; ``weight`` counts passages, ``documents`` documents, over the whole project."""

    subject: str
    object: str
    weight: int
    documents: int


class GraphRelated(NamedTuple):
    """What passages say of two entities, over the whole project.

    ``evidence`` counts passages, ``documents`` documents; the confidence is the highest.
    """

    subject: str
    predicate: str
    object: str
    evidence: int
    documents: int
    confidence: float


@dataclass(frozen=True, slots=True)
class DocumentNode:
    """A document as the graph holds it."""

    id: str
    project: str
    file_name: str
    source_path: str
    media_type: str
    language: str
    category: str
    parent_id: str = ""


@dataclass(frozen=True, slots=True)
class DocumentGraph:
    """A document's own part of the graph. Of entities that the graph does not know yet, what this document says of them."""

    document: DocumentNode
    chunks: tuple[GraphChunk, ...]
    entities: tuple[GraphEntity, ...]
    mentions: tuple[GraphMention, ...]


@dataclass(frozen=True, slots=True)
class GraphFigures:
    """What is counted over all documents: entities and relations that some documents touched, as they are now."""

    entities: tuple[GraphEntity, ...] = ()
    relations: tuple[GraphRelation, ...] = ()
    related: tuple[GraphRelated, ...] = ()


@dataclass(frozen=True, slots=True)
class EntityGraph:
    """Entities that changed because names were linked or parted: all that the graph must say of them.

    ``gone`` are ids that no longer stand for an entity of their own; all else is complete for ``entities``.
    """

    gone: tuple[str, ...]
    entities: tuple[GraphEntity, ...]
    mentions: tuple[GraphMention, ...]
    relations: tuple[GraphRelation, ...]
    related: tuple[GraphRelated, ...] = ()


class GraphTurn(NamedTuple):
    """The right to write a project's part of the graph; a later turn has a higher token."""

    project: str
    token: int


class GraphWork(NamedTuple):
    """What is to be written to the graph now, in ``turn``.

    ``parts``: of the document that asks; ``change``: entities whose names were linked or parted; ``figures``: for all
    documents written since they were last brought up to date, and empty as long as more documents are on their way;
    ``gone``: documents that are to be removed; ``more``: more entities changed than are in ``change``.
    """

    parts: tuple[DocumentGraph, ...]
    change: EntityGraph
    figures: GraphFigures
    gone: tuple[str, ...] = ()
    more: bool = False
    turn: GraphTurn | None = None
