"""From Textract's blocks to a page of text.

Every word stands in the text once, where a person reads it:

- a word of a table in its row: a line for each row, a tab between cells, an empty line before and after the table;
- else a word of a key-value pair in the pair's own line, ``key: value``, where the key stands;
- else in its line; lines that stand side by side share one, with a tab between them.

Check boxes of tables and pairs are ``[x]`` or ``[ ]``. The order is that of the layout if it was asked for; without it,
columns of prose are read one after the other and all else row by row.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from statistics import median
from typing import NamedTuple

from pipeline.engines.ocr.layout import mean_confidence
from pipeline.engines.ocr.reading_order import in_rows
from pipeline.engines.ocr.textract_blocks import Block, PageBlocks
from pipeline.model import Box, Page, Source, Word

WORD_GAP, CELL_GAP, LINE_GAP, PARAGRAPH_GAP = " ", "\t", "\n", "\n\n"
PARAGRAPH_SPACE = 0.9  # of a line's height: more of it between two lines is a new paragraph

Piece = tuple[str, Block]
"""A word and what stands between it and the word before."""


class Region(NamedTuple):
    """Words that stay together; a ``block`` is a paragraph of its own."""

    box: Box
    pieces: list[Piece]
    block: bool = False


def page_of(blocks: PageBlocks, width: float = 0.0, height: float = 0.0) -> Page:
    """The page's text with its words; ``width`` and ``height`` in points, if they are known."""
    regions = _regions(blocks)
    paragraphs = _by_layout(blocks, regions) or _by_place(regions)
    pieces = [
        (PARAGRAPH_GAP if number == 0 else gap, word)
        for paragraph in paragraphs
        for number, (gap, word) in enumerate(paragraph)
    ]
    text, words = _written(pieces)
    confidence = mean_confidence(words) if words else 1.0
    return Page(blocks.number, text, Source.OCR, confidence, words, width=width, height=height)


def _written(pieces: Iterable[Piece]) -> tuple[str, tuple[Word, ...]]:
    parts: list[str] = []
    words: list[Word] = []
    at = 0
    for gap, word in pieces:
        gap = gap if parts else ""
        start = at + len(gap)
        at = start + len(word.text)
        parts += (gap, word.text)
        words.append(Word(start, at, word.box, word.confidence))
    return "".join(parts), tuple(words)


def _regions(blocks: PageBlocks) -> list[Region]:
    """Tables, then pairs of what is left, then lines of what is left."""
    quarter = _quarter(blocks)
    used: set[str] = set()
    regions: list[Region] = []

    def take(block: Block, pieces: list[Piece], *, whole: bool = False) -> None:
        if pieces:
            used.update(word.id for _, word in pieces)
            # A pair stands where its key stands, however far away its value is.
            shown = [block.box] if whole or block.role == "KEY" else [word.box for _, word in pieces]
            regions.append(Region(_upright(_around(shown), quarter), pieces, whole))

    for table in blocks.of_type("TABLE"):
        take(table, list(_table(blocks, table, used)), whole=True)
    for key in blocks.of_type("KEY_VALUE_SET"):
        if key.role == "KEY":
            take(key, _pair(blocks, key, used))
    for line in blocks.of_type("LINE"):
        take(line, [(WORD_GAP, word) for word in blocks.words(line) if word.id not in used])
    return regions


def _table(blocks: PageBlocks, table: Block, used: set[str]) -> Iterator[Piece]:
    cells = sorted(
        (cell for cell in blocks.children(table) if cell.type == "CELL"), key=lambda cell: (cell.row, cell.column)
    )
    for _, row in groupby(cells, key=lambda cell: cell.row):
        gap, column = LINE_GAP, 1
        for cell in row:
            words = [word for word in blocks.words(cell) if word.id not in used]
            for number, word in enumerate(words):
                yield (WORD_GAP if number else gap + CELL_GAP * (cell.column - column)), word
            if words:
                gap, column = "", cell.column


