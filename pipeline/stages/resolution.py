"""Which mentions of one document name the same thing.

Inside a document looser rules are safe than across documents: "Clinton" after "Hillary Clinton" is she, unless the document
knows another Clinton. Forms are taken from the fullest to the shortest; each joins the one earlier name that it fits, and stays
by itself if it fits none or several. Two different full names never meet.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from pipeline.model import EntityType, Mention
from pipeline.stages import vocabulary as words
from pipeline.stages.linking import Link, link, specificity
from pipeline.stages.names import NAME, PERSON, Parts, acronyms, blocking_keys, core, normalize, parts


class LocalCluster(NamedTuple):
    """One thing named in a document.

    ``name`` is its best surface form and ``key`` that form's key; ``mentions`` are indices into the list of mentions;
    ``aliases`` are weak links that this document gives evidence for: an abbreviation that it defines or uses.
    """

    name: str
    key: str
    type: EntityType
    mentions: tuple[int, ...]
    aliases: tuple[Link, ...] = ()


@dataclass(slots=True)
class _Form:
    """All mentions of one key."""

    key: str
    type: EntityType
    surfaces: Counter[str] = field(default_factory=Counter)
    mentions: list[int] = field(default_factory=list)


def resolve_document(text: str, mentions: Sequence[Mention]) -> list[LocalCluster]:
    """Group the mentions of one document by what they name; each mention is in one cluster, clusters by first mention."""
    forms = _forms(text, mentions)
    joined: dict[str, list[_Form]] = {}
    aliases: dict[str, list[Link]] = defaultdict(list)
    known = _Known()
    for form in sorted(forms, key=lambda form: specificity(form.key), reverse=True):
        home, reason = known.home(form.key)
        known.add(form.key, home)
        joined.setdefault(home, []).append(form)
        if reason == "acronym":
            aliases[home].append(Link(form.key, home, "weak", "used as its abbreviation", 0.8))
    clusters = [_cluster(home, group, tuple(aliases[home])) for home, group in joined.items()]
    return sorted(clusters, key=lambda cluster: cluster.mentions)


def _forms(text: str, mentions: Sequence[Mention]) -> list[_Form]:
    """Mentions by key. What is written the same way has the type that most of it was given."""
    surfaces = [" ".join(text[m.start : m.end].split()) for m in mentions]
    votes: dict[str, Counter[EntityType]] = defaultdict(Counter)
    for surface, mention in zip(surfaces, mentions, strict=True):
        votes[normalize(surface, EntityType.OTHER)][mention.type] += 1
    types = {plain: _majority(count) for plain, count in votes.items()}
    forms: dict[str, _Form] = {}
    for index, surface in enumerate(surfaces):
        kind = types[normalize(surface, EntityType.OTHER)]
        key = normalize(surface, kind)
        form = forms.setdefault(key, _Form(key, kind))
        form.surfaces[surface] += 1
        form.mentions.append(index)
    return list(forms.values())


def _majority(count: Counter[EntityType]) -> EntityType:
    return max(count, key=lambda kind: (count[kind], kind))


class _Known:
    """The names met so far, fullest first, found by their words and their blocking keys."""

    def __init__(self) -> None:
        self._homes: dict[str, str] = {}
        self._by_block: dict[str, list[str]] = defaultdict(list)
        self._by_word: dict[str, list[str]] = defaultdict(list)
        self._by_acronym: dict[str, list[str]] = defaultdict(list)

    def add(self, key: str, home: str) -> None:
        self._homes[key] = home
        name = parts(key)
        if name.kind not in (PERSON, NAME):
            return
        for block in blocking_keys(key):
            self._by_block[block].append(key)
        for word in set(name.tokens):
            self._by_word[word].append(key)
        for short in acronyms(name.tokens):
            self._by_acronym[short].append(key)

    def home(self, key: str) -> tuple[str, str]:
        """The name that ``key`` belongs to, and why; itself if it fits none or several."""
        name = parts(key)
        if name.kind not in (PERSON, NAME):
            return key, ""
        for reason, candidates in (
            ("same", self._linked(key, "strong")),
            ("short", self._linked(key, "weak")),
            ("part", self._containing(name)),
            ("acronym", self._abbreviated(name)),
        ):
            homes = {self._homes[candidate] for candidate in candidates}
            if homes:
                return (homes.pop(), reason) if len(homes) == 1 else (key, "")
        return key, ""

    def _linked(self, key: str, strength: str) -> Iterable[str]:
        near = {other for block in blocking_keys(key) for other in self._by_block.get(block, ())}
        return [other for other in near if (found := link(key, other)) and found.strength == strength]

    def _containing(self, name: Parts) -> Iterable[str]:
        """Persons of whose name this is one word."""
        if len(name.tokens) != 1 or len(name.text) < 2:
            return []
        return [key for key in self._by_word.get(name.text, ()) if parts(key).kind == PERSON]

    def _abbreviated(self, name: Parts) -> Iterable[str]:
        if name.kind != NAME or len(name.tokens) != 1 or len(name.text) < 2:
            return []
        return [key for key in self._by_acronym.get(name.text, ()) if parts(key).kind == NAME]


def _cluster(home: str, group: list[_Form], aliases: tuple[Link, ...]) -> LocalCluster:
    kinds = Counter[EntityType]()
    for form in group:
        kinds[form.type] += len(form.mentions)
    best = next(form for form in group if form.key == home)
    name = max(best.surfaces, key=lambda surface: (best.surfaces[surface], len(surface), surface))
    return LocalCluster(name, home, best.type, tuple(sorted(i for form in group for i in form.mentions)), aliases)
