"""A document's names among those of the project: which are new, and what links them to the known ones."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from pipeline.model import NameLink, NewName
from pipeline.stages.linking import Link, link, specificity
from pipeline.stages.names import blocking_keys
from pipeline.stages.resolution import LocalCluster


def join_names(clusters: Sequence[LocalCluster], known: Iterable[str]) -> tuple[list[NewName], list[NameLink]]:
    """Compare the new names of a document with the known ones and with each other.

    Args:
        clusters: what the document names.
        known: keys in the project that share a blocking key with one of them.
    """
    known = set(known)
    aliases = [alias for cluster in clusters for alias in cluster.aliases]
    wanted = {c.key for c in clusters} | {key for alias in aliases for key in (alias.left, alias.right)}
    new = sorted(wanted - known)
    found = {(each.left, each.right): each for each in [*_links(new, known), *aliases]}
    return [_name(key) for key in new], [_row(each) for each in found.values()]


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


def _row(each: Link) -> NameLink:
    return NameLink(each.left, each.right, each.strength == "strong", each.reason, each.score)
