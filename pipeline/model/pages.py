"""What a reader and OCR make of a file, and where its pages lie in the canonical text."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple


class Source(StrEnum):
    """Where the text of a page came from."""

    TEXT = "text"
    OCR = "ocr"
    SPEECH = "speech"


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
class Reading:
    """The canonical text with its pages, and what the reader said of the file."""

    text: str
    media_type: str
    metadata: dict[str, str]
    pages: tuple[PageSpan, ...]


class FailedPage(NamedTuple):
    """A page that an engine could not read, and why, in a sentence."""

    number: int
    reason: str
