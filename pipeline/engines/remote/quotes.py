"""Where a model's quotes stand in the text. The model quotes, it never counts: what the text does not hold is dropped."""

import re
from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

from pipeline.model import EntityType, Extraction, Mention, Predicate, Span, TypedRelation

LONGEST_NAME = 200
LONGEST_EVIDENCE = 2000
UNSAID = 0.5
"""Confidence of what the model gives none for."""

_ALIKE = ("'’‘\u00b4`", '"“”„«»', "-\u2010\u2011\u2012–—")
_LOOKS = {sign: f"[{re.escape(signs)}]" for signs in _ALIKE for sign in signs}

_Kind = TypeVar("_Kind", EntityType, Predicate)


class Quotes:
    """Finds quotes in one text.

    Args:
        text: what was asked about.
    """

    def __init__(self, text: str) -> None:
        self._text = text

    def names(self, quote: object) -> list[Span]:
        """All places where the name stands as whole words, in one paragraph."""
        if not isinstance(quote, str) or not 0 < len(name := quote.strip()) <= LONGEST_NAME:
            return []
        before = r"(?<!\w)" if _has_case(name[0]) else ""
        behind = r"(?!\w)" if _has_case(name[-1]) else ""
        pattern = before + _pattern(name, r"(?:[^\S\n]+|[^\S\n]*\n[^\S\n]*)") + behind
        return [Span(*found.span()) for found in re.finditer(pattern, self._text)]

    def passages(self, quote: object) -> list[Span]:
        """All places where the passage stands; white space, quotation marks and dashes may differ."""
        if not isinstance(quote, str) or not 0 < len(said := quote.strip()) <= LONGEST_EVIDENCE:
            return []
        return [Span(*found.span()) for found in re.finditer(_pattern(said, r"\s+"), self._text)]


def checked(text: str, answer: dict[str, Any]) -> Extraction:
    """What of the answer the text bears out; the rest is dropped and counted."""
    quotes = Quotes(text)
    named, dropped = _mentions(quotes, _items(answer, "mentions"))
    relations = [_relations(quotes, item) for item in _items(answer, "relations")]
    kept = dict.fromkeys(relation for each in relations for relation in each)
    return Extraction(tuple(named), tuple(kept), dropped + relations.count([]))


def complete(answer: dict[str, Any]) -> None:
    """Raise ``ValueError`` if the answer is not of the form that was asked for."""
    for name in ("mentions", "relations"):
        if not isinstance(answer.get(name), list):
            raise ValueError(f"{name} is not a list.")  # noqa: TRY004  # one kind of fault for whoever checks an answer


def _items(answer: dict[str, Any], name: str) -> Iterator[dict[str, Any]]:
    return (item if isinstance(item, dict) else {} for item in answer[name])


def _mentions(quotes: Quotes, items: Iterable[dict[str, Any]]) -> tuple[list[Mention], int]:
    found, dropped = list[Mention](), 0
    for item in items:
        kind = _member(EntityType, item.get("type"))
        places = quotes.names(item.get("quote")) if kind else []
        dropped += not places
        found += [Mention(*place, kind, _confidence(item)) for place in places if kind]
    return _apart(found), dropped


def _apart(mentions: Iterable[Mention]) -> list[Mention]:
    """The longest of those that overlap; of one span said twice, the surer."""
    taken: set[int] = set()
    kept = []
    for mention in sorted(mentions, key=lambda m: (m.start - m.end, -m.confidence, m.start, m.type)):
        span = range(mention.start, mention.end)
        if taken.isdisjoint(span):
            taken.update(span)
            kept.append(mention)
    return sorted(kept)


def _relations(quotes: Quotes, item: dict[str, Any]) -> list[TypedRelation]:
    """One for each place that says it: where both names stand in the passage, else only the first."""
    predicate = _member(Predicate, item.get("predicate"))
    if predicate is None:
        return []
    subjects, objects = quotes.names(item.get("subject")), quotes.names(item.get("object"))
    found = list[TypedRelation]()
    for evidence in quotes.passages(item.get("evidence")):
        subject, target = _nearest(subjects, evidence), _nearest(objects, evidence)
        if subject is None or target is None or subject == target:
            continue
        if not found or (_within(subject, evidence) and _within(target, evidence)):
            found.append(TypedRelation(subject, predicate, target, evidence, _confidence(item)))
    return found


def _within(place: Span, passage: Span) -> bool:
    return passage.start <= place.start and place.end <= passage.end


def _nearest(places: Iterable[Span], evidence: Span) -> Span | None:
    """The place in the passage, or nearest to it: a passage may say "he"."""
    return min(places, key=lambda place: max(evidence.start - place.start, place.end - evidence.end, 0), default=None)


def _member(kind: type[_Kind], value: object) -> _Kind | None:
    return kind(value) if isinstance(value, str) and value in kind.__members__ else None


def _confidence(item: dict[str, Any]) -> float:
    value = item.get("confidence")
    usable = isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= 1
    return float(value) if usable and value is not None else UNSAID


def _pattern(quote: str, space: str) -> str:
    return space.join("".join(_LOOKS.get(sign) or re.escape(sign) for sign in word) for word in quote.split())


def _has_case(sign: str) -> bool:
    """Whether words of its script are set apart, so that a name is not to be found inside one."""
    return sign.isdigit() or sign.lower() != sign.upper()
