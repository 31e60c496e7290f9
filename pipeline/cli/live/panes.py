"""A table that keeps its place while its rows change, and fits the width that it has."""

from typing import ClassVar, Literal

from rich.text import Text
from textual.binding import Binding, BindingType
from textual.widgets import DataTable
from textual.widgets.data_table import ColumnKey

from pipeline.cli.glance import NUMBERS, short
from pipeline.cli.live.keys import KEYS
from pipeline.cli.live.screen import Line, Pane

BETWEEN = 2  # columns of padding around a cell
SCROLLBAR = 2
KEY = next(key for key in KEYS if key.key == "enter")


class Table(DataTable[object]):
    """Shows a ``Pane``."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding(KEY.key, f"app.{KEY.action}", KEY.word)]

    def __init__(self, name: str) -> None:
        super().__init__(id=name, cursor_type="row", zebra_stripes=False)
        self._lines: list[Line] = []
        self._pane: Pane | None = None
        self._wide = 0

    @property
    def line(self) -> Line | None:
        """The row under the cursor."""
        return self._lines[self.cursor_row] if 0 <= self.cursor_row < len(self._lines) else None

    def show(self, pane: Pane) -> None:
        """Show it; the cursor stays on the row that it is on."""
        self._pane = pane
        before = self.line
        self.border_title = pane.title
        width = self.size.width
        if width != self._wide or len(self.columns) != len(pane.columns):
            self._wide = width
            self.clear(columns=True)
            for name, given in pane.columns:
                justify: Literal["left", "right"] = "right" if name in NUMBERS else "left"
                self.add_column(Text(name, justify=justify), width=given or self._left(pane), key=name or "note")
        else:
            self.clear()
        self._lines = pane.lines
        for line in pane.lines:
            self.add_row(
                *(self._cell(name, cell) for (name, _), cell in zip(pane.columns, line.cells, strict=True)), key=line.id
            )
        if before:
            place = next((n for n, line in enumerate(pane.lines) if line.id == before.id), self.cursor_row)
            self.move_cursor(row=min(place, len(pane.lines) - 1), scroll=False)

    def on_resize(self) -> None:
        """The widths follow."""
        if self._pane and self.size.width != self._wide:
            self.show(self._pane)

    def _left(self, pane: Pane) -> int:
        """The width of a column that has none of its own; several share it."""
        taken = sum(width for _, width in pane.columns) + BETWEEN * len(pane.columns) + SCROLLBAR
        return max(8, (self.size.width - taken) // sum(not width for _, width in pane.columns))

    def _cell(self, column: str, cell: Text) -> Text:
        text = cell.copy()
        if column == "document":
            text.plain = short(text.plain, self.columns[ColumnKey(column)].width)
        text.no_wrap, text.overflow = True, "ellipsis"
        text.justify = "right" if column in NUMBERS else "left"
        return text
