"""What is answered of entities."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Literal, Self

from pydantic import BaseModel, Field

from pipeline.model import EntityType, GraphEntity
from pipeline.stages.dates import Precision
from pipeline.stages.timeline import Entry
from pipeline.stores.catalog import Facts


class EntityLine(BaseModel):
    """A person, organisation, place or thing."""

    id: str
    name: str = Field(examples=["Ada Lovelace"])
    type: EntityType
    mentions: int
    documents: int

    @classmethod
    def of(cls, entity: GraphEntity) -> Self:
        """From what the database says."""
        return cls.model_validate(entity._asdict())


class Entities(BaseModel):
    """The most likely, or the most mentioned, first; ``next_cursor`` leads on."""

    entities: list[EntityLine]
    next_cursor: str | None


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


class Decision(BaseModel):
    """What a person decided: that the entities of these names are one, or that these spellings are another."""

    id: str
    kind: Literal["merge", "split"]
    names: list[str]
    reason: str
    by: str
    at: datetime
    holds: bool = Field(description="Whether no later decision says otherwise.")
    taken_back_by: str | None
    taken_back_at: datetime | None


class Entity(EntityLine):
    """All that is known of it; documents with most mentions first, 200 at most."""

    project: str
    aliases: list[Alias]
    in_documents: list[EntityDocument]
    merges: list[Merge]
    decisions: list[Decision]
    neighbours: list[Neighbour]


class Place(BaseModel):
    """A passage and where it stands; offsets are code points of the document's text, ends exclusive."""

    document_id: str
    source_path: str
    start: int
    end: int
    page: int | None
    seconds: float | None = Field(description="In a recording: from its start.")
    text: str


class MentionPassage(Place):
    """A name, and in ``text`` what stands around it; ``highlights``: [start, end] of the name in this text."""

    type: EntityType
    name: str
    confidence: float
    highlights: list[tuple[int, int]]

    @classmethod
    def of(cls, row: Facts) -> Self:
        """From a row of ``entity_mentions``."""
        at = row["start"] - row["text_start"]
        return cls(**row, highlights=[(at, min(row["end"] - row["text_start"], len(row["text"])))])


class EntityMentions(BaseModel):
    """By path and place; ``next_cursor`` leads on."""

    mentions: list[MentionPassage]
    next_cursor: str | None


class DatedPassage(Place):
    """The sentence; ``highlights`` are [start, end] of date and name in its text."""

    highlights: list[tuple[int, int]]


class TimelineEntry(BaseModel):
    """A moment; ``mentions`` counts the dates that stand so, ``passages`` shows the first five."""

    date: str = Field(description="A day, month or year as ISO 8601 writes it.", examples=["1941-05-03", "1941-05", "1941"])
    precision: Precision
    mentions: int
    passages: list[DatedPassage]


class Timeline(BaseModel):
    """The earliest first. ``more``: only the dates nearest to the name were taken."""

    entries: list[TimelineEntry]
    more: bool

    @classmethod
    def of(cls, entries: Iterable[Entry], *, more: bool) -> Self:
        """From what was read."""
        return cls(entries=[_entry(entry) for entry in entries], more=more)


def _entry(entry: Entry) -> TimelineEntry:
    passages: list[dict[str, Any]] = [passage._asdict() for passage in entry.passages]
    return TimelineEntry(
        date=entry.moment.text,
        precision=entry.moment.precision,
        mentions=entry.mentions,
        passages=[DatedPassage(**passage.pop("place"), **passage) for passage in passages],
    )
