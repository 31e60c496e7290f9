"""What the stand-in for a model "thinks": names by their capitals, vectors by words; the same every time."""

import json
import math
import re
from collections.abc import Sequence
from hashlib import sha256
from itertools import pairwise
from typing import Any

_NAME = re.compile(r"\b[A-Z][\w’'-]*(?:[^\S\n](?:of )?[A-Z][\w’'-]*)*")
_STARTERS = frozenset(
    {
        "A",
        "After",
        "An",
        "As",
        "At",
        "Before",
        "But",
        "By",
        "He",
        "I",
        "If",
        "In",
        "It",
        "Of",
        "On",
        "Reply",
        "She",
        "The",
        "They",
        "This",
        "We",
    }
)
_FIRMS = ("Bank", "Ltd", "Inc", "Company", "Council", "Trust", "University", "Foods", "Telecom", "Shipping")
_SAYS = (
    (re.compile(r"^ works for (?:the )?$"), "WORKS_FOR"),
    (re.compile(r"^ wrote to (?:the )?$"), "COMMUNICATED_WITH"),
    (re.compile(r"^ met $"), "MET"),
    (re.compile(r"^ paid (?:the )?$"), "PAID"),
    (re.compile(r"^ lives in $"), "LIVES_IN"),
)
_PASSAGE = re.compile(r"<(passage-[0-9a-f]+)>\n(.*)\n</\1>", re.DOTALL)
_ORDER = re.compile(r"(?i)ignore (?:all )?(?:the )?(?:previous|above) instructions.*?(\{.*\}|call \w+)", re.DOTALL)


def passage(user: str) -> str:
    """The text between the fences of a question; all of it if there are none."""
    found = _PASSAGE.search(user)
    return found[2] if found else user


def names(text: str) -> str:
    """The answer about a passage, as JSON."""
    places = [place for found in _NAME.finditer(text) if (place := _trimmed(text, *found.span()))]
    quotes = dict.fromkeys(text[start:end] for start, end in places)
    mentions = [{"quote": quote, "type": _kind(quote, text), "confidence": 0.9} for quote in quotes]
    return json.dumps({"mentions": mentions, "relations": list(_relations(text, places))})


def _trimmed(text: str, start: int, end: int) -> tuple[int, int] | None:
    first = text[start:end].split()[0]
    if first in _STARTERS:
        rest = text[start + len(first) : end].lstrip()
        start = end - len(rest)
    return (start, end) if end - start > 1 else None


def _kind(quote: str, text: str) -> str:
    if quote.endswith(_FIRMS) or "Bank" in quote:
        return "ORGANIZATION"
    if re.search(rf"\b(?:in|of|left) {re.escape(quote)}\b", text):
        return "LOCATION"
    return "PERSON" if " " in quote else "OTHER"


def _relations(text: str, places: Sequence[tuple[int, int]]) -> "list[dict[str, Any]]":
    found = []
    for (start, end), (second, last) in pairwise(places):
        for between, predicate in _SAYS:
            if between.match(text[end:second]):
                said = {"subject": text[start:end], "predicate": predicate, "object": text[second:last]}
                found.append({**said, "evidence": text[start:last], "confidence": 0.8})
    return found


def ordered(text: str) -> str | None:
    """What the passage orders the model to answer, for a stand-in that obeys whoever speaks last."""
    found = _ORDER.search(text)
    return found[1] if found else None


def tokens(text: str) -> int:
    """As the stand-in bills them."""
    return len(re.findall(r"\w+|[^\w\s]", text))


def vector(text: str, dimension: int) -> list[float]:
    """Words thrown into a vector by their hash; its length is not 1."""
    values = [0.01] * dimension
    for word in re.findall(r"\w+|[^\w\s]", text.lower()):
        digest = sha256(word.encode()).digest()
        values[int.from_bytes(digest[:4], "big") % dimension] += 1 if digest[4] % 2 else -1
    return [2 * value for value in values] if math.hypot(*values) else [1.0] * dimension
