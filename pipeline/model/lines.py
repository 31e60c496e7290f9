"""From characters to where they stand on their page."""

from bisect import bisect_right
from collections.abc import Sequence
from itertools import islice, takewhile

from pipeline.model.pages import Box, Word

_SAME_LINE = 0.5  # so much of the lower of two boxes lies beside the other


def boxes_of(words: Sequence[Word], start: int, end: int) -> list[Box]:
    """A box for each line that the characters from ``start`` to ``end`` stand on, in order.

    Args:
        words: of one page, ordered and not overlapping.
        start: counted as the words' offsets are.
        end: exclusive.
    """
    lines: list[Box] = []
    before: Box | None = None
    for word in takewhile(lambda word: word.start < end, islice(words, bisect_right(words, start, key=_end), None)):
        box = _part(word, start, end)
        if box.left >= box.right or box.top >= box.bottom:  # it lies beside what is shown of the page
            continue
        if before is not None and _beside(before, word.box):
            lines[-1] = _around(lines[-1], box)
        else:
            lines.append(box)
        before = word.box
    return lines


def _end(word: Word) -> int:
    return word.end


def _part(word: Word, start: int, end: int) -> Box:
    """The share of a word's box that its characters have, as if all were equally wide; all of it where it stands upright."""
    left, top, right, bottom = word.box
    if right - left <= bottom - top:
        return word.box
    width = (right - left) / (word.end - word.start)
    return Box(left + width * max(0, start - word.start), top, right - width * max(0, word.end - end), bottom)


def _beside(one: Box, other: Box) -> bool:
    shared = min(one.bottom, other.bottom) - max(one.top, other.top)
    return shared >= _SAME_LINE * min(one.bottom - one.top, other.bottom - other.top)


def _around(one: Box, other: Box) -> Box:
    return Box(*map(min, one[:2], other[:2]), *map(max, one[2:], other[2:]))
