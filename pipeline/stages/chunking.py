"""Chunks: passages that begin and end where the text does, at sections, paragraphs and sentences.

The text is a row of pieces (sentences; parts of those that are too long). Of all ways to cut the row, the cheapest is taken:
a chunk costs more the emptier it is, and a border costs more the worse the place. One pass of dynamic programming; a chunk
holds a bounded number of pieces, so it is linear in the text.
"""

import re
from array import array
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from pipeline.model import Chunk, PageSpan
from pipeline.ports import Tokenizer
from pipeline.stages.sentences import sentence_spans

VERSION = "1"
EMPTY, INSIDE_SENTENCE, INSIDE_PARAGRAPH, INSIDE_SECTION, OVER_HEADING = 1.0, 0.6, 0.12, 0.03, 0.15
"""Costs: of an empty chunk; of a border in a sentence, a paragraph, a section; of a heading in mid-chunk."""

LONGEST_TOKEN = 40
"""Characters; a run without spaces that the tokenizer takes for one unknown word counts as several."""
TOKENIZED = 50_000
"""Characters that the tokenizer gets at once, about: what it makes of a text takes a hundred times its room."""
PIECES = 25
"""A chunk is made of about this many pieces at most: shorter sentences are joined first, or time would be quadratic."""

_MARKDOWN = re.compile(r"#{1,6}\s+(?=\S)")
_NUMBERED = re.compile(
    r"(?:(?:chapter|section|part|article|annex|appendix)\s+)?(?:\d+(?:\.\d+)*|[IVXLC]+|[A-Z])[.):]?\s+(?=[^\W\d])",
    re.IGNORECASE,
)
_SPACE = re.compile(r"\s")
_BLANK = re.compile(r"\n[^\S\n]*\n")
_TITLE_LENGTH = 80
_SMALL_WORD = re.compile(r"(?:an?|and|as|at|by|de|du|for|from|in|la|le|of|on|or|the|to|und|von|with|vs)\Z", re.IGNORECASE)


class _Piece(NamedTuple):
    """A sentence or part of one. ``border``: the cost of a chunk's beginning here; ``heading``: its title, if it is one."""

    start: int
    end: int
    first: int
    last: int
    border: float
    heading: str


def chunk(text: str, spans: Sequence[PageSpan], tokenizer: Tokenizer, max_tokens: int) -> list[Chunk]:
    """Cut a document's text into chunks that cover all of it but white space, in order, without overlap.

    Args:
        text: the canonical text.
        spans: its pages, for borders between them.
        tokenizer: the embedder's; ``text`` is tokenised once, a piece at a time.
        max_tokens: most tokens in a chunk.
    """
    starts = _token_starts(text, tokenizer)
    pieces = _joined(_pieces(text, {span.start for span in spans}, starts, max_tokens), max_tokens)
    heading = ""
    chunks: list[Chunk] = []
    for first, last in _cut(pieces, max_tokens):
        title = next((p.heading for p in pieces[first:last] if p.heading), "")
        heading = pieces[first].heading or heading
        chunks.append(Chunk(len(chunks), pieces[first].start, pieces[last - 1].end, heading or title))
        heading = next((p.heading for p in reversed(pieces[first:last]) if p.heading), heading)
    return chunks


def embedded_text(text: str, chunk: Chunk) -> str:
    """What the embedder and the full-text index see of a chunk: its heading, unless it begins with it, and its passage."""
    passage = text[chunk.start : chunk.end]
    return passage if not chunk.heading or chunk.heading in passage[: 2 * _TITLE_LENGTH] else f"{chunk.heading}\n{passage}"


def _token_starts(text: str, tokenizer: Tokenizer) -> Sequence[int]:
    """Where tokens begin, and where a very long one counts again."""
    starts = array("I")
    begin = 0
    while begin < len(text):
        space = _SPACE.search(text, begin + TOKENIZED)
        end = space.end() if space else len(text)
        for start, stop in tokenizer.token_spans(text[begin:end]):
            starts.extend(range(begin + start, begin + stop, LONGEST_TOKEN))
        begin = end
    return starts


def _pieces(text: str, pages: set[int], starts: Sequence[int], most: int) -> Iterator[_Piece]:
    previous = 0
    for start, end in sentence_spans(text):
        gap = text[previous:start]
        apart = bool(_BLANK.search(gap)) or previous == 0
        heading = _heading(text, start, end, apart=apart)
        new_page = any(at in pages for at in range(previous, start + 1)) if previous else False
        border = 0.0 if heading else INSIDE_SECTION if apart or new_page else INSIDE_PARAGRAPH
        for part, (left, right, first, last) in enumerate(_parts(text, start, end, starts, most)):
            yield _Piece(left, right, first, last, INSIDE_SENTENCE if part else border, "" if part else heading)
        previous = end


def _joined(pieces: Iterator[_Piece], most: int) -> list[_Piece]:
    """Join very short pieces, and a heading with what follows it, as long as they fit a chunk."""
    joined: list[_Piece] = []
    open_heading = False
    for piece in pieces:
        before = joined[-1] if joined else None
        short = before is not None and before.last - before.first < most // PIECES
        if (
            before
            and piece.last - before.first <= most
            and ((short and not piece.heading) or (open_heading and (short or not piece.heading)))
        ):
            joined[-1] = before._replace(end=piece.end, last=piece.last)
        else:
            joined.append(piece)
        open_heading = bool(piece.heading)
    return joined


def _parts(text: str, start: int, end: int, starts: Sequence[int], most: int) -> Iterator[tuple[int, int, int, int]]:
    """The sentence in parts of at most ``most`` tokens, cut between words where there are any."""
    first, last = bisect_left(starts, start), bisect_left(starts, end)
    while last - first > most:
        cut = next((t for t in range(first + most, first + most // 2, -1) if text[starts[t] - 1].isspace()), first + most)
        right = starts[cut]
        while right > start and text[right - 1].isspace():
            right -= 1
        yield start, right, first, cut
        start, first = starts[cut], cut
    yield start, end, first, last


def _cut(pieces: list[_Piece], most: int) -> list[tuple[int, int]]:
    """First and last (exclusive) piece of each chunk of the cheapest cut."""
    best = [0.0] + [float("inf")] * len(pieces)
    back = [0] * (len(pieces) + 1)
    for last in range(1, len(pieces) + 1):
        crossed = 0.0
        for first in range(last - 1, -1, -1):
            size = pieces[last - 1].last - pieces[first].first
            if size > most and first < last - 1:
                break
            cost = best[first] + pieces[first].border + EMPTY * (1 - size / most) ** 2 + crossed
            if cost < best[last]:
                best[last], back[last] = cost, first
            crossed += OVER_HEADING if pieces[first].heading else 0.0
    cuts, last = [], len(pieces)
    while last:
        cuts.append((back[last], last))
        last = back[last]
    return cuts[::-1]


def _heading(text: str, start: int, end: int, *, apart: bool) -> str:
    """The title in a line that is a heading, "" in any other."""
    line = text[start:end]
    if marked := _MARKDOWN.match(line):
        return line[marked.end() :].rstrip("# ")[:_TITLE_LENGTH]
    alone = apart and bool(_BLANK.match(text, end) or end == len(text))
    if not alone or len(line) > _TITLE_LENGTH or "\n" in line or line[-1] in ".,;:!?":
        return ""
    numbered = _NUMBERED.match(line)
    words = [word for word in line.split() if word[0].isalpha() and not _SMALL_WORD.match(word)]
    titled = bool(words) and sum(word[0].isupper() for word in words) >= 0.6 * len(words)
    return line if words and (titled or numbered) and len(words) <= 12 else ""
