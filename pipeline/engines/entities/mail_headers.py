"""The persons of a mail's header lines, also of a printed, quoted or scanned one: "Doe, Jane M; Roe, Richard" or "Jane Doe".

In scans the colon behind "To" and the semicolons between names are often lost, and initials are misread ("Doe, Jane .1").
"""

import re
from collections.abc import Iterator

_WORD = r"[^\W\d_a-z][\w'’.-]{0,30}"
_PAIR = rf"(?:{_WORD} ){{0,2}}{_WORD},\s{{1,8}}{_WORD}(?: {_WORD}){{0,2}}"
_LINE = re.compile(
    rf"^[ \t>*]*(?i:From|To|Cc|Bcc|Reply-To|Sender)(?::|(?=[ \t]+{_PAIR}))[ \t]*(\S[^\n]{{0,2000}})", re.MULTILINE
)
_MORE = re.compile(r"\n(?![ \t>*]*(?:[\w-]{1,20}:|(?:From|Sent|To|Cc|Subject|Date)\b))[ \t>*]*\S[^\n]{0,2000}")
_LONGEST = 20_000
_ASIDE = re.compile(r"\s*(?:<[^>]*>?|\[[^\]]*\]?|\([^)]*\)?|['\"“”]|[\w.+%-]+@\S+)")
_ENTRY = re.compile(r"(?:(?!;|\s{3})[\s\S])+")
_PLAIN_ENTRY = re.compile(r"(?:(?![;,]|\s{3})[\s\S])+")
_LAST_FIRST = re.compile(_PAIR)
_ONE_LAST_FIRST = re.compile(rf"{_WORD}, |{_PAIR}\s*[<\[(]")
_FIRST_LAST = re.compile(rf"(?![A-Z]{{2,3}} [A-Z][a-z]){_WORD}(?: (?:{_WORD}|al|el|bin|de|van|von|der|da|la)){{1,4}}")
_FIRST_OF_SEVERAL = re.compile(
    rf"{_WORD},\s{{1,8}}{_WORD}(?: [^\W\d_a-z]\.?)?(?=\W{{0,2}}[\d.)\]]{{0,2}}(?:,\s|\s{_WORD},\s))"
)
_MISREAD_INITIAL = re.compile(r"\s?\W{0,2}\d?\W{0,2}")
_COLLECTIVE = re.compile(
    r"\b(?:team|office|department|dept|group|list|support|services?|desk|committee|center|centre|operations|all|staff)\b|^the\b",
    re.IGNORECASE,
)


def persons(text: str) -> Iterator[tuple[int, int]]:
    """Where the names stand, in order."""
    for line in _LINE.finditer(text):
        start, end = line.start(1), _end(text, line)
        inverted = ";" in text[start:end] or _ONE_LAST_FIRST.match(text, start)
        for entry in (_ENTRY if inverted else _PLAIN_ENTRY).finditer(text, start, end):
            yield from _names(text, *entry.span())


def _end(text: str, line: re.Match[str]) -> int:
    """Where the list ends: behind a separator, or before a line that has one, it goes on."""
    end = line.end()
    while end - line.start() < _LONGEST and (more := _MORE.match(text, end)):
        if text[end - 1] not in ";," and ";" not in more[0]:
            break
        end = more.end()
    return end


def _names(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """The names of an entry: one, or several if the semicolon between them was read as a comma or not at all."""
    while start < end and (text[start].isspace() or text[start] in "'\"“>*"):
        start += 1
    if aside := _ASIDE.search(text, start, end):
        end = aside.start()
    end = start + len(text[start:end].rstrip())
    if _COLLECTIVE.search(text[start:end]):
        return
    if _FIRST_LAST.fullmatch(text, start, end):
        yield start, end
    while pair := _FIRST_OF_SEVERAL.match(text, start, end):
        yield pair.span()
        start = pair.end()
        while start < end and not text[start].isalpha():
            start += 1
    if (pair := _LAST_FIRST.match(text, start, end)) and _MISREAD_INITIAL.fullmatch(text, pair.end(), end):
        yield pair.span()
