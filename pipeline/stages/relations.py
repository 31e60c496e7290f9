"""Who is named together with whom: relations by co-occurrence, each with the sentence that it stands in."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from pipeline.model import EntityType

CO_OCCURS = "CO_OCCURS_WITH"

TAKING_PART = frozenset(EntityType) - {EntityType.DATE, EntityType.MONEY, EntityType.EMAIL, EntityType.PHONE, EntityType.URL}
"""Types of entities that can be in a relation."""

NEIGHBOURS = 12
"""Entities after it that one is paired with, in order of appearance: a list of 200 names says less of each pair than a
sentence of three, and must not make 20,000 pairs."""


class Named(NamedTuple):
    """A mention with the entity that it belongs to (its key or id)."""

    start: int
    end: int
    entity: str
    type: EntityType


class Relation(NamedTuple):
    """Two entities in one sentence, ``subject`` before ``object`` in the alphabet; the span is the sentence."""

    subject: str
    predicate: str
    object: str
    start: int
    end: int


def co_occurrences(sentences: Sequence[tuple[int, int]], mentions: Sequence[Named]) -> list[Relation]:
    """One relation for each pair of different entities named in one sentence, ordered by sentence, then by names.

    Args:
        sentences: spans that do not overlap, ordered by start.
        mentions: in any order; one that no sentence holds from its first letter on is left out.
    """
    relations = []
    for number, entities in sorted(_by_sentence(sentences, mentions).items()):
        pairs = {
            (min(one, other), max(one, other))
            for i, one in enumerate(entities)
            for other in entities[i + 1 : i + 1 + NEIGHBOURS]
        }
        relations += [Relation(one, CO_OCCURS, other, *sentences[number]) for one, other in sorted(pairs)]
    return relations


def _by_sentence(sentences: Sequence[tuple[int, int]], mentions: Sequence[Named]) -> dict[int, list[str]]:
    """Entities of each sentence in order of appearance, each once."""
    starts = [start for start, _ in sentences]
    found: dict[int, dict[str, None]] = defaultdict(dict)
    for mention in sorted(mentions):
        number = bisect_right(starts, mention.start) - 1
        if number >= 0 and mention.start < sentences[number][1] and mention.type in TAKING_PART:
            found[number][mention.entity] = None
    return {number: list(entities) for number, entities in found.items()}
