"""One list of mentions from what a model and the patterns found in a document.

A model looks at one sentence at a time. A document is more: a name that is a person on page one is a person on page nine,
and what fills a cell of a table is mostly what fills the cells above and below it.
The weights of the votes were measured on open sets of several genres.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from pipeline.model import EntityType, Mention

VERSION = "4"
_PERSON, _LOCATION = EntityType.PERSON, EntityType.LOCATION
_EXACT = frozenset({EntityType.DATE, EntityType.MONEY, EntityType.LAW, EntityType.EMAIL, EntityType.PHONE, EntityType.URL})
_NAMES = frozenset(EntityType) - _EXACT
_COUNTABLE = _NAMES - {_LOCATION, EntityType.GROUP}
_MOVABLE = _NAMES - {EntityType.GROUP, EntityType.EVENT, EntityType.OTHER}
"""Types that the words before and after a name may overrule."""
_TRUST = {_LOCATION: 1.2, _PERSON: 1.1, EntityType.ORGANIZATION: 0.8}
_PART_OF_NAME, _IN_COLUMN, _TITLED, _IN_A_PLACE, _SPEAKING, _IN_PLACE = 5.0, 4.0, 2.0, 1.0, 0.5, 0.5
COMMON_NOUN = 0.2
"""A word that stands behind "a", "any", "such" … more often than this is a common noun."""
PLACE = 2
"""A place that is named more often than a "person" that ends with it, this many times, is not that person's name."""
OFTEN = 0.5
"""A single word that is a name in this part of its places is one in all of them."""
ACRONYM = 5
"""Letters of the longest word in capitals that is read as an acronym: "a NATO liaison" makes it no common noun."""
REPEATED = 0.9
"""Confidence of a name that only its other places vouch for, of theirs."""

_AND = re.compile(r"\s+(?:and|&)\s+")
_SPACE = re.compile(r"\s+")
_ROW = re.compile(r"^[^\n\t]*\t[^\n]*", re.MULTILINE)
_RUN = re.compile(r"\w+")
_WORD = re.compile(r"[^\W\d_][\w'’-]*")
_LAST = re.compile(r"\s([^\W\d_][\w'’-]*)\Z")
_COUNTED = re.compile(
    r"\b(?:an?|any|each|every|such|no|all|other|this|these|its|their|his|her|your|my|our)\s+([^\W\d_][\w'’-]*)",
    re.IGNORECASE,
)
_IN = re.compile(r"\b(?:in|near|between|throughout|across)\s+(?:the\s+)?\Z", re.IGNORECASE)
_TITLE = re.compile(
    r"\b(?:Mr|Mrs|Ms|Miss|Dr|Prof|Professor|Sir|Lady|Lord|Dame|King|Queen|Prince|Princess|Emperor|Pope|Saint|St|President|Senator"
    r"|Governor|Mayor|Judge|Justice|Captain|Colonel|General|Major|Sergeant|Lieutenant|Admiral|Commander|Minister|Chancellor"
    r"|Secretary|Ambassador|Bishop|Archbishop|Cardinal|Reverend|Rev|Father|Sheikh|Sultan|actor|actress|singer|director|author"
    r"|writer|producer|guitarist|drummer|bassist|vocalist|rapper|composer|poet|painter|husband|wife|son|daughter|brother|sister"
    r"|father|mother|friend|lawyer|journalist)\.?,?\s+\Z"
)
_SAID = re.compile(
    r"\s+(?:said|says|told|wrote|writes|asked|added|replied|argued|thinks|believes|died|married|himself|herself|who|whose"
    r"|was born|(?:has|had) (?:said|told))\b"
)


def merge(text: str, found: Sequence[Mention], patterns: Sequence[Mention] = ()) -> list[Mention]:
    """Mentions of a document, ordered by start, not overlapping.

    Args:
        text: the canonical text.
        found: what the model found.
        patterns: what exact patterns found; they win where both overlap.
    """
    exact = _without_overlap(patterns, [])
    names = _without_common_nouns(text, _without_overlap(found, exact))
    names = _agreed(text, _apart(text, names), exact)
    return sorted([*exact, *names, *_repeated(text, names, exact)])


