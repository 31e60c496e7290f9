"""OpenDocument text, slides and sheets, zipped or flat: headers, body with headings, tables and notes, then footers."""

from collections.abc import Iterator
from pathlib import Path

from lxml import etree

from pipeline.model import DocumentInfo, Page, ReadEvent
from pipeline.readers.archive import local_name, opened, parsed
from pipeline.readers.clean import tidy
from pipeline.readers.faults import Fault, bad
from pipeline.readers.formats import Format
from pipeline.readers.limits import Limits

_SKIPPED = {"tracked-changes", "forms", "sequence-decls", "settings", "scripts", "font-face-decls", "automatic-styles",
            "binary-data", "event-listeners", "note-citation", "desc", "styles", "meta"}  # fmt: skip
_MAX_DEPTH = 250
_MAX_REPEAT = 100


def read(path: Path, found: Format, limits: Limits) -> Iterator[ReadEvent]:
    """Yield the document's text as one page."""
    if found.media_type.endswith("-flat-xml"):
        roots = [parsed(path.read_bytes())]
    else:
        with opened(path, limits) as archive:
            if b"manifest:encryption-data" in archive.optional("META-INF/manifest.xml"):
                raise bad(Fault.ENCRYPTED)
            roots = [archive.xml(name) for name in ("styles.xml", "content.xml") if name in archive.names]
    yield DocumentInfo(found.media_type)
    yield Page(1, tidy("\n\n".join([*_edges(roots, "header"), *_bodies(roots), *_edges(roots, "footer")])))


def _bodies(roots: list[etree._Element]) -> Iterator[str]:
    for root in roots:
        for body in root.iterchildren("{*}body"):
            yield "".join(_blocks(body, 0))


def _edges(roots: list[etree._Element], kind: str) -> list[str]:
    """Headers or footers of all master pages, each different text once."""
    found = (
        tidy("".join(_blocks(edge, 0))) for root in roots for edge in root.iterfind(f".//{{*}}master-page//{{*}}{kind}")
    )
    return list(dict.fromkeys(text for text in found if text))


def _attribute(element: etree._Element, name: str) -> str:
    return next((str(value) for key, value in element.attrib.items() if str(key).endswith("}" + name)), "")


def _blocks(parent: etree._Element, depth: int) -> Iterator[str]:
    if depth > _MAX_DEPTH:
        raise bad(Fault.TOO_COMPLEX)
    for element in parent:
        tag = local_name(element)
        if tag == "h":
            level = _attribute(element, "outline-level")
            yield f"\n\n{'#' * min(6, int(level) if level.isdigit() else 1)} {_inline(element, depth).strip()}\n\n"
        elif tag == "p":
            yield _inline(element, depth) + "\n"
        elif tag == "table-row":
            yield _row(element, depth) + "\n"
        elif tag not in _SKIPPED:
            yield from _blocks(element, depth + 1)
            yield "\n" if tag in {"page", "table", "list", "frame"} else ""


def _row(row: etree._Element, depth: int) -> str:
    """Cells apart by tabs; a cell that stands for a few equal ones is written as often, empty ones at the end are not."""
    cells: list[str] = []
    for cell in row.iterchildren("{*}table-cell", "{*}covered-table-cell"):
        repeat = _attribute(cell, "number-columns-repeated")
        text = tidy("".join(_blocks(cell, depth + 1))).replace("\n\n", "\n")
        cells += [text] * (min(int(repeat), _MAX_REPEAT) if repeat.isdigit() else 1)
    return "\t".join(cells).rstrip("\t")


def _inline(paragraph: etree._Element, depth: int) -> str:
    """A paragraph's text; notes, comments and frames in it follow on lines of their own."""
    below: list[str] = []
    text = "".join(_pieces(paragraph, below, depth))
    return "\n".join([text, *below])


def _pieces(parent: etree._Element, below: list[str], depth: int) -> Iterator[str]:
    if depth > _MAX_DEPTH:
        raise bad(Fault.TOO_COMPLEX)
    yield parent.text or ""
    for element in parent:
        tag = local_name(element)
        if tag == "s":
            yield " "
        elif tag in {"tab", "line-break"}:
            yield "\t" if tag == "tab" else "\n"
        elif tag in {"note", "annotation", "frame", "custom-shape", "text-box"}:
            below.append(tidy("".join(_blocks(element, depth + 1))))
        elif tag and tag not in _SKIPPED:
            yield from _pieces(element, below, depth + 1)
        yield element.tail or ""
