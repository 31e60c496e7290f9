"""From what a statistical model marks to names: edges trimmed, what is no name dropped, types mended by its words.

The word lists hold what an English name says of its own kind ("… River", "… Ltd", "Battle of …"). They were chosen by
measuring on open sets of several genres.
"""

import re
from collections.abc import Iterator

from pipeline.model import EntityType, Mention

_PERSON, _ORGANIZATION, _LOCATION = EntityType.PERSON, EntityType.ORGANIZATION, EntityType.LOCATION
_NAMES = frozenset(EntityType) - {EntityType.DATE, EntityType.MONEY}
_MENDED = _NAMES - {EntityType.GROUP}

_LEADING = re.compile(
    r"(?:[^\w$€£¥#]+|(?:the|an?|this|that|these|those|its|his|her|their|our|your|my|and|or|of)\s+"
    r"|(?:pro|anti|post|pre|non|ex|mid)-(?=\w))+",
    re.IGNORECASE,
)
_TRAILING = re.compile(
    r"(?:\s+(?:and|or|of|the|an?|in|No\.?|Registered|Sent|Subject|To|From|Cc|Title|Address|Attention|Fax|Tel|SIGNED)|['’]s?"
    r"|[^\w)%]+|[\s]+)+\Z"
)
_ABBREVIATION = re.compile(
    r"(?:\b(?:Inc|Ltd|Co|Corp|Jr|Sr|Bros|St|Dr|S\.A|U\.S|U\.K|D\.C|L\.P|N\.V|B\.V)|\b(?:[A-Z]\.\s?)+[A-Z])\Z"
)
_CUT = re.compile(
    r"\n\s*\n|\t|\||(?<=\S)[ \t]{4,}|\n(?=[^\n]*:)"
    r"|(?<=[a-z])\n(?=[^a-z\n]*[A-Z]{4}[^a-z\n]*(?:\n|\Z))|\s[–—]\s|\s-\s(?=[A-Z]{2})|\s*https?:"
)
_MONTH = re.compile(
    r"\d|\b(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?"
    r"|nov(?:ember)?|dec(?:ember)?|(?:mon|tues|wednes|thurs|fri|satur|sun)day|christmas|easter)\b",
    re.IGNORECASE,
)
_DURATION = re.compile(
    r"(?:\w+\s)*?\(?\d[\d.,]*\)?[\s-]*(?:th|st|nd|rd)?[\s-]*(?:to|-|–|and)?[\s-]*\d*[\s-]*"
    r"(?:years?|months?|weeks?|days?|hours?|minutes?|mins?|seconds?|decades?|centur(?:y|ies))\b.*|age of .*",
    re.IGNORECASE,
)
_CURRENCY = re.compile(
    r"[$€£¥₽₹₩]|\b(?:dollars?|euros?|pounds?|sterling|francs?|yen|yuan|renminbi|rubles?|roubles?|rupees?|kronor|crowns?|pesos?"
    r"|cents?|pence|marks?|lire|USD|EUR|GBP|CHF|JPY|CNY|RMB|CAD|AUD)\b",
    re.IGNORECASE,
)  # fmt: skip
_CELLS = re.compile(r"\s*\t\s*|\n(?=[^\n]*\t)")
_LOOK_AHEAD = 200
"""Characters behind a mention in which a tab says that its last line is a row of a table."""
_LISTED = re.compile(rf"\s+(?:and|&)\s+|{_CELLS.pattern}")
_REFERENCE = re.compile(
    r"(?:sections?|articles?|chapters?|exhibits?|schedules?|annex|clauses?|paragraphs?)\b", re.IGNORECASE
)
_ROLE = re.compile(
    r"(?:borrower|lender|holder|company|part(?:y|ies)|collateral|trustee|servicer|issuer|obligation|subsidiar(?:y|ies)|lien|bond"
    r"|indenture|agreement|guarantor|seller|buyer|purchaser|tenant|landlord|lessor|lessee|licensor|licensee|client|customer|contractor"
    r"|employer|employee|plaintiff|defendant|claimant|respondent|appellant|creditor|debtor|person|affiliate|bondholder|shareholder"
    r"|document|security|securities|note|schedule|exhibit|annex|section|article)s?",
    re.IGNORECASE,
)
"""What contracts and pleadings write with a capital without naming anyone."""
_NOISE = re.compile(r"https?:|www\.|@|&(?:amp|quot|lt|gt)|[<>{}=_\\^~*]")


