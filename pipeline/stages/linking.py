"""Which names mean the same thing across documents, and why. Precision first: a wrong merge is worse than a missed one.

A strong link makes two names one. A weak link leads from a short form to a full one and counts only if all that can be
reached from the short form ends in one place: "Clinton" is Hillary Clinton until Bill Clinton is known. Links depend on the
two names (or on a document that defines one by the other), and the canonical name on the set of links, so no order of
documents and no number of workers can change the result.
"""

from functools import lru_cache
from typing import Literal, NamedTuple

from rapidfuzz.distance import OSA

from pipeline.stages import vocabulary as words
from pipeline.stages.names import (
    ACRONYM,
    EMAIL,
    LONG,
    LONGEST,
    NAME,
    PERSON,
    Parts,
    acronyms,
    core,
    mailbox,
    parts,
    shape,
    sound,
    strokes,
    without_nation,
)

Strength = Literal["strong", "weak"]
MISREAD = 6
"""Letters from which a given name beside the same surname may be misread in more than one of them."""


class Link(NamedTuple):
    """Two keys that may mean the same; a weak link leads from ``left``, the short form, to ``right``. ``score``: 0 to 1."""

    left: str
    right: str
    strength: Strength
    reason: str
    score: float


class _Match(NamedTuple):
    strength: Strength
    reason: str
    score: float


@lru_cache(maxsize=65536)
def specificity(key: str) -> tuple[int, int, str]:
    """Orders names from short forms to full ones: words, letters, then the alphabet backwards; never equal for two keys."""
    name = parts(key)
    return len(name.tokens) + bool(name.generation), len(name.text), "".join(chr(0x10FFFF - ord(c)) for c in key)


def link(left: str, right: str) -> Link | None:
    """Whether two keys mean the same, by their spelling alone; symmetric. None if they do not, or are equal."""
    if left == right:
        return None
    short, full = sorted((left, right), key=specificity)
    one, other = parts(short), parts(full)
    if one.kind == other.kind == PERSON:
        match = _persons(one, other)
    elif one.kind == other.kind == NAME:
        match = _names(one, other)
    elif one.kind == other.kind == EMAIL:
        match = _Match("strong", "misread", 0.9) if mailbox(one.text) == mailbox(other.text) else None
    else:
        return _across_kinds(left, right)
    return Link(short, full, *match) if match else None


def _across_kinds(left: str, right: str) -> Link | None:
    """One text, once read as a person: a tagger's slip if it is long, possible if it is one word."""
    person, name = sorted((left, right), key=lambda key: parts(key).kind, reverse=True)
    if {parts(person).kind, parts(name).kind} != {PERSON, NAME} or parts(person).text != parts(name).text:
        return None
    if len(parts(person).tokens) > 1:
        return Link(person, name, "strong", "same name, other type", 0.9)
    return Link(person, name, "weak", "same word, other type", 0.6)


def same_word(one: str, other: str) -> str:
    """Why two words are spellings of one ("" if they are not)."""
    if one == other:
        return "same"
    if one in words.CONTRASTS or other in words.CONTRASTS or min(len(one), len(other)) < 5:
        return ""
    if not (one.isalpha() and other.isalpha()):
        return "misread" if shape(one) == shape(other) and not (one.isdigit() or other.isdigit()) else ""
    if shape(one) == shape(other):
        return "misread"
    if sound(one) == sound(other):
        return "transliteration"
    return "typo" if _slip(one, other) else ""


def _slip(one: str, other: str) -> bool:
    """One edit inside a long word; near its ends it is often another name (Petersen, Peterson; Dominica, Dominican)."""
    if min(len(one), len(other)) < LONG:
        return False
    return one[0] == other[0] and one[-2:] == other[-2:] and OSA.distance(one, other, score_cutoff=1) == 1


def _persons(one: Parts, other: Parts) -> _Match | None:
    if one.generation != other.generation and len(one.tokens) > 1:
        return None
    if len(one.tokens) == 2 and one.tokens == other.tokens[::-1]:
        return None if words.GIVEN_NAMES.issuperset(one.tokens) else _Match("strong", "word order", 0.85)
    if len(one.tokens) == 2 < len(other.tokens) and len(one.tokens[1]) == 1 and one.tokens == other.tokens[:2]:
        return _Match("weak", "given names", 0.6)
    surname = same_word(one.tokens[-1], other.tokens[-1])
    if not surname:
        return None
    if len(one.tokens) == 1:
        return _surname_alone(one, other, surname)
    return _full_names(one, other, surname)


