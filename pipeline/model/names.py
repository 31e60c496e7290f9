"""Chunks, names in the text, what the text says of them, and which of them are one."""

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple, NewType


class EntityType(StrEnum):
    """What a mention names."""

    PERSON = "PERSON"
    ORGANIZATION = "ORGANIZATION"
    LOCATION = "LOCATION"
    DATE = "DATE"
    MONEY = "MONEY"
    EVENT = "EVENT"
    WORK = "WORK"
    PRODUCT = "PRODUCT"
    LAW = "LAW"
    GROUP = "GROUP"
    OTHER = "OTHER"
    EMAIL = "EMAIL"
    PHONE = "PHONE"
    URL = "URL"


@dataclass(frozen=True, slots=True)
class Chunk:
    """A passage of the canonical text, in order; ``heading`` is the section that it stands in ("" if none)."""

    index: int
    start: int
    end: int
    heading: str = ""


class Mention(NamedTuple):
    """A name in the canonical text."""

    start: int
    end: int
    type: EntityType
    confidence: float = 1.0


class Predicate(StrEnum):
    """How the subject of a relation stands to its object."""

    WORKS_FOR = "WORKS_FOR"
    LEADS = "LEADS"
    OWNS = "OWNS"
    FOUNDED = "FOUNDED"
    MEMBER_OF = "MEMBER_OF"
    PART_OF = "PART_OF"
    LOCATED_IN = "LOCATED_IN"
    LIVES_IN = "LIVES_IN"
    BORN_IN = "BORN_IN"
    FAMILY_OF = "FAMILY_OF"
    REPRESENTS = "REPRESENTS"
    COMMUNICATED_WITH = "COMMUNICATED_WITH"
    MET = "MET"
    TOOK_PART_IN = "TOOK_PART_IN"
    AGREED_WITH = "AGREED_WITH"
    PAID = "PAID"
    SOLD_TO = "SOLD_TO"
    SUED = "SUED"
    ACCUSED = "ACCUSED"
    CREATED = "CREATED"
    DATED = "DATED"
    RELATED_TO = "RELATED_TO"


class Span(NamedTuple):
    """A stretch of text."""

    start: int
    end: int


class TypedRelation(NamedTuple):
    """What a passage says of two names; all three spans lie in the same text, ``evidence`` is the passage."""

    subject: Span
    predicate: Predicate
    object: Span
    evidence: Span
    confidence: float


@dataclass(frozen=True, slots=True)
class Extraction:
    """What a model found in a text.

    Mentions are ordered by start and do not overlap. ``dropped`` counts answers that the text does not bear out,
    ``fallbacks`` the pieces of the text that another engine answered for.
    """

    mentions: tuple[Mention, ...] = ()
    relations: tuple[TypedRelation, ...] = ()
    dropped: int = 0
    fallbacks: int = 0


EntityId = NewType("EntityId", str)


class ResolvedMention(NamedTuple):
    """A mention with the id of its name ("" before resolution)."""

    start: int
    end: int
    type: EntityType
    confidence: float
    entity_id: str


class NewName(NamedTuple):
    """A name that the project did not know; its blocking keys find the names that it may be linked with."""

    key: str
    tokens: int
    blocking_keys: tuple[str, ...]


class NameLink(NamedTuple):
    """Why two names (by key) are one; a weak link leads from a short form to a full one.

    ``by_document``: the document is the evidence, not the names' spelling; the link lasts as long as the document says so.
    """

    left: str
    right: str
    strong: bool
    reason: str
    score: float
    by_document: bool = False


class Candidates(NamedTuple):
    """Known names that new ones must be compared with, complete up to ``arrival``."""

    arrival: int
    keys: tuple[str, ...]


class RelationMention(NamedTuple):
    """What a passage (``start`` to ``end``) says of two mentions of the document, given by their numbers in its order."""

    subject: int
    predicate: str
    object: int
    start: int
    end: int
    confidence: float


class Evidence(NamedTuple):
    """A passage that relates two names, by id; offsets into the canonical text."""

    subject: str
    predicate: str
    object: str
    start: int
    end: int
    confidence: float
