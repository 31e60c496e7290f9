"""How events travel from the reading process: a JSON header and raw bytes, never pickle.

The reading process is not trusted. Whoever receives checks every size and number before it is used.
"""

import json
import struct
from collections.abc import Callable
from typing import Any

import numpy as np

from pipeline.model import Attachment, Box, DocumentInfo, Page, PageImage, ReadEvent, Sound, Word
from pipeline.readers.clean import clean, safe_name
from pipeline.readers.limits import MEGABYTE, Limits

PREFIX = struct.Struct(">IQ")
MAX_HEADER = MEGABYTE
MAX_PAGES = 1_000_000
_WORD = np.dtype([("start", "<i4"), ("end", "<i4"), ("box", "<f4", 4), ("confidence", "<f4")])
_MAX_WORD_BYTES = 64 * MEGABYTE
_METADATA = 50, 2000

Header = dict[str, Any]


class Violation(ValueError):
    """The other side sent what no honest reader sends."""


def pack(header: Header, body: bytes = b"") -> bytes:
    """The start of a frame; ``body`` follows it."""
    line = json.dumps(header).encode("ascii")
    return PREFIX.pack(len(line), len(body)) + line


def encode(event: ReadEvent | None) -> tuple[Header, bytes]:
    """Header and body of an event; None is a sign of life."""
    match event:
        case None:
            return {"kind": "alive"}, b""
        case DocumentInfo():
            head = {"media_type": event.media_type, "metadata": _short(event.metadata), "pages": event.pages}
            return {"kind": "info", **head}, b""
        case Page():
            return _encode_page(event)
        case PageImage():
            size = {"width": event.width, "height": event.height, "channels": event.channels, "dpi": event.dpi}
            return {"kind": "image", "number": event.number, **size}, event.pixels
        case Sound():
            return {"kind": "sound"}, event.samples
        case Attachment():
            return {"kind": "attachment", "name": event.name}, event.content


def _short(metadata: dict[str, str]) -> dict[str, str]:
    most, longest = _METADATA
    return {key[:100]: clean(str(value))[:longest] for key, value in list(metadata.items())[:most]}


def _encode_page(page: Page) -> tuple[Header, bytes]:
    text = page.text.encode()
    words = np.zeros(len(page.words), _WORD)
    if page.words:
        words["start"], words["end"], words["box"], words["confidence"] = (
            list(column) for column in zip(*page.words, strict=True)
        )
    header = {"kind": "page", "number": page.number, "text": len(text), "confidence": page.confidence}
    return {**header, "width": page.width, "height": page.height}, text + words.tobytes()


def longest_body(kind: str, limits: Limits) -> int:
    """Most bytes that may follow a header of this kind."""
    longest = {
        "page": limits.text_size * MEGABYTE + _MAX_WORD_BYTES,
        "image": 3 * limits.page_pixels,
        "sound": limits.sound_seconds * 32_000 + MEGABYTE,
        "attachment": limits.attachment_size * MEGABYTE,
    }
    return longest.get(kind, 0)


def decode(header: Header, body: bytes) -> ReadEvent:
    """The event, after every check.

    Raises:
        Violation: anything is not as ``encode`` makes it.
    """
    decoders: dict[str, Callable[[Header, bytes], ReadEvent]] = {
        "info": lambda head, _: DocumentInfo(
            _text(head, "media_type"), _metadata(head), int(_number(head, "pages", 0, MAX_PAGES))
        ),
        "page": _decode_page,
        "image": _decode_image,
        "sound": lambda _, samples: Sound(samples[: len(samples) & ~1]),
        "attachment": lambda head, content: Attachment(safe_name(_text(head, "name"), "attachment"), content),
    }
    if (decoder := decoders.get(_text(header, "kind"))) is None:
        raise Violation("kind")
    return decoder(header, body)


def _text(header: Header, key: str) -> str:
    value = header.get(key)
    if not isinstance(value, str):
        raise Violation(key)
    return clean(value)


def _metadata(header: Header) -> dict[str, str]:
    value = header.get("metadata")
    if not isinstance(value, dict):
        raise Violation("metadata")
    return {clean(str(key)): clean(str(text)) for key, text in value.items()}


def _number(header: Header, key: str, low: float, high: float) -> float:
    value = header.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise Violation(key)
    return value


def _decode_image(header: Header, body: bytes) -> PageImage:
    number, width, height = (int(_number(header, key, 1, MAX_PAGES)) for key in ("number", "width", "height"))
    channels, dpi = int(_number(header, "channels", 1, 3)), int(_number(header, "dpi", 1, 10_000))
    if channels == 2 or width * height * channels != len(body):
        raise Violation("pixels")
    return PageImage(number, width, height, channels, body, dpi)


def _decode_page(header: Header, body: bytes) -> Page:
    at = int(_number(header, "text", 0, len(body)))
    if (len(body) - at) % _WORD.itemsize:
        raise Violation("words")
    try:
        text = body[:at].decode()
    except UnicodeDecodeError as fault:
        raise Violation("text") from fault
    if text != clean(text):
        raise Violation("text")
    return Page(
        int(_number(header, "number", 1, MAX_PAGES)),
        text,
        confidence=_number(header, "confidence", 0, 1),
        words=_decode_words(np.frombuffer(body, _WORD, offset=at), text),
        width=_number(header, "width", 0, 1e9),
        height=_number(header, "height", 0, 1e9),
    )


def _decode_words(words: np.ndarray[Any, Any], text: str) -> tuple[Word, ...]:
    """Words in order, not overlapping, inside the text and on the page."""
    if not len(words):
        return ()
    starts, ends, boxes = words["start"], words["end"], words["box"]
    in_order = (starts < ends).all() and (starts[1:] >= ends[:-1]).all() and starts[0] >= 0 and ends[-1] <= len(text)
    on_page = (
        ((boxes >= 0) & (boxes <= 1)).all() and (boxes[:, 0] <= boxes[:, 2]).all() and (boxes[:, 1] <= boxes[:, 3]).all()
    )
    sure = ((words["confidence"] >= 0) & (words["confidence"] <= 1)).all()
    if not (in_order and on_page and sure):
        raise Violation("words")
    rows = zip(starts.tolist(), ends.tolist(), boxes.tolist(), words["confidence"].tolist(), strict=True)
    return tuple(Word(start, end, Box(*box), confidence) for start, end, box, confidence in rows)
