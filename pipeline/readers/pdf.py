"""PDF: the text layer with a box for each word; pages without a usable layer become images."""

import ctypes
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

import numpy as np
import pypdfium2 as pdfium
import pypdfium2.raw as c
from numpy.typing import NDArray

from pipeline.model import Attachment, Box, DocumentInfo, Page, PageImage, ReadEvent, Word
from pipeline.readers.clean import clean, safe_name
from pipeline.readers.faults import Fault, bad
from pipeline.readers.formats import Format
from pipeline.readers.limits import Limits

# PDFium writes a hyphen at a line's end, with the line end after it, as U+FFFE.
_HYPHEN = "\ufffe"
_TOKEN = re.compile(rf"[^\s\0{_HYPHEN}]+{_HYPHEN}?|{_HYPHEN}|[\s\0]+")
_LIGATURES = {0xFB00: "ff", 0xFB01: "fi", 0xFB02: "fl", 0xFB03: "ffi", 0xFB04: "ffl", 0xFB05: "st", 0xFB06: "st"}
_LEFT_OUT = dict.fromkeys([*range(32), 0x7F, 0xAD, 0x200B, 0xFEFF, 0xFFFE, 0xFFFF])
_TRANSLATION = {**_LEFT_OUT, **_LIGATURES}
_PLAIN = re.compile(r"[\x21-\x7e\u00a1-\u00ac\u00ae-\u024f]+")
_ENCRYPTED = {c.FPDF_ERR_PASSWORD, c.FPDF_ERR_SECURITY}
_DRAWN_NOTES = {c.FPDF_ANNOT_WIDGET, c.FPDF_ANNOT_FREETEXT, c.FPDF_ANNOT_STAMP}
_UNIT = 1_000_000
_STRANGE = re.compile("[\0-\x08\ufffd\ue000-\uf8ff]")
_WORDLIKE = re.compile(r"[\w.\-\u2013\u2014\u2022\xb7|$\u20ac\xa3%]")
_SURROGATE = re.compile("[\ud800-\udfff]")

Corners = tuple[float, ...]

_STRAY = 5
_SCANT = 50


def read(path: Path, found: Format, limits: Limits, pages: range | None = None) -> Iterator[ReadEvent]:
    """Yield the document's pages, then the files attached to it; with ``pages`` those alone, if none the files alone."""
    with _opened(path) as document:
        count = len(document)
        if count == 0:
            raise bad(Fault.DAMAGED, "The PDF has no pages that can be read; it is damaged or incomplete.")
        if count > limits.pages:
            raise bad(Fault.TOO_LARGE)
        metadata = {key.lower(): value for key, value in document.get_metadata_dict().items() if value}
        yield DocumentInfo(found.media_type, metadata, count)
        numbers = range(1, count + 1) if pages is None else pages
        yield from _pages(document, numbers, limits)
        if not pages:
            yield from _attachments(document, limits)


def draw(path: Path, number: int, width: int, limits: Limits) -> PageImage:
    """A page in colour, as ``read`` sees it: its words' boxes fit."""
    with _opened(path) as document:
        if number > len(document):
            raise bad(Fault.NO_SUCH_PAGE)
        try:
            page = _with_notes_drawn(document, number - 1)
        except pdfium.PdfiumError as fault:
            raise bad(Fault.DAMAGED, "This page of the PDF is damaged.") from fault
        across, down = page.get_size()
        scale = width / max(across, 1.0)
        return _picture(number, page, min(scale, (limits.page_pixels / max(across * down, 1.0)) ** 0.5), grey=False)


@contextmanager
def _opened(path: Path) -> Iterator[pdfium.PdfDocument]:
    try:
        document = pdfium.PdfDocument(path)
    except pdfium.PdfiumError as fault:
        raise bad(Fault.ENCRYPTED if fault.err_code in _ENCRYPTED else Fault.DAMAGED) from fault
    try:
        yield document
    finally:
        document.close()


def _pages(document: pdfium.PdfDocument, numbers: Sequence[int], limits: Limits) -> Iterator[Page | PageImage]:
    lost = 0
    for number in numbers:
        try:
            yield _page(document, number - 1, limits)
        except (pdfium.PdfiumError, IndexError) as fault:
            lost += 1
            if lost == len(numbers):
                raise bad(Fault.DAMAGED) from fault
            yield Page(number, "", confidence=0.0)


