"""A document's names among those of the project: which are new, and what links them to the known ones."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from pipeline.model import NameLink, NewName
from pipeline.stages.linking import Link, link, specificity
from pipeline.stages.names import blocking_keys
from pipeline.stages.resolution import LocalCluster


def names_of(clusters: Iterable[LocalCluster]) -> set[str]:
    """All names, by key, that a document is about: those of its clusters and those that it defines."""
    return {key for c in clusters for key in (c.key, *(end for alias in c.aliases for end in (alias.left, alias.right)))}


def join_names(clusters: Sequence[LocalCluster], known: Iterable[str]) -> tuple[list[NewName], list[NameLink]]:
    """Compare the new names of a document with the known ones and with each other.

    Args:
        clusters: what the document names.
        known: keys in the project that are among ``names_of`` them or share a blocking key with one.
    """
    known = set(known)
    new = sorted(names_of(clusters) - known)
    spelled = [_row(each) for each in _links(new, known)]
    said = {(each.left, each.right): _row(each, by_document=True) for cluster in clusters for each in cluster.aliases}
    return [_name(key) for key in new], [*spelled, *said.values()]


def _links(new: Sequence[str], known: Iterable[str]) -> Iterable[Link]:
    by_block: dict[str, list[str]] = defaultdict(list)
    for key in known:
        for block in blocking_keys(key):
            by_block[block].append(key)
    for key in new:
        blocks = blocking_keys(key)
        for other in {other for block in blocks for other in by_block.get(block, ())}:
            if each := link(key, other):
                yield each
        for block in blocks:
            by_block[block].append(key)


def _name(key: str) -> NewName:
    return NewName(key, specificity(key)[0], tuple(sorted(blocking_keys(key))))


def _row(each: Link, *, by_document: bool = False) -> NameLink:
    return NameLink(each.left, each.right, each.strength == "strong", each.reason, each.score, by_document)
