"""What was found in a document."""

from datetime import datetime
from enum import StrEnum
from typing import Any, Self

from pydantic import BaseModel, Field

from pipeline.api.answers import DocumentLine, line_fields
from pipeline.status import Status
from pipeline.stores.catalog import Facts


class Part(StrEnum):
    """What can be asked for."""

    PAGES = "pages"
    CHUNKS = "chunks"
    MENTIONS = "mentions"
    ENTITIES = "entities"
    RELATIONS = "relations"
    HISTORY = "history"


class PageText(BaseModel):
    """A page, or a recording; ``start`` and ``end`` are its place in the document's text."""

    number: int
    start: int
    end: int
    source: str = Field(description="text (a text layer), ocr or speech.")
    confidence: float
    width: float
    height: float
    text: str


class ChunkText(BaseModel):
    """A passage."""

    id: str
    start: int
    end: int
    heading: str
    text: str


class MentionIn(BaseModel):
    """A name where it stands."""

    start: int
    end: int
    type: str
    name: str
    confidence: float
    entity_id: str | None


class EntityIn(BaseModel):
    """Whom or what the document names, and how often."""

    id: str
    name: str
    type: str
    mentions: int


class RelationIn(BaseModel):
    """What the document says of two entities (ids); evidence: [start, end, confidence] of each passage."""

    subject: str
    predicate: str
    object: str
    evidence: list[tuple[int, int, float]]


class Event(BaseModel):
    """A step that was done, tried again, failed, crashed or cancelled."""

    step: str
    outcome: str
    started_at: datetime | None
    finished_at: datetime
    error_code: str | None
    error_message: str | None


class Parent(BaseModel):
    """The document that a file was in."""

    document_id: str
    source_path: str


class AttachedFile(Parent):
    """A file in the document, which is a document of its own."""

    status: Status


class Results(DocumentLine):
    """A document and what was found in it; what was not asked for is null."""

    sha256: str
    metadata: dict[str, Any]
    parent: Parent | None
    attachments: list[AttachedFile]
    pages: list[PageText] | None
    chunks: list[ChunkText] | None
    mentions: list[MentionIn] | None
    entities: list[EntityIn] | None
    relations: list[RelationIn] | None
    history: list[Event] | None

    @classmethod
    def of(cls, facts: Facts) -> Self:
        """From a document's facts with its text and what was found in it."""
        found: dict[str, Any] = {part.value: facts.get(part) for part in Part}
        if found["pages"] is not None:
            found["pages"] = [page | {"text": facts["text"][page["start"] : page["end"]]} for page in found["pages"]]
        told = {name: facts[name] for name in ("sha256", "metadata", "parent", "attachments")}
        return cls(**line_fields(facts), **told, **found)
