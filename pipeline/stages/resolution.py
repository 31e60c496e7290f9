"""Which mentions of one document name the same thing.

Inside a document looser rules are safe than across documents: "Clinton" after "Hillary Clinton" is she, unless the document
knows another Clinton. Names are taken from the fullest to the shortest; each joins the one fuller name that it fits, and
stays by itself if it fits none or several. Two different full names never meet.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

from pipeline.model import EntityType, Mention
from pipeline.stages.linking import Link, Strength, link, specificity
from pipeline.stages.names import NAME, PERSON, Parts, acronyms, blocking_keys, core, normalize, parts

DEFINED = "defined in a document"
SHORT = "short form in a document"
LONGEST = 6
"""Words in the longest name of a person; what is longer was cut out of the text wrongly."""


class LocalCluster(NamedTuple):
    """One thing named in a document.

    ``name`` is the best surface form and ``key`` its key; ``mentions`` are indices into the list of mentions; ``aliases``
    are weak links that this document is evidence for: "WHO" where it has "World Health Organization (WHO)", "Acme" where it
    has "Acme Holdings" and no other Acme.
    """

    name: str
    key: str
    type: EntityType
    mentions: tuple[int, ...]
    aliases: tuple[Link, ...] = ()


@dataclass(slots=True)
class _Form:
    """All mentions of one key, and how they are written."""

    key: str
    type: EntityType
    surfaces: Counter[str] = field(default_factory=Counter)
    mentions: list[int] = field(default_factory=list)


def resolve_document(text: str, mentions: Sequence[Mention]) -> list[LocalCluster]:
    """Group the mentions of one document by what they name: each is in one cluster; clusters stand by first mention."""
    forms = _forms(text, mentions)
    known = _Known(forms, _definitions(text, mentions, forms))
    joined: dict[str, list[_Form]] = defaultdict(list)
    aliases: dict[str, list[Link]] = defaultdict(list)
    for key in sorted(forms, key=specificity, reverse=True):
        home, reason = known.place(key)
        joined[home].append(forms[key])
        if reason in (DEFINED, SHORT) and "," not in home:
            aliases[home].append(Link(key, home, "weak", reason, 0.8))
    clusters = [_cluster(home, group, aliases[home]) for home, group in joined.items()]
    return sorted(clusters, key=lambda cluster: cluster.mentions)


def _forms(text: str, mentions: Sequence[Mention]) -> dict[str, _Form]:
    """Mentions by key. What is written the same way has the type that most of it was given."""
    surfaces = [_surface(text, mention) for mention in mentions]
    plain = [normalize(surface, EntityType.OTHER) for surface in surfaces]
    votes: dict[str, Counter[EntityType]] = defaultdict(Counter)
    for written, mention in zip(plain, mentions, strict=True):
        votes[written][mention.type] += 1
    types = {written: _most(count) for written, count in votes.items()}
    forms: dict[str, _Form] = {}
    for index, (surface, written) in enumerate(zip(surfaces, plain, strict=True)):
        key = normalize(surface, types[written])
        form = forms.setdefault(key, _Form(key, types[written]))
        form.surfaces[surface] += 1
        form.mentions.append(index)
    return forms


def _most(count: Counter[EntityType]) -> EntityType:
    return max(count, key=lambda kind: (count[kind], kind))


_BEFORE = re.compile(r"(?:^|[:;<>\"'(]|\n)[ \t]*([^\W\d_][\w'\u2019-]+),[ \t]*$")
_AFTER = re.compile(r",[ \t]*([A-Z][\w'\u2019-]+(?:[ \t]+[A-Z]\b\.?)?)[ \t]*(?=[;<>\[(\"\n]|$)")
_LINE = 80


def _surface(text: str, mention: Mention) -> str:
    """How a name is written. In lists of addresses ("Mills, Cheryl D; …") both halves are read, whichever was found."""
    surface = text[mention.start : mention.end]
    if mention.type in (EntityType.PERSON, EntityType.ORGANIZATION) and "," not in surface and len(surface) < _LINE:
        before = _BEFORE.search(text[max(0, mention.start - _LINE) : mention.start])
        after = _AFTER.match(text[mention.end : mention.end + _LINE])
        if before and re.match(r"\s*(?:[;<>\[(\"\n]|$)", text[mention.end : mention.end + _LINE]):
            surface = f"{before[1]}, {surface}"
        elif after and surface.isalpha() and surface[0].isupper():
            surface = f"{surface}, {after[1]}"
    return " ".join(surface.split())


def _definitions(text: str, mentions: Sequence[Mention], forms: dict[str, _Form]) -> dict[str, str]:
    """Short form → full form, where one follows the other in brackets and its letters come from it."""
    keys = {index: form.key for form in forms.values() for index in form.mentions}
    found: dict[str, str] = {}
    for (i, one), (j, other) in pairwise(enumerate(mentions)):
        if (
            text[one.end : other.start].strip(" \n\"'\u201c\u2018") != "("
            or text[other.end : other.end + 2].lstrip("\"'\u201d\u2019")[:1] != ")"
        ):
            continue
        short, full = sorted((i, j), key=lambda index: mentions[index].end - mentions[index].start)
        if _abbreviates(text[mentions[short].start : mentions[short].end], parts(keys[full])):
            found[keys[short]] = keys[full]
    return found


def _abbreviates(short: str, full: Parts) -> bool:
    letters = [letter.casefold() for letter in short if letter.isalnum()]
    if not (
        short[:1].isupper() and 2 <= len(letters) <= 10 and " " not in short and full.kind == NAME and len(full.tokens) > 1
    ):
        return False
    rest = iter("".join(full.tokens))
    return letters[0] == full.text[0] and all(letter in rest for letter in letters)


class _Known:
    """The names of a document met so far, fullest first, and the ways to find those that a shorter name may stand for."""

    def __init__(self, forms: dict[str, _Form], defined: dict[str, str]) -> None:
        self._forms = forms
        self._defined = defined
        self._homes: dict[str, str] = {}
        self._by_block: dict[str, list[str]] = defaultdict(list)
        self._by_word: dict[str, list[str]] = defaultdict(list)
        self._by_core: dict[str, list[str]] = defaultdict(list)
        self._by_initials: dict[str, list[str]] = defaultdict(list)

    def place(self, key: str) -> tuple[str, str]:
        """The key of the cluster that ``key`` belongs to, and why; from now on others can join it there."""
        name = parts(key)
        home, reason = self._home(key, name) if name.kind in (PERSON, NAME) and name.tokens else (key, "")
        self._homes[key] = home
        if name.kind in (PERSON, NAME):
            self._remember(key, name)
        return home, reason

    def _remember(self, key: str, name: Parts) -> None:
        for block in blocking_keys(key):
            self._by_block[block].append(key)
        if name.kind == PERSON:
            for word in {*name.tokens[:1], *name.tokens[-1:]}:
                self._by_word[word].append(key)
        else:
            self._by_core[core(name)].append(key)
            for initials in acronyms(name.tokens):
                self._by_initials[initials].append(key)

    def _home(self, key: str, name: Parts) -> tuple[str, str]:
        ways: tuple[tuple[str, Callable[[str, Parts], Iterable[str]]], ...] = (
            (DEFINED, lambda key, _: [full for full in (self._defined.get(key),) if full in self._homes]),
            ("same", lambda key, _: self._linked(key, "strong")),
            ("link", lambda key, _: self._linked(key, "weak")),
            ("part", self._persons),
            (SHORT, self._companies_and_places),
            ("initials", self._abbreviated),
        )
        for reason, find in ways:
            if homes := {self._homes[other] for other in find(key, name)}:
                return (homes.pop(), reason) if len(homes) == 1 else (key, "")
        return key, ""

    def _linked(self, key: str, strength: Strength) -> list[str]:
        near = {other for block in blocking_keys(key) for other in self._by_block.get(block, ())}
        return [other for other in near if (found := link(key, other)) and found.strength == strength]

    def _persons(self, key: str, name: Parts) -> list[str]:
        """Persons of whose name this is the given name or the end; a place that is named more often than they is a place."""
        form, size = self._forms[key], len(name.tokens)
        if len(name.text) < 2 or form.type is EntityType.GROUP:
            return []
        near = [other for other in self._by_word.get(name.tokens[-1], ()) if size < len(parts(other).tokens) <= LONGEST]
        found = [other for other in near if name.tokens in (parts(other).tokens[-size:], parts(other).tokens[:1])]
        most = len(form.mentions) if form.type is EntityType.LOCATION else 0
        return [other for other in found if len(self._forms[other].mentions) >= most]

    def _companies_and_places(self, key: str, name: Parts) -> list[str]:
        """Names that begin with this one and go on with no more than company words, or with the place that it lies in."""
        full = [other for other in self._by_core.get(name.text, ()) if name.kind == NAME]
        place = self._forms[key].type is EntityType.LOCATION
        return [other for other in full if not place or "," in parts(other).text]

    def _abbreviated(self, key: str, name: Parts) -> list[str]:
        """Names of which this is the initials."""
        capitals = any(sum(letter.isupper() for letter in surface) > 1 for surface in self._forms[key].surfaces)
        return self._by_initials.get(name.text, []) if name.kind == NAME and capitals else []


def _cluster(home: str, group: list[_Form], aliases: list[Link]) -> LocalCluster:
    best = next(form for form in group if form.key == home)
    name = max(best.surfaces, key=lambda surface: ("," not in surface, best.surfaces[surface], len(surface), surface))
    return LocalCluster(name, home, best.type, tuple(sorted(i for form in group for i in form.mentions)), tuple(aliases))
