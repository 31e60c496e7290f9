"""The order in which a person reads what lies on a page: columns of prose one after the other, all else row by row."""

from collections.abc import Callable, Sequence
from itertools import groupby
from statistics import median
from typing import TypeVar

from pipeline.model import Box

T = TypeVar("T")
SPANNING = 0.55  # of the text's width: a line this long belongs to no column
LEAST_LINES = 3  # fewer lines are no column
PROSE = 0.6  # the middle line of a column of prose fills this much of it
LONG = 12  # times its height, in fractions of the page: what is shorter is a column of a form, read with what is beside it


def in_rows(items: Sequence[T], box: Callable[[T], Box]) -> list[list[T]]:
    """Rows in reading order, each from left to right. ``box`` says where an item lies, text upright."""
    if not items:
        return []
    left, right = min(box(item).left for item in items), max(box(item).right for item in items)

    def spans(item: T) -> bool:
        return box(item).right - box(item).left > SPANNING * (right - left)

    down = sorted(items, key=lambda item: box(item).top)
    bands = (list(band) for _, band in groupby(down, key=spans))
    return [row for band in bands for column in _columns(band, box) for row in _rows(column, box)]


def _columns(items: list[T], box: Callable[[T], Box]) -> list[list[T]]:
    """The columns, from left to right, if all of them are prose; else everything as one."""
    columns: list[list[T]] = []
    edge = 0.0
    for item in sorted(items, key=lambda item: box(item).left):
        if not columns or box(item).left >= edge:
            columns.append([])
        columns[-1].append(item)
        edge = max(edge, box(item).right)
    return columns if all(_is_prose([box(item) for item in column]) for column in columns) else [items]


def _is_prose(boxes: Sequence[Box]) -> bool:
    width = max(box.right for box in boxes) - min(box.left for box in boxes)
    usual, height = median(box.right - box.left for box in boxes), median(box.bottom - box.top for box in boxes)
    return len(boxes) >= LEAST_LINES and usual >= PROSE * width and usual >= LONG * height


def _rows(items: Sequence[T], box: Callable[[T], Box]) -> list[list[T]]:
    rows: list[list[T]] = []
    for item in sorted(items, key=lambda item: box(item).top + box(item).bottom):
        if rows and _beside(box(item), box(rows[-1][0])):
            rows[-1].append(item)
        else:
            rows.append([item])
    return [sorted(row, key=lambda item: box(item).left) for row in rows]


def _beside(one: Box, other: Box) -> bool:
    """Whether the middle of the flatter one lies within the other, and they do not overlap from left to right."""
    flat, tall = sorted((one, other), key=lambda box: box.bottom - box.top)
    return tall.top <= (flat.top + flat.bottom) / 2 <= tall.bottom