def _pair(blocks: PageBlocks, key: Block, used: set[str]) -> list[Piece]:
    """The words of both, or none: a key without a value stays in its line, and so does a pair that a table holds."""
    left = list(blocks.words(key))
    right = [word for value in blocks.children(key, "VALUE") for word in blocks.words(value)]
    if not left or not right or any(word.id in used for word in (*left, *right)):
        return []
    between = WORD_GAP if left[-1].text.endswith(":") else ": "
    return [
        *((WORD_GAP, word) for word in left),
        *((between if number == 0 else WORD_GAP, word) for number, word in enumerate(right)),
    ]


def _by_layout(blocks: PageBlocks, regions: Sequence[Region]) -> list[list[Piece]]:
    """A paragraph for each block of the layout, in its order; empty if there is no layout."""
    order: dict[str, tuple[int, int]] = {}
    for part, block in enumerate(blocks.of_type("LAYOUT_")):
        for word in blocks.words(block):
            order.setdefault(word.id, (part, len(order)))
    if not order:
        return []
    last = (len(blocks.by_id), 0)

    def place(region: Region) -> tuple[int, int]:
        return min((order.get(word.id, last) for _, word in region.pieces), default=last)

    ordered = sorted(regions, key=place)
    return [paragraph for _, part in groupby(ordered, key=lambda region: place(region)[0]) for paragraph in _stacked(part)]


def _stacked(regions: Iterable[Region]) -> list[list[Piece]]:
    """Regions of one part of the layout, one below the other; tables stand alone."""
    paragraphs: list[list[Piece]] = []
    for block, group in groupby(regions, key=lambda region: region.block):
        rows = [region.pieces for region in group]
        paragraphs += rows if block else [_joined(rows, LINE_GAP)]
    return paragraphs


def _by_place(regions: Sequence[Region]) -> list[list[Piece]]:
    rows = in_rows(regions, lambda region: region.box)
    space = PARAGRAPH_SPACE * median([_height(region) for region in regions if not region.block] or [0.0])
    paragraphs: list[list[Piece]] = []
    before: list[Region] = []
    for row in rows:
        pieces = _joined([region.pieces for region in row], CELL_GAP)
        if before and not _apart(before, row, space):
            paragraphs[-1] += _joined([[], pieces], LINE_GAP)
        else:
            paragraphs.append(pieces)
        before = row
    return paragraphs


def _apart(before: Sequence[Region], row: Sequence[Region], space: float) -> bool:
    """Whether a row begins a paragraph: a table does, and what is far below or in the next column."""
    bottom, top = max(region.box.bottom for region in before), min(region.box.top for region in row)
    return any(region.block for region in (*before, *row)) or not -2 * space < top - bottom <= space


def _joined(rows: Sequence[list[Piece]], gap: str) -> list[Piece]:
    """All pieces; the first of each row but the first after ``gap``."""
    return [
        (gap if number and not place else own, word)
        for number, row in enumerate(rows)
        for place, (own, word) in enumerate(row)
    ]


def _height(region: Region) -> float:
    return region.box.bottom - region.box.top


def _quarter(blocks: PageBlocks) -> int:
    """How most of the lines are turned."""
    turns = [0, 0, 0, 0]
    for line in blocks.of_type("LINE"):
        turns[line.quarter] += len(line.text)
    return turns.index(max(turns))


def _upright(box: Box, quarter: int) -> Box:
    """The box on the page turned so that its text stands upright."""
    left, top, right, bottom = box
    return (
        box,
        Box(top, 1 - right, bottom, 1 - left),
        Box(1 - right, 1 - bottom, 1 - left, 1 - top),
        Box(1 - bottom, left, 1 - top, right),
    )[quarter]


def _around(boxes: Sequence[Box]) -> Box:
    lefts, tops, rights, bottoms = zip(*boxes, strict=True)
    return Box(min(lefts), min(tops), max(rights), max(bottoms))