def _without_overlap(mentions: Iterable[Mention], taken: Iterable[Mention]) -> list[Mention]:
    """The longest mentions that touch neither each other nor what is taken."""
    used = {at for mention in taken for at in range(mention.start, mention.end)}
    kept = []
    for mention in sorted(mentions, key=lambda m: (m.start - m.end, m.start, m.type)):
        span = range(mention.start, mention.end)
        if span and used.isdisjoint(span):
            used.update(span)
            kept.append(mention)
    return kept


def _without_common_nouns(text: str, names: list[Mention]) -> list[Mention]:
    """Drop single words that the document itself uses as common nouns: "a Borrower", "such Lender", "borrowers"."""
    words = Counter(_WORD.findall(text))
    counted = Counter(match[1] for match in _COUNTED.finditer(text))

    def common(mention: Mention) -> bool:
        name = text[mention.start : mention.end]
        if mention.type not in _NAMES or not _WORD.fullmatch(name) or (name.isupper() and len(name) <= ACRONYM):
            return False
        small = 0 if name.isupper() else words[name.lower()]
        return small > words[name] or (mention.type in _COUNTABLE and counted[name] > COMMON_NOUN * words[name])

    return [mention for mention in names if not common(mention)]


def _apart(text: str, names: list[Mention]) -> list[Mention]:
    """Take apart what the model drew together and the document knows singly: "Egypt & Libya", "Call Libya"."""
    counts: defaultdict[str, Counter[EntityType]] = defaultdict(Counter)
    for mention in names:
        counts[text[mention.start : mention.end]][mention.type] += 1
    return [part for mention in names for part in _parts(text, mention, counts)]


def _parts(text: str, mention: Mention, counts: Mapping[str, Counter[EntityType]]) -> list[Mention]:
    if mention.type not in _NAMES:
        return [mention]
    if both := _AND.search(text, mention.start, mention.end):
        halves = mention._replace(end=both.start()), mention._replace(start=both.end())
        known = [(half, kinds) for half in halves if (kinds := counts.get(text[half.start : half.end]))]
        if len(known) == len(halves):
            return [half._replace(type=max(kinds, key=lambda kind: (kinds[kind], kind))) for half, kinds in known]
    name = text[mention.start : mention.end]
    last = _LAST.search(name) if mention.type is _PERSON else None
    kinds = counts.get(last[1]) if last else None
    if last and kinds and not kinds[_PERSON] and kinds[_LOCATION] > PLACE * counts[name].total():
        return [mention._replace(start=mention.start + last.start(1), type=_LOCATION)]
    return [mention]


def _agreed(text: str, names: list[Mention], exact: list[Mention]) -> list[Mention]:
    """Give all mentions of one name in the document the type that speaks loudest."""
    votes: defaultdict[str, defaultdict[EntityType, float]] = defaultdict(lambda: defaultdict(float))
    places = {m.start for m in names if m.type is _LOCATION}
    columns = _columns(text, names)
    for mention in (*names, *exact):
        if mention.type in _NAMES:
            key = _key(text, mention)
            for kind, weight in (*_votes(text, mention, places), *columns.get(mention.start, ())):
                votes[key][kind] += weight
            if mention.type is _PERSON and " " in key:
                votes[_surname(key)][_PERSON] += _PART_OF_NAME
    loudest = {key: max(kinds, key=lambda kind: (kinds[kind], kind)) for key, kinds in votes.items()}
    return [m._replace(type=loudest[_key(text, m)]) if m.type in _NAMES else m for m in names]


