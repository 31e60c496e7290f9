"""Whether a document is read in parts, and which pages each part has."""

from itertools import pairwise
from math import ceil


def page_ranges(pages: int, size: int, most_pages: int, most_size: int) -> list[range]:
    """Ranges of page numbers, from 1, of nearly equal length: the fewest that keep the limits, but none is empty.

    Args:
        pages: of the document; 0 if it has none that can be read one by one.
        size: of the file, in bytes.
        most_pages: in one range.
        most_size: share of the file that falls to one range, in bytes.
    """
    if not pages:
        return []
    count = min(pages, max(ceil(pages / most_pages), ceil(size / most_size)))
    borders = [1 + pages * number // count for number in range(count + 1)]
    return [range(first, end) for first, end in pairwise(borders)]
