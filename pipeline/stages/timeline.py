"""When something happened to an entity: the dates that one sentence names with it."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any, NamedTuple

from pipeline.stages.dates import Moment, read_date
from pipeline.stages.sentences import sentence_spans

PASSAGES = 5
"""Passages that are shown of one date."""


class Near(NamedTuple):
    """A date near a name: both as spans of a document, with the passage around them and where that begins."""

    date: str
    date_span: tuple[int, int]
    name_span: tuple[int, int]
    text: str
    text_start: int
    place: dict[str, Any]
    """Where it stands: whatever is to be told of it."""


class Passage(NamedTuple):
    """The sentence, its span in the document, and the spans of date and name within ``text``."""

    start: int
    end: int
    text: str
    highlights: list[tuple[int, int]]
    place: dict[str, Any]


class Entry(NamedTuple):
    """A moment, how many sentences name it with the entity, and the first of them."""

    moment: Moment
    mentions: int
    passages: list[Passage]


def timeline(dates: Iterable[Near]) -> list[Entry]:
    """The moments that are named in one sentence with the entity, the earliest first; years before their months and days."""
    found: dict[Moment, list[Passage]] = defaultdict(list)
    for near in dates:
        moment = read_date(near.date)
        passage = moment and _sentence(near)
        if moment and passage:
            found[moment].append(passage)
    moments = sorted(found, key=lambda moment: (moment.day, moment.text))
    return [Entry(moment, len(found[moment]), found[moment][:PASSAGES]) for moment in moments]


def _sentence(near: Near) -> Passage | None:
    """The sentence with both; None: they stand in two."""
    first, last = sorted(at[0] - near.text_start for at in (near.date_span, near.name_span))
    for start, end in sentence_spans(near.text):
        if start <= first and last < end:
            spans = sorted((near.name_span, near.date_span))
            marks = [(at - near.text_start - start, min(to - near.text_start, end) - start) for at, to in spans]
            return Passage(near.text_start + start, near.text_start + end, near.text[start:end], marks, near.place)
    return None