def _words(text: str) -> frozenset[str]:
    return frozenset(text.lower().split())


_BY_LAST = (
    (
        _LOCATION,
        _words(
            """river lake lakes mountain mountains mount county island islands bay street road avenue boulevard highway lane
            route creek falls valley province district peninsula sea ocean desert beach hill hills square airport station
            bridge canal forest glacier region parish village township town city coast gulf strait harbor harbour plateau
            volcano basin cape peak ridge prefecture oblast voivodeship municipality canton palace castle cathedral abbey
            hall tower stadium arena park reserve line center centre building gardens plaza pond territory kingdom empire
            republic khanate emirate"""
        ),
    ),
    (
        _ORGANIZATION,
        _words(
            """inc inc. ltd ltd. limited llc llp corp corp. corporation company co co. plc gmbh ag university college school
            institute association committee council agency ministry department bank party league society club fc records
            foundation commission court congress senate parliament army navy force police orchestra academy trust
            federation organization organisation museum library hospital office bureau board authority airlines airways
            railway railways union group brigade regiment battalion administration association airlines motors"""
        ),
    ),
    (
        EntityType.EVENT,
        _words("war championship championships cup olympics festival games revolution tournament battle election elections"),
    ),
    (EntityType.LAW, _words("act agreement treaty constitution convention protocol amendment accord accords")),
    (
        EntityType.OTHER,
        _words(
            "award awards prize medal contest program programme project guidelines system places testament actress actor"
        ),
    ),
)
_BY_FIRST = (
    (_LOCATION, _words("lake mount mt. river fort cape gulf isle bay strait republic kingdom")),
    (_ORGANIZATION, _words("university ministry department institute bank association committee")),
    (EntityType.EVENT, _words("battle siege")),
)
_TYPE_OF_LAST = {word: kind for kind, words in _BY_LAST for word in words}
_TYPE_OF_FIRST = {word: kind for kind, words in _BY_FIRST for word in words}


def clean(text: str, mention: Mention) -> Iterator[Mention]:
    """The name or names that a model's mention stands for; none if it is no name."""
    between = _LISTED if mention.type is _PERSON else _CELLS
    seen = between.finditer(text, mention.start, mention.end + _LOOK_AHEAD)
    if parts := [part for part in seen if part.end() <= mention.end]:
        edges = [mention.start, *(edge for part in parts for edge in part.span()), mention.end]
        for start, end in zip(edges[::2], edges[1::2], strict=True):
            yield from clean(text, mention._replace(start=start, end=end))
        return
    start, end = _trim(text, mention.start, mention.end)
    name = text[start:end]
    if name and _is_name(name, mention.type):
        yield mention._replace(start=start, end=end, type=_mend(name, mention.type))


def _trim(text: str, start: int, end: int) -> tuple[int, int]:
    name = text[start:end]
    lead = _LEADING.match(name)
    start += lead.end() if lead else 0
    if cut := _CUT.search(text, start, end):
        end = cut.start()
    name = text[start:end]
    if not (tail := _TRAILING.search(name)):
        return start, end
    core = name[: tail.start()]
    if tail.group().startswith(".") and _ABBREVIATION.search(core):
        core += "."
    return start, start + len(core)


def _is_name(name: str, kind: EntityType) -> bool:
    if kind is EntityType.DATE:
        return bool(_MONTH.search(name)) and not _DURATION.fullmatch(name)
    if kind is EntityType.MONEY:
        return bool(_CURRENCY.search(name)) and any(c.isdigit() for c in name)
    if _NOISE.search(name) or not any(c.isalpha() for c in name):
        return False
    cased = [c for c in name if c.islower() or c.isupper()]
    return (
        len(name) > 1
        and not (cased and all(c.islower() for c in cased))
        and not (_REFERENCE.match(name) or _ROLE.fullmatch(name))
    )


def _mend(name: str, kind: EntityType) -> EntityType:
    words = name.lower().split()
    if kind not in _MENDED or len(words) == 1:
        return kind
    if said := _TYPE_OF_FIRST.get(words[0]):
        return said
    said = _TYPE_OF_LAST.get(words[-1])
    return said if said and not (kind is _LOCATION and said is _ORGANIZATION and words[-1] in {"union", "club"}) else kind
