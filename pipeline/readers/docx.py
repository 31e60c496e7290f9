"""Word: headers, body with headings, tables, text boxes and notes where they belong, then footers and comments."""

import posixpath
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from lxml import etree

from pipeline.model import Attachment, DocumentInfo, Page, ReadEvent
from pipeline.readers.archive import Archive, local_name, opened
from pipeline.readers.clean import safe_name, tidy
from pipeline.readers.docx_numbers import Numbers, Place, attribute, place_of
from pipeline.readers.faults import Fault, bad
from pipeline.readers.formats import Format
from pipeline.readers.limits import Limits

_SKIPPED = {"del", "moveFrom", "instrText", "delText", "pPr", "rPr", "tblPr", "tcPr", "trPr", "sectPr", "sdtPr", "Fallback",
            "tblGrid", "fldData", "docPr", "cNvPr", "rubyPr", "rt"}  # fmt: skip
_SIGNS = {"tab": "\t", "br": "\n", "cr": "\n", "noBreakHyphen": "-", "ptab": "\t"}
_NOTE_PARTS = {"footnoteReference": "footnotes", "endnoteReference": "endnotes"}
_MAX_DEPTH = 250
_HARDLY = 10


def read(path: Path, found: Format, limits: Limits) -> Iterator[ReadEvent]:
    """Yield the document's text as one page, then the files embedded in it."""
    with opened(path, limits) as archive:
        main = _main_part(archive)
        yield DocumentInfo(found.media_type, _properties(archive))
        text = tidy(_Document(archive, main).text())
        yield Page(1, text)
        inserted = [part for kind, part in _relations(archive, main) if kind == "aFChunk"]
        for name in [*inserted, *embedded(archive, text)][: limits.attachments]:
            yield Attachment(safe_name(name, "embedded"), archive.read(name))


def embedded(archive: Archive, text: str) -> list[str]:
    """Names of the files in an office file; of its pictures too where there is hardly any text, as in a scan."""
    folders = ("embeddings", "media") if len(text.split()) < _HARDLY else ("embeddings",)
    kinds = (".bin", ".emf", ".wmf", ".rels", "/")
    return [
        name for name in sorted(archive.names) if name.split("/")[1:2] in ([f] for f in folders) and not name.endswith(kinds)
    ]


def _relations(archive: Archive, part: str) -> list[tuple[str, str]]:
    """(kind, part) of everything that a part refers to inside the archive."""
    folder, base = posixpath.split(part)
    name = posixpath.join(folder, "_rels", base + ".rels")
    if name not in archive.names:
        return []
    found = []
    for relation in archive.xml(name):
        if local_name(relation) == "Relationship" and relation.get("TargetMode") != "External":
            target = posixpath.normpath(posixpath.join("/" + folder, relation.get("Target", ""))).lstrip("/")
            found.append((relation.get("Type", "").rpartition("/")[2], target))
    return found


def _main_part(archive: Archive) -> str:
    for kind, part in _relations(archive, ""):
        if kind == "officeDocument" and part in archive.names:
            return part
    if "word/document.xml" not in archive.names:
        raise bad(Fault.DAMAGED)
    return "word/document.xml"


def _properties(archive: Archive) -> dict[str, str]:
    if "docProps/core.xml" not in archive.names:
        return {}
    wanted = {"title", "creator", "subject", "created", "modified", "lastModifiedBy"}
    return {
        local_name(item): item.text for item in archive.xml("docProps/core.xml") if local_name(item) in wanted and item.text
    }


class _Style(NamedTuple):
    """A paragraph style: level of a heading (0 for none), and the list that it belongs to."""

    level: int = 0
    place: Place | None = None


def _heading_level(name: str) -> int:
    if name == "title":
        return 1
    return min(6, max(1, int(name[8:]))) if name.startswith("heading ") and name[8:].isdigit() else 0


