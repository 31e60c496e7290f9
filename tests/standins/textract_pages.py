"""Pages as Textract would see them: what is drawn on them, and the blocks that it would send."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

HEIGHT = 0.02
LETTER = 0.01


@dataclass(frozen=True)
class Line:
    """Words at a place; ``quarter`` turns, clockwise, that the page lies on its side by."""

    text: str
    left: float = 0.1
    top: float = 0.1
    confidence: float = 99.0
    quarter: int = 0


@dataclass(frozen=True)
class Table:
    """Cells of text, "" where there is nothing; a cell that begins with ``[`` is a check box."""

    rows: Sequence[Sequence[str]]
    left: float = 0.1
    top: float = 0.5
    column: float = 0.2


@dataclass(frozen=True)
class Pair:
    """A key and its value; they share a line unless the value has a place of its own."""

    key: str
    value: str
    left: float = 0.1
    top: float = 0.8
    value_at: tuple[float, float] | None = None


@dataclass(frozen=True)
class Sheet:
    """One page. ``parts`` are the layout: which of the lines belong together, in reading order."""

    lines: Sequence[Line] = ()
    tables: Sequence[Table] = ()
    pairs: Sequence[Pair] = ()
    parts: Sequence[Sequence[int]] = ()

    def blocks(self, number: int, features: Sequence[str] = ()) -> list[dict[str, Any]]:
        return _Drawing(number, features).draw(self)


class _Drawing:
    def __init__(self, number: int, features: Sequence[str]) -> None:
        self._number = number
        self._features = features
        self._ids = count()
        self._blocks: list[dict[str, Any]] = []

    def draw(self, sheet: Sheet) -> list[dict[str, Any]]:
        page = self._block("PAGE", 0, 0, 1, 1)
        lines = [self._line(line) for line in sheet.lines]
        tops = [line["Id"] for line in lines]
        for table in sheet.tables:
            tops += self._table(table)
        for pair in sheet.pairs:
            tops += self._pair(pair)
        if "LAYOUT" in self._features:
            for part in sheet.parts:
                block = self._block("LAYOUT_TEXT", 0, 0, 1, 1)
                _link(block, "CHILD", [lines[number]["Id"] for number in part])
                tops.append(block["Id"])
        _link(page, "CHILD", tops)
        return self._blocks

    def _line(self, line: Line) -> dict[str, Any]:
        block = self._block("LINE", *_turned(line, 0, len(line.text)), Text=line.text, Confidence=line.confidence)
        block["Geometry"]["Polygon"] = _polygon(line.quarter)
        ids = []
        at = 0
        for text in line.text.split():
            start = line.text.index(text, at)
            at = start + len(text)
            word = self._block("WORD", *_turned(line, start, at), Text=text, Confidence=line.confidence)
            ids.append(word["Id"])
        _link(block, "CHILD", ids)
        return block

    def _words(self, line: dict[str, Any]) -> list[str]:
        return list(line["Relationships"][0]["Ids"]) if "Relationships" in line else []

    def _table(self, table: Table) -> Iterator[str]:
        width = table.column * max(map(len, table.rows))
        cells: list[str] = []
        for row, texts in enumerate(table.rows):
            for column, text in enumerate(texts):
                left, top = table.left + column * table.column, table.top + row * 2 * HEIGHT
                words = []
                if text.startswith("["):
                    status = "SELECTED" if text == "[x]" else "NOT_SELECTED"
                    words = [self._block("SELECTION_ELEMENT", left, top, HEIGHT, HEIGHT, SelectionStatus=status)["Id"]]
                elif text:
                    line = self._line(Line(text, left, top))
                    yield line["Id"]
                    words = self._words(line)
                if "TABLES" in self._features:
                    place = {"RowIndex": row + 1, "ColumnIndex": column + 1, "RowSpan": 1, "ColumnSpan": 1}
                    cell = self._block("CELL", left, top, table.column, 2 * HEIGHT, **place)
                    _link(cell, "CHILD", words)
                    cells.append(cell["Id"])
        if "TABLES" in self._features:
            block = self._block("TABLE", table.left, table.top, width, len(table.rows) * 2 * HEIGHT)
            _link(block, "CHILD", cells)
            yield block["Id"]

    def _pair(self, pair: Pair) -> Iterator[str]:
        if pair.value_at:
            lines = [self._line(Line(pair.key, pair.left, pair.top)), self._line(Line(pair.value, *pair.value_at))]
        else:
            lines = [self._line(Line(f"{pair.key} {pair.value}", pair.left, pair.top))]
        yield from (line["Id"] for line in lines)
        if "FORMS" not in self._features:
            return
        words = [word for line in lines for word in self._words(line)]
        split = len(pair.key.split())
        value = self._block("KEY_VALUE_SET", *(pair.value_at or (pair.left, pair.top)), 0.1, HEIGHT, EntityTypes=["VALUE"])
        _link(value, "CHILD", words[split:])
        key = self._block("KEY_VALUE_SET", pair.left, pair.top, len(pair.key) * LETTER, HEIGHT, EntityTypes=["KEY"])
        _link(key, "VALUE", [value["Id"]])
        _link(key, "CHILD", words[:split])
        yield from (key["Id"], value["Id"])

    def _block(self, kind: str, left: float, top: float, width: float, height: float, **more: object) -> dict[str, Any]:
        box = {"Left": left, "Top": top, "Width": width, "Height": height}
        block = {
            "Id": f"{self._number}-{next(self._ids)}",
            "BlockType": kind,
            "Page": self._number,
            "Confidence": 99.0,
            "Geometry": {"BoundingBox": box},
            **more,
        }
        self._blocks.append(block)
        return block


def _turned(line: Line, start: int, end: int) -> tuple[float, float, float, float]:
    """The place of some letters of a line on the page as it lies."""
    left, width = line.left + start * LETTER, (end - start) * LETTER
    return (
        (left, line.top, width, HEIGHT),
        (1 - line.top - HEIGHT, left, HEIGHT, width),
        (1 - left - width, 1 - line.top - HEIGHT, width, HEIGHT),
        (line.top, 1 - left - width, HEIGHT, width),
    )[line.quarter]


def _polygon(quarter: int) -> list[dict[str, float]]:
    corners = [(0.0, 0.0), (1.0, 0.0), (1.0, 0.1), (0.0, 0.1)]
    for _ in range(quarter):
        corners = [(1 - y, x) for x, y in corners]
    return [{"X": x, "Y": y} for x, y in corners]


def _link(block: dict[str, Any], kind: str, ids: Sequence[str]) -> None:
    if ids:
        block.setdefault("Relationships", []).append({"Type": kind, "Ids": list(ids)})
