"""How entities relate: those that one sentence names together, and what a model read that the text says of them."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from pipeline.model import EntityType, Mention, RelationMention, Span, TypedRelation

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
    """Two entities and the passage that relates them; without a direction, ``subject`` is the first in the alphabet."""

    subject: str
    predicate: str
    object: str
    start: int
    end: int
    confidence: float = 1.0


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


def anchored(mentions: Sequence[Mention], relations: Sequence[TypedRelation]) -> list[RelationMention]:
    """The relations whose two names are mentions, by the mentions' places in the list, ordered by passage.

    Args:
        mentions: ordered by start, not overlapping.
        relations: in any order; a name is the mention that shares most letters with it.
    """
    starts = [mention.start for mention in mentions]
    found: dict[tuple[int, str, int, int, int], float] = {}
    for relation in relations:
        subject, object_ = (_mention_at(mentions, starts, name) for name in (relation.subject, relation.object))
        if subject is None or object_ is None or subject == object_:
            continue
        key = subject, relation.predicate.value, object_, *relation.evidence
        found[key] = max(relation.confidence, found.get(key, 0.0))
    said = [RelationMention(*key, confidence) for key, confidence in found.items()]
    return sorted(said, key=lambda each: (each.start, each.end, each.subject, each.object, each.predicate))


def _mention_at(mentions: Sequence[Mention], starts: Sequence[int], name: Span) -> int | None:
    first = max(bisect_right(starts, name.start) - 1, 0)
    last = bisect_right(starts, name.end - 1)
    shared = {n: min(mentions[n].end, name.end) - max(mentions[n].start, name.start) for n in range(first, last)}
    best = max(shared, key=lambda n: (shared[n], -n), default=None)
    return best if best is not None and shared[best] > 0 else None


def typed(entities: Sequence[str], relations: Sequence[RelationMention]) -> list[Relation]:
    """The same between entities.

    Args:
        entities: the entity of each mention, "" for none.
        relations: those between mentions that are one entity are left out.
    """
    ends = ((entities[each.subject], entities[each.object], each) for each in relations)
    return [
        Relation(subject, each.predicate, object_, each.start, each.end, each.confidence)
        for subject, object_, each in ends
        if subject and object_ and subject != object_
    ]
