"""Columns of a table whose page says no more of them than where its words stand."""

from dataclasses import replace
from itertools import pairwise

from pipeline.model import Page, Word

CELL_GAP = "\t"
"""Between two cells of a row, here as in what readers of tables write."""
WIDE = 1.5
"""A space as wide as this many heights of its words is no space between words; justified lines stay below it."""


def with_cells(page: Page) -> Page:
    """The page with a tab in place of each space that is too wide for a sentence; nothing else changes, no offset moves."""
    if not page.width or not page.height:
        return page
    shape = page.width / page.height
    wide = [a.end for a, b in pairwise(page.words) if page.text[a.end : b.start] == " " and _apart(a, b, shape)]
    if not wide:
        return page
    signs = list(page.text)
    for at in wide:
        signs[at] = CELL_GAP
    return replace(page, text="".join(signs))


def _apart(one: Word, other: Word, shape: float) -> bool:
    a, b = one.box, other.box
    height = max(a.bottom - a.top, b.bottom - b.top)
    return a.top < b.bottom and b.top < a.bottom and (b.left - a.right) * shape > WIDE * height
