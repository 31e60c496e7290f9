"""The canonical text of a document: fixed once; all offsets of chunks and mentions are offsets into it."""

import re
from collections.abc import Mapping, Sequence

from pipeline.model import Page, PageSpan

VERSION = "1"
"""Of the rules for categories."""
PAGE_BREAK = "\n\n"
"""Between the texts of two pages. It never changes: stored offsets depend on it."""

_BY_MEDIA_TYPE = (
    ("message/", "email"), ("audio/", "recording"), ("video/", "recording"), ("image/", "image"), ("text/html", "web page"),
    ("application/xhtml", "web page"), ("text/markdown", "note"), ("text/csv", "table"),
    ("application/vnd.openxmlformats-officedocument.spreadsheetml", "table"),
    ("application/vnd.openxmlformats-officedocument.presentationml", "presentation"),
)  # fmt: skip
_OPENING = 3000
_LONG = 12_000
_NOTE = 1500
_MAIL = re.compile(r"^[ \t]*from:.*\n(?:.*\n){0,6}?[ \t]*(?:to|sent|date|subject):", re.IGNORECASE | re.MULTILINE)
_BY_TEXT = tuple(
    (name, re.compile(pattern, re.IGNORECASE | re.MULTILINE))
    for name, pattern in (
        ("invoice", r"\b(?:invoice (?:no|number|date)|amount due|bill to|rechnungsnummer)\b"),
        ("contract", r"\b(?:this agreement is made|hereinafter|the parties (?:hereto|agree)|in witness whereof)\b"),
        ("letter", r"^\s*(?:dear\s+\S|to whom it may concern|sehr geehrte)"),
        ("minutes", r"^[^\w\n]*(?:minutes of|agenda)\b"),
        ("report", r"^[^\w\n]*(?:(?:\w+ ){0,3}report\b|(?:executive summary|table of contents|abstract|introduction)\s*$)"),
    )
)


def assemble(pages: Sequence[Page]) -> tuple[str, tuple[PageSpan, ...]]:
    """Join the pages' texts, in order, and say where each of them lies. A single page passes unchanged."""
    spans, at = [], 0
    for page in pages:
        end = at + len(page.text)
        spans.append(PageSpan(page.number, at, end, page.source, page.confidence))
        at = end + len(PAGE_BREAK)
    return PAGE_BREAK.join(page.text for page in pages), tuple(spans)


def category(media_type: str, text: str, metadata: Mapping[str, str]) -> str:
    """What kind of document it is, by its format and then by what its opening says.

    One of ``email``, ``recording``, ``image``, ``web page``, ``table``, ``presentation``, ``invoice``, ``contract``,
    ``letter``, ``minutes``, ``report``, ``note``, ``document``.
    """
    opening = text[:_OPENING]
    said = next((name for name, pattern in _BY_TEXT if pattern.search(opening)), "")
    by_format = next((name for start, name in _BY_MEDIA_TYPE if media_type.startswith(start)), "")
    if by_format == "email" or (not by_format and _MAIL.search(opening)):
        return "email"
    if by_format and not (said and by_format in {"image", "note"}):
        return by_format
    if said:
        return said
    if len(text) > _LONG or "report" in metadata.get("title", "").lower():
        return "report"
    return "note" if len(text) < _NOTE else "document"