def _page(document: pdfium.PdfDocument, index: int, limits: Limits) -> Page | PageImage:
    page = _with_notes_drawn(document, index)
    try:
        layer = page.get_textpage()
        try:
            text = _characters(layer)
            if _usable(text, layer, page):
                return _text_page(index + 1, text, layer, page)
        finally:
            layer.close()
        return _rendered(index + 1, page, limits)
    finally:
        page.close()


def _with_notes_drawn(document: pdfium.PdfDocument, index: int) -> pdfium.PdfPage:
    """The page with filled form fields and typed notes made part of its content, so that they are read like any text."""
    page = document[index]
    if _note_kinds(page) & _DRAWN_NOTES and c.FPDFPage_Flatten(page, c.FLAT_NORMALDISPLAY) == c.FLATTEN_SUCCESS:
        page.close()
        return document[index]
    return page


def _note_kinds(page: pdfium.PdfPage) -> set[int]:
    kinds = set()
    for index in range(min(c.FPDFPage_GetAnnotCount(page), 1000)):
        if note := c.FPDFPage_GetAnnot(page, index):
            kinds.add(c.FPDFAnnot_GetSubtype(note))
            c.FPDFPage_CloseAnnot(note)
    return kinds


def _characters(layer: pdfium.PdfTextPage) -> str:
    """The layer's characters, so many as PDFium counts; NUL where the font does not say which it is."""
    count = layer.count_chars()
    buffer = (ctypes.c_ushort * (count + 1))()
    written = c.FPDFText_GetText(layer, 0, count, buffer) if count else 0
    text = bytes(buffer).decode("utf-16-le", "surrogatepass")[: max(0, written - 1)]
    if len(text) == count and not _SURROGATE.search(text):
        return text
    return "".join(_character(layer.raw, index) for index in range(count))  # the quick way leaves characters out


def _character(raw: c.FPDF_TEXTPAGE, index: int) -> str:
    code = c.FPDFText_GetUnicode(raw, index)
    if code == 2 and c.FPDFText_IsHyphen(raw, index) == 1:
        return _HYPHEN
    return "\ufffd" if 0xD800 <= code < 0xE000 or code > 0x10FFFF else chr(code)


def _usable(text: str, layer: pdfium.PdfTextPage, page: pdfium.PdfPage) -> bool:
    """Whether the layer says what the page shows; a blank page needs no OCR either."""
    visible = sum(map(len, text.split())) - text.count("\0")
    if visible < _STRAY:
        return not _drawn(page)
    if visible < _SCANT and _image_share(page) > 0.5:
        return False
    return not _garbled(text, visible, layer)