def _votes(text: str, mention: Mention, places: set[int]) -> Iterator[tuple[EntityType, float]]:
    yield mention.type, _TRUST.get(mention.type, 1.0)
    if mention.type not in _MOVABLE:
        return
    before = text[max(0, mention.start - 24) : mention.start]
    if _IN.search(before):
        yield _LOCATION, _IN_PLACE
    if text.startswith(", ", mention.end) and mention.end + 2 in places:
        yield _LOCATION, _IN_A_PLACE
    if _TITLE.search(before):
        yield _PERSON, _TITLED
    if _SAID.match(text, mention.end):
        yield _PERSON, _SPEAKING


def _columns(text: str, names: Iterable[Mention]) -> dict[int, list[tuple[EntityType, float]]]:
    """What the column of a table says of each name that fills a cell of it, by where the name starts."""
    by_place = {(mention.start, mention.end): mention for mention in names if mention.type in _NAMES}
    columns: defaultdict[tuple[int, int], list[Mention]] = defaultdict(list)
    for table, number, place in _cells(text):
        if mention := by_place.get(place):
            columns[table, number].append(mention)
    said: dict[int, list[tuple[EntityType, float]]] = {}
    for column in columns.values():
        kinds = Counter(mention.type for mention in column)
        shares = [(kind, _IN_COLUMN * count / len(column)) for kind, count in kinds.items()]
        said.update((mention.start, shares) for mention in column)
    return said


def _cells(text: str) -> Iterator[tuple[int, int, tuple[int, int]]]:
    """Where its table begins, the column's number, start and end: of each cell, without the space around it."""
    table = end = -1
    for row in _ROW.finditer(text):
        table = table if row.start() == end + 1 else row.start()
        at, end = row.span()
        for number, cell in enumerate(row[0].split("\t")):
            start = at + len(cell) - len(cell.lstrip())
            yield table, number, (start, start + len(cell.strip()))
            at += len(cell) + 1


def _repeated(text: str, names: list[Mention], exact: list[Mention]) -> list[Mention]:
    """The other places of names that the model passed over."""
    known = _known(text, names, exact)
    places = ((start, known[name], len(name)) for start, name in _places(text, known))
    again = [Mention(at, at + size, like.type, round(like.confidence * REPEATED, 3)) for at, like, size in places]
    return _without_overlap(again, [*names, *exact])


def _places(text: str, names: Iterable[str]) -> Iterator[tuple[int, str]]:
    """Where the names stand as whole words, the longest at each place; the time hardly grows with their number."""
    by_first: defaultdict[str, list[str]] = defaultdict(list)
    for name in sorted(names, key=len, reverse=True):
        if first := _RUN.match(name):
            by_first[first[0]].append(name)
    end = 0
    for run in _RUN.finditer(text):
        for name in by_first.get(run[0], ()) if run.start() >= end else ():
            if text.startswith(name, run.start()) and not _RUN.match(text, run.start() + len(name)):
                end = run.start() + len(name)
                yield run.start(), name
                break


def _known(text: str, names: list[Mention], exact: list[Mention]) -> dict[str, Mention]:
    """Names of several words, surnames of persons, and single words that are names more often than not, by spelling."""
    words = Counter(_WORD.findall(text))
    often = Counter(text[mention.start : mention.end] for mention in names if mention.type in _NAMES)
    known: dict[str, Mention] = {}
    for mention in (*names, *exact):
        name = text[mention.start : mention.end]
        if mention.type not in _NAMES or not (" " in name or often[name] >= OFTEN * words[name] > 0):
            continue
        known.setdefault(name, mention)
        if mention.type is _PERSON and len(last := _surname(name)) > 2 and last[0].isupper():
            known.setdefault(last, mention)
    return known


def _surname(name: str) -> str:
    """The last word, or what stands before the comma of "Doe, Jane"."""
    before, comma, _ = name.partition(",")
    return before.rsplit(" ", 1)[-1] if comma else name.rsplit(" ", 1)[-1]


def _key(text: str, mention: Mention) -> str:
    return _SPACE.sub(" ", text[mention.start : mention.end]).casefold()