def _full_names(one: Parts, other: Parts, surname: str) -> _Match | None:
    given = _given(one.tokens[:-1], other.tokens[:-1])
    if surname != "typo" and given in ("", "initial") and _misread_given(one.tokens[:-1], other.tokens[:-1]):
        return _Match("strong", "misread given name", 0.85)
    if not given or (given in ("initial", "nickname", "middle name") and surname == "typo"):
        return None
    if given in ("initial", "nickname", "middle name"):
        return _Match("weak", given, 0.8 if given != "initial" else 0.7)
    if surname == given == "same":
        return _Match("strong", "same name", 1.0)
    if surname != "same" and given == "typo":
        return None
    return _Match("strong", f"{surname} of surname" if surname != "same" else f"{given} of given name", 0.9)


def _surname_alone(one: Parts, other: Parts, surname: str) -> _Match | None:
    if len(other.tokens) == 1:
        return _Match("strong", surname, 0.85) if surname != "typo" and one.generation == other.generation else None
    return _Match("weak", "surname", 0.6) if surname != "typo" and len(one.tokens[0]) > 1 else None


def _misread_given(few: tuple[str, ...], many: tuple[str, ...]) -> bool:
    """Whether the space between given names was lost, or one of them was misread in such a way that its length changed."""
    if len(few) != len(many):
        return shape("".join(few)) == shape("".join(many))
    differing = [(i, a, b) for i, (a, b) in enumerate(zip(few, many, strict=True)) if a != b]
    if len(differing) != 1:
        return False
    place, one, other = differing[0]
    if min(len(one), len(other)) < MISREAD or len(one) == len(other) or {one, other} & words.CONTRASTS:
        return False
    return strokes(one) == strokes(other) or (place > 0 and OSA.distance(one, other, score_cutoff=2) <= 2)


def _given(few: tuple[str, ...], many: tuple[str, ...]) -> str:
    """How the given names of the shorter name fit the first of the longer one's, or its second ("" if they do not)."""
    if len(few) == len(many):
        found = {_given_word(a, b, first=not i) for i, (a, b) in enumerate(zip(few, many, strict=True))}
        return next((r for r in ("", "initial", "nickname", "typo", "transliteration", "misread") if r in found), "same")
    first = _given_word(few[0], many[0], first=True)
    if first and all(
        _given_word(*pair, first=False) in ("same", "initial") for pair in zip(few[1:], many[1:], strict=False)
    ):
        return "initial" if first == "initial" else "middle name"
    second = len(few) == 1 and len(few[0]) > 1 and _given_word(few[0], many[1], first=True)
    return "middle name" if second in ("same", "nickname") else ""


def _given_word(one: str, other: str, *, first: bool) -> str:
    if one == other:
        return "same"
    if len(one) == 1 or len(other) == 1:
        return "initial" if shape(one[0]) == shape(other[0]) else ""
    if first and (other in words.NICKNAMES.get(one, ()) or one in words.NICKNAMES.get(other, ())):
        return "nickname"
    return same_word(one, other)


def _names(one: Parts, other: Parts) -> _Match | None:
    if len(other.tokens) > LONGEST:
        return None
    if "," not in one.text + other.text and len(one.tokens) == len(other.tokens):
        return _same_length(one, other)
    if one.tokens == other.tokens:
        return _Match("strong", "punctuation", 0.95)
    if one.text == core(other) and (len(one.tokens) > 1 or "of" in other.tokens) and "," not in other.text:
        return _Match("weak", "short form", 0.7)
    if len(one.tokens) == 1 and len(one.text) >= ACRONYM and one.text in acronyms(other.tokens):
        return _Match("weak", "acronym", 0.7)
    if "," not in one.text + other.text and sorted(one.tokens) == sorted(without_nation(other.tokens)):
        return _Match("weak", "nation left out", 0.6)
    return None


def _same_length(one: Parts, other: Parts) -> _Match | None:
    if len(one.tokens) > 2 and sorted(one.tokens) == sorted(other.tokens):
        return _Match("strong", "word order", 0.9)
    differing = [(a, b) for a, b in zip(one.tokens, other.tokens, strict=True) if a != b]
    if len(differing) != 1:
        return None
    if len(one.tokens) > 1 and set(differing[0]) in ({"co", "company"}, {"corp", "corporation"}, {"dept", "department"}):
        return _Match("strong", "abbreviation", 0.95)
    reason = same_word(*differing[0])
    return _Match("strong", reason, 0.9) if reason else None
