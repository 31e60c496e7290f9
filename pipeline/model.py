"""The values that travel between stages. Offsets are code points, end exclusive, unless a field says otherwise."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple, NewType

from pipeline.status import Step

DocumentId = NewType("DocumentId", str)
EntityId = NewType("EntityId", str)


class Source(StrEnum):
    """Where the text of a page came from."""

    TEXT = "text"
    OCR = "ocr"
    SPEECH = "speech"


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


class Box(NamedTuple):
    """A place on a page: fractions of its width and height (0 to 1), origin top left."""

    left: float
    top: float
    right: float
    bottom: float


class Word(NamedTuple):
    """A word of a page: offsets into the page's text, its box, and the engine's confidence (0 to 1)."""

    start: int
    end: int
    box: Box
    confidence: float = 1.0


class Segment(NamedTuple):
    """A stretch of speech: offsets into the page's text, seconds from the recording's start, confidence (0 to 1)."""

    start: int
    end: int
    begin_seconds: float
    end_seconds: float
    confidence: float = 1.0


@dataclass(frozen=True, slots=True)
class Page:
    """One page of text, or one recording. ``width`` and ``height`` are points (1/72 inch); 0 where there is no layout."""

    number: int
    text: str
    source: Source = Source.TEXT
    confidence: float = 1.0
    words: tuple[Word, ...] = ()
    segments: tuple[Segment, ...] = ()
    width: float = 0.0
    height: float = 0.0


@dataclass(frozen=True, slots=True)
class PageImage:
    """A page that must be read by OCR: raw rows of pixels, 8 bits a channel, ``channels`` 1 (grey) or 3 (RGB)."""

    number: int
    width: int
    height: int
    channels: int
    pixels: bytes
    dpi: int = 200


@dataclass(frozen=True, slots=True)
class Sound:
    """A recording: mono, 16,000 samples a second, signed 16-bit little-endian."""

    samples: bytes


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file inside a file; it becomes a document of its own."""

    name: str
    content: bytes


@dataclass(frozen=True, slots=True)
class DocumentInfo:
    """What a reader says of the file before its pages: media type by content, and metadata such as title or mail headers.

    ``pages`` is their number where single pages can be asked for, else 0.
    """

    media_type: str
    metadata: dict[str, str] = field(default_factory=dict)
    pages: int = 0


ReadEvent = DocumentInfo | Page | PageImage | Sound | Attachment


@dataclass(frozen=True, slots=True)
class PageSpan:
    """Where a page lies in the canonical text."""

    number: int
    start: int
    end: int
    source: Source
    confidence: float


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


class Engine(NamedTuple):
    """What a result was made by: part of the fingerprint of a step."""

    name: str
    version: str
    options: str = ""


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


class Usage(NamedTuple):
    """What one paid call used."""

    endpoint: str
    model: str
    input_tokens: int = 0
    output_tokens: int = 0
    pages: int = 0
    audio_seconds: float = 0.0


class Booking(NamedTuple):
    """A turn at a service with limits: where it was booked, and for how many tokens."""

    endpoint: str
    slot: int
    tokens: int


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


@dataclass(frozen=True, slots=True)
class EntityGraph:
    """Entities that changed because names were linked or parted: all that the graph must say of them.

    ``gone`` are ids that no longer stand for an entity of their own; ``mentions`` and ``relations`` are complete for
    ``entities``.
    """

    gone: tuple[str, ...]
    entities: tuple[GraphEntity, ...]
    mentions: tuple[GraphMention, ...]
    relations: tuple[GraphRelation, ...]


class Lease(NamedTuple):
    """The right to commit one step of one document; refused once a newer token was given.

    ``part`` is the number of the page range that it is for, from 1; 0: the whole document.
    """

    document_id: DocumentId
    step: Step
    token: int
    part: int = 0


class Verdict(StrEnum):
    """What the database answers to a request for a lease."""

    RUN = "run"
    DONE = "done"  # pass on to the next step
    TAKEN = "taken"  # another worker is at it
    EARLY = "early"  # an earlier step is missing
    GONE = "gone"  # deleted, ended, or not claimed


class Due(NamedTuple):
    """A document whose next step is to be started."""

    document_id: DocumentId
    step: Step


class Submission(NamedTuple):
    """A file to be queued; ``source_path`` is its name within the project."""

    source_path: str
    file_name: str
    storage_key: str
    size: int
    sha256: str


class Submitted(NamedTuple):
    """What became of a submission: submitted, known (nothing to do), changed (new content) or retried."""

    document_id: DocumentId
    source_path: str
    outcome: str


class Selection(NamedTuple):
    """Documents of a project; what is empty does not narrow it.

    ``ids`` and ``paths`` add up. A path selects the document and all that lies below it; ``*`` in it stands for any
    characters, ``?`` for one. ``statuses`` are those of ``status.parse_status``.
    """

    project: str
    ids: tuple[DocumentId, ...] = ()
    paths: tuple[str, ...] = ()
    statuses: tuple[str, ...] = ()


class Handled(NamedTuple):
    """What became of a document that was to be cancelled, retried, reprocessed or deleted."""

    document_id: DocumentId
    source_path: str
    outcome: str


class ObjectPlace(NamedTuple):
    """Where a file lies in a bucket of S3."""

    bucket: str
    key: str


class FailedPage(NamedTuple):
    """A page that an engine could not read, and why, in a sentence."""

    number: int
    reason: str


class StoredFile(NamedTuple):
    """Where a document's file lies and how it was called; ``split``: its page ranges are on their way."""

    storage_key: str
    file_name: str
    source_path: str
    depth: int
    project: str
    split: bool = False


class Job(NamedTuple):
    """The work of a service on a document.

    ``name`` is what the service knows it by, "" before it is submitted; ``attempt`` counts jobs from 1; ``waited`` is in
    seconds since it was submitted; ``content`` is the same as long as the file is.
    """

    name: str
    attempt: int
    waited: float
    content: str


@dataclass(frozen=True, slots=True)
class Reading:
    """The canonical text with its pages, and what the reader said of the file."""

    text: str
    media_type: str
    metadata: dict[str, str]
    pages: tuple[PageSpan, ...]


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


class Evidence(NamedTuple):
    """A passage that relates two names, by id; offsets into the canonical text."""

    subject: str
    predicate: str
    object: str
    start: int
    end: int
    confidence: float


class GraphWork(NamedTuple):
    """What is to be written to the graph now.

    ``parts``: of the document that asks; ``change``: entities whose names were linked or parted; ``figures``: for all
    documents written since they were last brought up to date, and empty as long as more documents are on their way;
    ``gone``: documents that are to be removed.
    """

    parts: tuple[DocumentGraph, ...]
    change: EntityGraph
    figures: GraphFigures
    gone: tuple[str, ...] = ()
