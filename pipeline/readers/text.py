"""Text, Markdown, CSV and their like: unchanged but for decoding and line ends."""

import codecs
from collections.abc import Iterator
from pathlib import Path

from pipeline.model import DocumentInfo, Page, ReadEvent
from pipeline.readers.clean import clean
from pipeline.readers.faults import Fault, bad
from pipeline.readers.formats import Format, utf16_order
from pipeline.readers.limits import MEGABYTE, Limits

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_SAMPLE = 64 * 1024
# Scripts without Latin letters fill the upper half of the byte; Latin text touches it rarely, and is taken for cp1252.
_FOREIGN = ["cp1251", "koi8_r", "cp1253", "cp1255", "cp1256", "cp874", "shift_jis", "euc_jp", "gb18030", "big5", "euc_kr"]
_FOREIGN_SHARE = 0.45


def read(path: Path, found: Format, limits: Limits) -> Iterator[ReadEvent]:
    """Yield the whole text as one page."""
    if path.stat().st_size > limits.text_size * MEGABYTE:
        raise bad(Fault.TOO_LARGE)
    text, encoding = decode(path.read_bytes())
    yield DocumentInfo(found.media_type, {"encoding": encoding})
    yield Page(1, clean(text))


def decode(content: bytes, declared: str = "") -> tuple[str, str]:
    """Text and the name of its encoding: byte order mark, UTF-8, what was declared, what is likely; never an error."""
    for mark, codec in _MARKS:
        if content.startswith(mark):
            return content.decode(codec, "replace"), codec
    for codec in ("utf-8", utf16_order(content), declared):
        if codec and (text := _decoded(content, codec)) is not None:
            return text, codec
    codec = _likely(content)
    return content.decode(codec, "replace"), codec


def _decoded(content: bytes, codec: str) -> str | None:
    try:
        text = content.decode(codec)
    except (UnicodeError, LookupError, ValueError):
        return None
    return text if isinstance(text, str) else None


def _likely(content: bytes) -> str:
    """The encoding of bytes that are not Unicode."""
    from charset_normalizer import from_bytes

    sample = content[:_SAMPLE]
    if _mostly_utf8(sample):
        return "utf-8"
    dense = b"".join(sample.split())
    upper = len(dense.translate(None, bytes(range(128))))
    if upper < _FOREIGN_SHARE * len(dense):
        return "cp1252"
    best = from_bytes(sample, cp_isolation=_FOREIGN, preemptive_behaviour=False).best()
    return best.encoding if best else "cp1252"


def _mostly_utf8(sample: bytes) -> bool:
    """A file of UTF-8 with a few broken bytes in it."""
    broken = sample.decode("utf-8", "replace")
    strange = broken.count("\ufffd")
    other = sum(char > "\x7f" for char in broken) - strange
    return other > 4 * strange
