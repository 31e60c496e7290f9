"""Which name speaks for which, by links and by what people decided. The database does the same, around what changed alone.

Strong links and decisions join names into components. From each component the weak links are followed to where none leads
further; if that is one component, the first belongs to it, else it stays alone. The most specific name of a component speaks
for it.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import combinations, product
from typing import Literal, NamedTuple

from pipeline.stages.linking import Link, specificity

Pair = tuple[str, str]


class Decision(NamedTuple):
    """What a person decided of names, by their keys.

    Of a merge: ``bound`` are one, and no older split of any two of its names holds any more. Of a split: ``bound`` are one,
    and none of them is one with any of ``rest``.
    """

    kind: Literal["merge", "split"]
    bound: frozenset[str]
    rest: frozenset[str]


def canonicalize(names: Iterable[str], links: Iterable[Link], decisions: Sequence[Decision] = ()) -> dict[str, str]:
    """The canonical key of each name.

    Args:
        names: keys.
        links: between them, in any order.
        decisions: the oldest first; where two contradict each other the later one wins. They may name what is not there.
    """
    names, links = sorted(names), list(links)
    apart = _kept_apart(names, decisions)
    root = _components(names, links, decisions, apart)
    members: dict[str, list[str]] = defaultdict(list)
    for name, first in root.items():
        members[first].append(name)
    best = {first: max(group, key=specificity) for first, group in members.items()}
    place = {name: best[first] for name, first in root.items()}
    barred = {
        (place[a], place[b]) for pairs in apart for pair in pairs for a, b in (pair, pair[::-1]) if place[a] != place[b]
    }
    onward = _onward(links, place, _joined(place, decisions), barred)
    home = _admitted({each: _home(each, onward) for each in set(place.values())}, barred)
    return {name: home[each] for name, each in place.items()}


def _kept_apart(names: Collection[str], decisions: Sequence[Decision]) -> list[list[Pair]]:
    """For each decision the pairs that it keeps apart and that no later merge names."""
    kept: list[list[Pair]] = []
    for number, split in enumerate(decisions):
        merged = [merge.bound | merge.rest for merge in decisions[number + 1 :] if merge.kind == "merge"]
        pairs = product(split.bound, split.rest) if split.kind == "split" else ()
        there = (pair for pair in pairs if pair[0] in names and pair[1] in names)
        kept.append([pair for pair in there if not any(each.issuperset(pair) for each in merged)])
    return kept


def _components(
    names: Sequence[str], links: Iterable[Link], decisions: Sequence[Decision], apart: Sequence[Sequence[Pair]]
) -> dict[str, str]:
    """Decisions count from the newest to the oldest, then strong links; what contradicts one before it does not count."""
    part = {name: name for name in names}
    barred: list[Pair] = []
    for decision, pairs in zip(reversed(decisions), reversed(apart), strict=True):
        barred += [(a, b) for a, b in pairs if part[a] != part[b]]
        for one, other in combinations(sorted(decision.bound & part.keys()), 2):
            _join(part, one, other, barred)
    strong = [each for each in links if each.strength == "strong"]
    for each in sorted(strong, key=lambda each: (-each.score, *sorted((each.left, each.right)))):
        _join(part, each.left, each.right, barred)
    return part


def _join(part: dict[str, str], one: str, other: str, barred: Iterable[Pair]) -> None:
    first, second = part[one], part[other]
    if first != second and not any({part[a], part[b]} == {first, second} for a, b in barred):
        part.update({name: first for name, at in part.items() if at == second})


def _joined(place: Mapping[str, str], decisions: Iterable[Decision]) -> set[str]:
    """Components that a person joined."""
    found = set()
    for decision in decisions:
        places = [place[name] for name in decision.bound if name in place]
        found |= {each for each in places if places.count(each) > 1}
    return found


def _onward(
    links: Iterable[Link], place: Mapping[str, str], joined: Collection[str], barred: Collection[Pair]
) -> dict[str, set[str]]:
    """Where weak links lead: from what a person joined those of its best name alone, and never to what must stay apart."""
    onward: dict[str, set[str]] = defaultdict(set)
    for each in links:
        start, end = place[each.left], place[each.right]
        counts = each.strength == "weak" and start != end and (start, end) not in barred
        if counts and (start not in joined or each.left == start):
            onward[start].add(end)
    return onward


def _home(first: str, onward: Mapping[str, set[str]]) -> str:
    seen, waiting, ends = {first}, [first], set[str]()
    while waiting:
        at = waiting.pop()
        further = onward.get(at, set())
        if not further:
            ends.add(at)
        waiting.extend(further - seen)
        seen |= further
    return ends.pop() if len(ends) == 1 else first


def _admitted(home: Mapping[str, str], barred: Collection[Pair]) -> dict[str, str]:
    """The home of each, or itself where that, or a better name that belongs there too, must stay apart from it."""
    taken: dict[str, list[str]] = defaultdict(list)
    result = {}
    for start in sorted(home, key=specificity, reverse=True):
        end = home[start]
        refused = start != end and any((start, other) in barred for other in (end, *taken[end]))
        result[start] = start if refused else end
        if start != end and not refused:
            taken[end].append(start)
    return result
