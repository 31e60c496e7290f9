"""When a written date is: absolute dates in English, German and some neighbours, as exact as they are written.

"3 May 1941", "May 3rd, 1941", "3. Mai 1941", "1941-05-03", "03.05.1941", "5/13/1941", "im Mai 1941", "1941".
Of "3–5 May 1941" the month is known, of "3/4/1941" and "Spring 1941" the year. What cannot be placed ("yesterday",
"the 1990s", "May 3") is none.
"""

import re
from calendar import monthrange
from datetime import date
from typing import Literal, NamedTuple

Precision = Literal["day", "month", "year"]


class Moment(NamedTuple):
    """A day, or the first day of a month or year, if that is all that is known."""

    day: date
    precision: Precision

    @property
    def text(self) -> str:
        """As ISO 8601 writes it: 1941-05-03, 1941-05 or 1941."""
        return self.day.isoformat()[: {"day": 10, "month": 7, "year": 4}[self.precision]]

    @property
    def last(self) -> date:
        """The last day that may be meant."""
        if self.precision == "day":
            return self.day
        if self.precision == "year":
            return self.day.replace(month=12, day=31)
        return self.day.replace(day=monthrange(self.day.year, self.day.month)[1])


def days_of(text: str) -> tuple[date, date] | None:
    """The first and the last day that a written date may mean; None if it names none."""
    moment = read_date(text)
    return moment and (moment.day, moment.last)


_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "january jan januar jänner jaenner janvier enero gennaio januari",
            "february feb febr februar feber février fevrier febrero febbraio februari",
            "march mar märz maerz mär mrz mars marzo maart",
            "april apr avril abril aprile",
            "may mai mayo maggio mei",
            "june jun juni juin junio giugno",
            "july jul juli juillet julio luglio",
            "august aug août aout agosto augustus",
            "september sep sept septembre septiembre settembre",
            "october oct oktober okt octobre octubre ottobre",
            "november nov novembre noviembre",
            "december dec dezember dez décembre decembre diciembre dicembre",
        ),
        start=1,
    )
    for name in names.split()
}
_MONTH = r"(?<![^\W\d]/)(?P<month>" + "|".join(sorted(_MONTHS, key=len, reverse=True)) + r")\b\.?"
_YEAR = r"(?P<year>1[0-9]{3}|20[0-9]{2})(?![\d-])"
_DAY = r"(?P<since>\b[0-3]?\d\.?\s*(?:[-–]|to|bis|and|und)\s*)?\b(?P<day>[0-3]?\d)(?:st|nd|rd|th|er|\.|º)?"
_JOIN = r"(?:\s*,\s*|\s+(?:of|de|del|di)\s+|\s+|[-/])"
_WRITTEN = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"\b(?P<year>1[0-9]{3}|20[0-9]{2})-(?P<m>[01]?\d)-(?P<day>[0-3]?\d)(?!\d)",
        r"\b(?P<year>1[0-9]{3}|20[0-9]{2})/(?P<m>[01]?\d)/(?P<day>[0-3]?\d)(?!\d)",
        rf"\b(?P<day>[0-3]?\d)\.\s?(?P<m>[01]?\d)\.\s?{_YEAR}",
        rf"{_DAY}{_JOIN}{_MONTH}{_JOIN}?{_YEAR}",
        rf"\b{_MONTH}\s*{_DAY}{_JOIN}{_YEAR}",
        rf"\b{_MONTH}{_JOIN}?{_YEAR}",
        rf"\b{_YEAR}{_JOIN}{_MONTH}(?:{_JOIN}{_DAY})?(?!\w)",
        r"\b(?P<year>1[0-9]{3}|20[0-9]{2})-(?P<m>[01]\d)(?![\d-])",
        rf"(?<![\d/.-])(?P<m>[01]?\d)/{_YEAR}",
    )
)
_SLASHES = re.compile(rf"\b(?P<one>[0-3]?\d)[/-](?P<other>[0-3]?\d)[/-]{_YEAR}")
_YEAR_ALONE = re.compile(r"(?<![\d./:,-])(?P<year>1[0-9]{3}|20[0-9]{2})(?![\d'’%:]|[.,/-]\d|s\b|er\b)")
LONGEST = 80
"""Letters in the longest date that is read."""


def read_date(text: str) -> Moment | None:
    """The moment that a written date names; None if it names none, or may name several."""
    text = " ".join(text.split())
    if not text or len(text) > LONGEST:
        return None
    for pattern in _WRITTEN:
        if found := pattern.search(text):
            return _moment(found)
    if found := _SLASHES.search(text):
        return _slashes(int(found["year"]), int(found["one"]), int(found["other"]))
    years = {found["year"] for found in _YEAR_ALONE.finditer(text)}
    return Moment(date(int(years.pop()), 1, 1), "year") if len(years) == 1 else None


def _moment(found: re.Match[str]) -> Moment | None:
    parts = found.groupdict()
    month = _MONTHS[parts["month"].lower()] if parts.get("month") else int(parts["m"])
    day = parts.get("day") if not parts.get("since") else None
    return _valid(int(parts["year"]), month, int(day) if day else None)


def _slashes(year: int, one: int, other: int) -> Moment | None:
    """Month and day, or day and month: what cannot be a month is the day; the month alone is known of neither."""
    if one > 12:
        return _valid(year, other, one)
    if other > 12 or one == other:
        return _valid(year, one, other)
    return Moment(date(year, 1, 1), "year")


def _valid(year: int, month: int, day: int | None) -> Moment | None:
    try:
        return Moment(date(year, month, day or 1), "day" if day else "month")
    except ValueError:
        return None