class _Document:
    """One reading of a document: knows its notes, styles and lists."""

    def __init__(self, archive: Archive, main: str) -> None:
        self._archive = archive
        self._main = main
        self._parts: dict[str, list[str]] = {}
        for kind, part in _relations(archive, main):
            if part in archive.names:
                self._parts.setdefault(kind, []).append(part)
        self._notes = {kind: self._by_id(kind) for kind in ("footnotes", "endnotes", "comments")}
        self._styles_by_id = self._styles()
        numbering = next(iter(self._parts.get("numbering", ())), "")
        self._numbers = Numbers(archive.xml(numbering) if numbering else None)

    def text(self) -> str:
        """All of it, in reading order."""
        body = "".join(self._blocks(self._archive.xml(self._main), 0))
        return "\n\n".join([*self._edges("header"), body, *self._edges("footer"), *self._comments()])

    def _by_id(self, kind: str) -> dict[str, etree._Element]:
        found = {}
        for part in self._parts.get(kind, ()):
            for note in self._archive.xml(part):
                if attribute(note, "type") not in {"separator", "continuationSeparator", "continuationNotice"}:
                    found[attribute(note, "id")] = note
        return found

    def _styles(self) -> dict[str, _Style]:
        """What each paragraph style means, with what it takes over from the style that it is based on."""
        found: dict[str, _Style] = {}
        for part in self._parts.get("styles", ()):
            for item in self._archive.xml(part).iterfind("./{*}style"):
                values = {local_name(child): attribute(child, "val") for child in item}
                base = found.get(values.get("basedOn", ""), _Style())
                level = _heading_level(values.get("name", "").lower()) or base.level
                found[attribute(item, "styleId")] = _Style(level, place_of(item.find("./{*}pPr")) or base.place)
        return found

    def _edges(self, kind: str) -> list[str]:
        """Headers or footers, each different text once."""
        texts = (tidy("".join(self._blocks(self._archive.xml(part), 0))) for part in sorted(self._parts.get(kind, ())))
        return list(dict.fromkeys(text for text in texts if text))

    def _comments(self) -> Iterator[str]:
        for comment in self._notes["comments"].values():
            if text := tidy("".join(self._blocks(comment, 0))):
                author = attribute(comment, "author")
                yield f"[{author}: {text}]" if author else f"[{text}]"

    def _blocks(self, parent: etree._Element, depth: int) -> Iterator[str]:
        """Paragraphs and tables below ``parent``."""
        if depth > _MAX_DEPTH:
            raise bad(Fault.TOO_COMPLEX)
        for element in parent:
            tag = local_name(element)
            if tag == "p":
                yield self._paragraph(element, depth)
            elif tag == "tbl":
                yield self._table(element, depth)
            elif tag not in _SKIPPED:
                yield from self._blocks(element, depth + 1)

    def _paragraph(self, paragraph: etree._Element, depth: int) -> str:
        boxes: list[etree._Element] = []
        notes: list[etree._Element] = []
        text = "".join(self._runs(paragraph, boxes, notes, depth))
        if text.strip():
            text = self._marked(paragraph, text)
        below = ["".join(self._blocks(element, depth + 1)) for element in [*boxes, *notes]]
        return "\n".join([text, *below]) + "\n"

    def _marked(self, paragraph: etree._Element, text: str) -> str:
        """The text with its number, and as a heading if it is one."""
        properties = paragraph.find("./{*}pPr")
        named = properties.find("./{*}pStyle") if properties is not None else None
        style = self._styles_by_id.get(attribute(named, "val"), _Style()) if named is not None else _Style()
        text = self._numbers.label(place_of(properties) or style.place) + text
        return f"\n\n{'#' * style.level} {text.strip()}\n" if style.level else text

    def _runs(
        self, parent: etree._Element, boxes: list[etree._Element], notes: list[etree._Element], depth: int
    ) -> Iterator[str]:
        """The paragraph's own text; text boxes and notes met on the way are put aside."""
        if depth > _MAX_DEPTH:
            raise bad(Fault.TOO_COMPLEX)
        for element in parent:
            tag = local_name(element)
            if tag == "t":
                yield element.text or ""
            elif tag in _SIGNS:
                yield _SIGNS[tag]
            elif tag == "txbxContent":
                boxes.append(element)
            elif tag in _NOTE_PARTS:
                note = self._notes[_NOTE_PARTS[tag]].pop(attribute(element, "id"), None)
                if note is not None:
                    notes.append(note)
            elif tag == "AlternateContent":
                yield from self._runs(_choice(element), boxes, notes, depth + 1)
            elif tag not in _SKIPPED:
                yield from self._runs(element, boxes, notes, depth + 1)

    def _table(self, table: etree._Element, depth: int) -> str:
        """A line a row, cells apart by tabs."""
        rows = []
        for row in table.iterchildren("{*}tr", "{*}sdt", "{*}ins"):
            cells = row.iter("{*}tc") if local_name(row) != "tr" else row.iterfind("./{*}tc")
            nested = row.iterfind("./{*}sdt//{*}tc") if local_name(row) == "tr" else ()
            texts = [tidy("".join(self._blocks(cell, depth + 1))) for cell in [*cells, *nested]]
            rows.append("\t".join(text.replace("\n\n", "\n") for text in texts))
        return "\n" + "\n".join(rows) + "\n\n"


def _choice(alternatives: etree._Element) -> etree._Element:
    """The newer of two ways in which the same thing is stored."""
    return next((item for item in alternatives if local_name(item) == "Choice"), alternatives)
