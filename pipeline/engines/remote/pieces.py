"""A long text in pieces that a model takes at once."""

import re
from collections.abc import Iterator

_BORDERS = (re.compile(r"\n[^\S\n]*\n\s*"), re.compile(r"[.!?。！？][\"'”’)\]]*\s+|[。！？]|\n"), re.compile(r"\s+"))


def pieces(text: str, longest: int) -> Iterator[tuple[int, int]]:
    """Start and end of each piece: at most ``longest`` characters, ended by a blank line, else a sentence, else a space.

    Pieces of white space alone are left out; the others begin and end with a sign.
    """
    start = 0
    while start < len(text):
        end = _border(text, start, longest)
        first = next((at for at in range(start, end) if not text[at].isspace()), end)
        if first < end:
            yield first, first + len(text[first:end].rstrip())
        start = end


def _border(text: str, start: int, longest: int) -> int:
    if len(text) - start <= longest:
        return len(text)
    for border in _BORDERS:
        last = 0
        for found in border.finditer(text, start + longest // 2, start + longest):
            last = found.end()
        if last:
            return last
    return start + longest