def _garbled(text: str, visible: int, layer: pdfium.PdfTextPage) -> bool:
    """Glyphs without a meaning: unmapped, private use, or hardly a letter or digit among many signs."""
    if len(_STRANGE.findall(text)) > 0.3 * visible:
        return True
    sample = "".join(text[:3000].split())
    if len(sample) > _SCANT and len(_WORDLIKE.findall(sample)) < 0.4 * len(sample):
        return True
    indices = range(0, len(text), max(1, len(text) // 50))
    errors = sum(c.FPDFText_HasUnicodeMapError(layer, index) == 1 for index in indices)
    return bool(errors > 0.5 * len(indices))


def _objects(page: pdfium.PdfPage, *kinds: int) -> Iterator[pdfium.PdfObject]:
    return islice(page.get_objects(filter=kinds, max_depth=4), 5000)


def _drawn(page: pdfium.PdfPage) -> bool:
    """Whether the page shows anything besides text."""
    return next(_objects(page, c.FPDF_PAGEOBJ_IMAGE, c.FPDF_PAGEOBJ_PATH, c.FPDF_PAGEOBJ_SHADING), None) is not None


def _image_share(page: pdfium.PdfPage) -> float:
    """How much of the page its pictures cover; overlaps count twice."""
    width, height = page.get_size()
    covered = 0.0
    for picture in _objects(page, c.FPDF_PAGEOBJ_IMAGE):
        left, bottom, right, top = picture.get_bounds()
        covered += abs(right - left) * abs(top - bottom)
    return covered / max(float(width * height), 1.0)


def _text_page(number: int, raw: str, layer: pdfium.PdfTextPage, page: pdfium.PdfPage) -> Page:
    rectangle = _rectangles(layer)
    parts: list[str] = []
    spans: list[tuple[int, int]] = []
    corners: list[Corners] = []
    at = 0
    for token in _TOKEN.finditer(raw):
        piece, is_word = _piece(token[0])
        if is_word and (corner := rectangle(token.start(), token.end())):
            spans.append((at, at + len(piece.rstrip("\n"))))
            corners.append(corner)
        parts.append(piece)
        at += len(piece)
    width, height = page.get_size()
    words = _words(spans, corners, page)
    return Page(number, clean("".join(parts)).rstrip(), words=words, width=width, height=height)


def _piece(token: str) -> tuple[str, bool]:
    """What stands in the page's text for a token, and whether it is a word."""
    if token[0].isspace() or token[0] == "\0":
        return ("\n" * min(token.count("\n"), 2) or " ") if token.strip("\0") else "", False
    if _PLAIN.fullmatch(token):
        return token, True
    hyphen = token.endswith((_HYPHEN, "\xad"))
    word = token.translate(_TRANSLATION)
    return word + ("-\n" if token.endswith(_HYPHEN) else "-" if hyphen else ""), bool(word or hyphen)


def _rectangles(layer: pdfium.PdfTextPage) -> Callable[[int, int], Corners | None]:
    """A function that gives left, bottom, right and top, in page coordinates, of the characters from start to end."""
    left, top, right, bottom = (ctypes.c_double() for _ in range(4))
    places = [ctypes.byref(value) for value in (left, top, right, bottom)]
    count_rects, get_rect, raw = c.FPDFText_CountRects, c.FPDFText_GetRect, layer.raw

    def rectangle(start: int, end: int) -> Corners | None:
        count = count_rects(raw, start, end - start)
        found: Corners | None = None
        for index in range(count):
            get_rect(raw, index, *places)
            one = (left.value, bottom.value, right.value, top.value)
            found = one if found is None else (*map(min, found[:2], one[:2]), *map(max, found[2:], one[2:]))
        return found

    return rectangle


def _words(spans: list[tuple[int, int]], corners: list[Corners], page: pdfium.PdfPage) -> tuple[Word, ...]:
    """Turn page coordinates into fractions of the page as it is shown, whatever its rotation and crop."""
    if not spans:
        return ()
    boxes = np.asarray(corners, dtype=np.float64)
    origin, across, up = _axes(page)
    one = origin + boxes[:, 0:1] * across + boxes[:, 1:2] * up
    two = origin + boxes[:, 2:3] * across + boxes[:, 3:4] * up
    low = np.clip(np.minimum(one, two), 0, 1).tolist()
    high = np.clip(np.maximum(one, two), 0, 1).tolist()
    return tuple(Word(start, end, Box(*first, *last)) for (start, end), first, last in zip(spans, low, high, strict=True))


def _axes(page: pdfium.PdfPage) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Where page point (0, 0) lies on the shown page, and what one unit along each axis moves."""

    def shown(x: float, y: float) -> NDArray[np.float64]:
        across, down = ctypes.c_int(), ctypes.c_int()
        c.FPDF_PageToDevice(page, 0, 0, _UNIT, _UNIT, 0, x, y, across, down)
        return np.array([across.value, down.value]) / _UNIT

    size = max(*page.get_size(), 1.0)
    origin = shown(0, 0)
    return origin, (shown(size, 0) - origin) / size, (shown(0, size) - origin) / size


def _rendered(number: int, page: pdfium.PdfPage, limits: Limits) -> PageImage:
    width, height = page.get_size()
    pixels = max(width * height, 1.0) * (limits.dpi / 72) ** 2
    dpi = limits.dpi * min(1.0, (limits.page_pixels / pixels) ** 0.5)
    if max(width, height) * dpi / 72 > 60_000:
        dpi = 60_000 * 72 / max(width, height)
    return _picture(number, page, dpi / 72, grey=True)


def _picture(number: int, page: pdfium.PdfPage, scale: float, *, grey: bool) -> PageImage:
    bitmap = page.render(scale=scale, grayscale=grey, rev_byteorder=not grey)
    try:
        channels = 1 if grey else 3
        pixels = bitmap.to_numpy().reshape(bitmap.height, bitmap.width, -1)[:, :, :channels]
        dpi = min(10_000, max(1, round(scale * 72)))
        return PageImage(number, bitmap.width, bitmap.height, channels, pixels.tobytes(), dpi)
    finally:
        bitmap.close()


def _attachments(document: pdfium.PdfDocument, limits: Limits) -> Iterator[Attachment]:
    for index in range(min(document.count_attachments(), limits.attachments)):
        attachment = document.get_attachment(index)
        try:
            content = bytes(attachment.get_data())
            name = attachment.get_name()
        except pdfium.PdfiumError:
            continue
        yield Attachment(safe_name(name, f"attachment-{index + 1}"), content)
