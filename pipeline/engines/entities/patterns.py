"""Exact patterns: addresses, numbers, amounts, dates, and the persons of a mail's header lines.

Every pattern is bounded, and starts only where a run of its first characters starts, so that time is linear in the text.
"""

import re
from collections.abc import Iterator

from pipeline.engines.entities.mail_headers import persons
from pipeline.model import Engine, EntityType, Mention

VERSION = "2"
SHORTEST_NUMBER = 7
"""Digits of a telephone number, at least."""

_MONTH = (
    r"(?:Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?|Sept?(?:ember)?|Oct(?:ober)?"
    r"|Nov(?:ember)?|Dec(?:ember)?)\.?"
)
_AMOUNT = r"\d{1,12}(?:[,.’' ]\d{3}){0,6}(?:[.,]\d{1,2})?(?:[ -]?(?:thousand|million|billion|trillion|mn|bn|m|k)\b)?"
_UNIT = r"(?:USD|EUR|GBP|CHF|JPY|CAD|AUD|dollars?|euros?|pounds(?: sterling)?|francs|yen|rubles|rupees)"

_PATTERNS = (
    (
        EntityType.EMAIL,
        0.98,
        re.compile(
            r"(?<![\w.+%-])[\w+%-][\w.+%-]{0,63}(?:@(?:[\w-]{1,63}\.){1,8}[^\W\d_]{2,24}(?![\w-])"
            r"|[@©][\w.-]{4,80}(?=\s?[>\u203a\])]))"  # misread, in brackets
        ),
    ),
    (
        EntityType.URL,
        0.98,
        re.compile(r"(?<![\w/])(?:(?:https?|ftp)://|www\.)[^\s<>\"'“”’«»(){}|\\^`]{3,2000}", re.IGNORECASE),
    ),
    (
        EntityType.PHONE,
        0.9,
        re.compile(
            r"(?<![\w.+-])(?:"
            r"\+\d{1,3}(?:[ .\-/]?\(?\d{1,5}\)?){2,6}"  # +44 20 7946 0958
            r"|\(\d{3}\) ?\d{3}[ .-]\d{4}|\d{3}[.-]\d{3}[.-]\d{4}"  # (212) 555-0100
            r"|(?<=(?i:tel):) ?\(?\d[\d .\-/()]{5,18}\d|(?<=(?i:tel)\.:) ?\(?\d[\d .\-/()]{5,18}\d"
            r"|(?<=(?i:fax):) ?\(?\d[\d .\-/()]{5,18}\d|(?<=(?i:phone):) ?\(?\d[\d .\-/()]{5,18}\d"
            r")(?:\s?(?:ext|x)\.? ?\d{1,6})?(?![\w-])"
        ),
    ),
    (
        EntityType.MONEY,
        0.95,
        re.compile(
            rf"(?<![\w$])(?:(?:US|CA|AU|HK|NZ)?\$|€|£|¥|₽|₹|(?:USD|EUR|GBP|CHF|JPY) ?) ?{_AMOUNT}(?![\w%])"
            rf"|(?<![\w.,$€£])(?:{_AMOUNT} ?(?:{_UNIT}\b|[€£$](?!\w)))"
        ),
    ),
    (
        EntityType.DATE,
        0.95,
        re.compile(
            rf"(?<![\w/.-])(?:\d{{4}}-\d{{2}}-\d{{2}}|\d{{1,2}}[/.]\d{{1,2}}[/.](?:19|20)\d{{2}}"
            rf"|\d{{1,2}}(?:st|nd|rd|th)?(?: of)? {_MONTH},? \d{{4}}|{_MONTH} \d{{1,2}}(?:st|nd|rd|th)?,? \d{{4}})(?![\w/-])"
        ),
    ),
)  # fmt: skip


class PatternFinder:
    """Implements ``ports.MentionFinder``."""

    @property
    def engine(self) -> Engine:
        """Name and version, for fingerprints."""
        return Engine("patterns", VERSION)

    def find(self, text: str) -> list[Mention]:
        """Mentions ordered by start, not overlapping."""
        found: list[Mention] = []
        for mention in sorted(_all(text), key=lambda m: (m.start, -m.end)):
            if not found or mention.start >= found[-1].end:
                found.append(mention)
        return found


def _all(text: str) -> Iterator[Mention]:
    for kind, confidence, pattern in _PATTERNS:
        for match in pattern.finditer(text):
            raw = match.group()
            value = raw.rstrip(".,;:!?*_-)]" if kind is EntityType.URL else " .,-/(")
            start = match.start() + len(raw) - len(raw.lstrip())
            if kind is EntityType.PHONE and sum(c.isdigit() for c in value) < SHORTEST_NUMBER:
                continue
            yield Mention(start, match.start() + len(value), kind, confidence)
    yield from (Mention(*span, EntityType.PERSON, 0.9) for span in persons(text))
