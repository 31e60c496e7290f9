"""Which mentions of one document name the same thing.

Inside a document looser rules are safe than across documents: "Clinton" after "Hillary Clinton" is she, unless the document
knows another Clinton. Names are taken from the fullest to the shortest; each joins the one fuller name that it fits, and stays
by itself if it fits none or several. Two different full names never meet.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

from pipeline.model import EntityType, Mention
from pipeline.stages.linking import Link, link, specificity
from pipeline.stages.names import NAME, PERSON, Parts, acronyms, blocking_keys, normalize, parts


class LocalCluster(NamedTuple):
    """One thing named in a document.

    ``name`` is the best surface form and ``key`` its key; ``mentions`` are indices into the list of mentions; ``aliases`` are
    weak links that this document is evidence for: short forms that it defines, as in "World Health Organization (WHO)".
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
    """Group the mentions of one document by what they name: each is in one cluster; clusters are ordered by first mention."""
    forms = _forms(text, mentions)
    known = _Known(_definitions(text, mentions, forms), forms)
    joined: dict[str, list[_Form]] = defaultdict(list)
    for key in sorted(forms, key=specificity, reverse=True):
        joined[known.place(key)].append(forms[key])
    clusters = [_cluster(home, group, known.defined) for home, group in joined.items()]
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


_BEFORE = re.compile(r"(?:^|[:;<>\"'(]|\n)[ \t]*([^\W\d_][\w'’-]+),[ \t]*$")
_AFTER = re.compile(r",[ \t]*([A-Z][\w'’-]+(?:[ \t]+[A-Z]\b\.?)?)[ \t]*(?=[;<>\[(\"\n]|$)")
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
            text[one.end : other.start].strip(" \n\"'“‘") != "("
            or text[other.end : other.end + 2].lstrip("\"'”’")[:1] != ")"
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
    """The names met so far, fullest first, found by their words, their initials and their blocking keys."""

    def __init__(self, defined: dict[str, str], forms: dict[str, _Form]) -> None:
        self.defined = defined
        self._forms = forms
        self._homes: dict[str, str] = {}
        self._by_block: dict[str, list[str]] = defaultdict(list)
        self._by_word: dict[str, list[str]] = defaultdict(list)
        self._by_initials: dict[str, list[str]] = defaultdict(list)

    def place(self, key: str) -> str:
        """The key of the cluster that ``key`` belongs to; from now on others can join it there."""
        name = parts(key)
        home = self._homes[key] = self._home(key, name)
        if name.kind in (PERSON, NAME):
            for block in blocking_keys(key):
                self._by_block[block].append(key)
            for initials in acronyms(name.tokens):
                self._by_initials[initials].append(key)
        if name.kind == PERSON:
            for word in {*name.tokens[:1], *name.tokens[-1:]}:
                self._by_word[word].append(key)
        return home

    def _home(self, key: str, name: Parts) -> str:
        if name.kind not in (PERSON, NAME) or not name.tokens:
            return key
        if (full := self.defined.get(key)) in self._homes and full is not None:
            return self._homes[full]
        for candidates in (
            self._linked(key, "strong"),
            self._linked(key, "weak"),
            self._containing(key, name),
            self._long(name),
        ):
            if homes := {self._homes[candidate] for candidate in candidates}:
                return homes.pop() if len(homes) == 1 else key
        return key

    def _linked(self, key: str, strength: str) -> list[str]:
        near = {other for block in blocking_keys(key) for other in self._by_block.get(block, ())}
        return [other for other in near if (found := link(key, other)) and found.strength == strength]

    def _containing(self, key: str, name: Parts) -> Iterable[str]:
        """Persons of whose name this is the given name or the end; a place that is named more often than they is a place."""
        form = self._forms[key]
        if len(name.text) < 2 or form.type is EntityType.GROUP:
            return []
        size = len(name.tokens)
        near = (other for other in self._by_word.get(name.tokens[-1], ()) if size < len(parts(other).tokens) <= _LONGEST)
        found = [other for other in near if name.tokens in (parts(other).tokens[-size:], parts(other).tokens[:1])]
        if form.type is EntityType.LOCATION:
            return [other for other in found if len(form.mentions) <= len(self._forms[other].mentions)]
        return found

    def _long(self, name: Parts) -> list[str]:
        """Names of which this may be the initials."""
        if name.kind != NAME or len(name.tokens) != 1 or len(name.text) < 2:
            return []
        return [key for key in self._by_initials.get(name.text, ()) if parts(key).kind == NAME]


_LONGEST = 6
"""Words in the longest name of a person; what is longer was cut out of the text wrongly."""


def _cluster(home: str, group: list[_Form], defined: dict[str, str]) -> LocalCluster:
    best = next(form for form in group if form.key == home)
    name = max(best.surfaces, key=lambda surface: (best.surfaces[surface], len(surface), surface))
    short = sorted(form.key for form in group if form.key in defined and form.key != home)
    aliases = tuple(Link(key, home, "weak", "defined in a document", 0.9) for key in short)
    return LocalCluster(name, home, best.type, tuple(sorted(i for form in group for i in form.mentions)), aliases)
