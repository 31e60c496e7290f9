"""How things are written for people: names made safe, times and counts made readable, one console."""

import sys
import unicodedata
from functools import cache

from rich.console import Console
from rich.table import Table

from pipeline.status import Family, Status

WIDEST = 10_000
_UNSAFE = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}
_KEPT = {"\u200c", "\u200d"}  # joiners that some scripts need

COLOURS = {Status.COMPLETED: "green", Status.PARTIAL_ERROR: "yellow", Status.ERROR: "red", Status.CANCELLED: "yellow"}
FAMILIES = {Family.OCR: "read", Family.TEXT: "text", Family.ENTITY: "entities", Family.GRAPH: "graph"}


@cache
def console() -> Console:
    """The console of this process: no markup, no highlighting, and no wrapping where its output is not a terminal."""
    wide = None if sys.stdout.isatty() else WIDEST
    return Console(markup=False, highlight=False, emoji=False, soft_wrap=False, width=wide)


def plain(text: str) -> str:
    """Text with every character escaped that could move the cursor, turn the direction or break the line."""
    return "".join(_escaped(c) if unicodedata.category(c) in _UNSAFE and c not in _KEPT else c for c in text)


def flat(text: str) -> str:
    """A passage on one line, safe to print."""
    return plain(" ".join(text.split()))


def count(number: int, one: str, many: str = "") -> str:
    """``3 pages``; ``many`` where an s is not enough."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def duration(seconds: float) -> str:
    """``0.4 s``, ``41 s``, ``3 min 12 s``, ``2 h 5 min``."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def clock(seconds: float) -> str:
    """A place in a recording: ``2:05`` or ``1:02:05``."""
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}" if minutes >= 60 else f"{minutes}:{rest:02}"


def table(*columns: str, right: int = 0) -> Table:
    """A table without lines around it; the last ``right`` columns are numbers."""
    grid = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for place, name in enumerate(columns, 1):
        grid.add_column(name, justify="right" if place > len(columns) - right else "left", overflow="fold")
    return grid


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
