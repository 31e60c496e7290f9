from itertools import combinations

from pipeline.model import EntityType
from pipeline.stages.joining import join_names, names_of
from pipeline.stages.linking import Link, link
from pipeline.stages.names import blocking_keys, normalize
from pipeline.stages.resolution import LocalCluster

FULL, SHORT, OTHER = (normalize(name, EntityType.PERSON) for name in ("Hillary Clinton", "Clinton", "Ada Lovelace"))
COUNCIL, LETTERS = (normalize(name, EntityType.ORGANIZATION) for name in ("Baltic Shipping Council", "BSC"))


def cluster(key: str, *aliases: Link) -> LocalCluster:
    return LocalCluster(key, key, EntityType.PERSON, (0,), aliases)


def test_only_new_names_are_told_with_what_finds_them() -> None:
    names, links = join_names([cluster(FULL), cluster(OTHER)], [OTHER])
    assert [(name.key, name.tokens, frozenset(name.blocking_keys)) for name in names] == [(FULL, 2, blocking_keys(FULL))]
    assert links == []


def test_a_new_name_is_linked_with_known_ones_whichever_came_first() -> None:
    for new, known in ((FULL, SHORT), (SHORT, FULL)):
        _, links = join_names([cluster(new)], [known, OTHER])
        assert [(x.left, x.right, x.strong, x.by_document) for x in links] == [(SHORT, FULL, False, False)]


def test_new_names_are_linked_with_each_other_once() -> None:
    keys = [
        normalize(name, EntityType.PERSON) for name in ("Clinton", "H. Clinton", "Hillary Clinton", "Bill Clinton", "Ada")
    ]
    _, links = join_names([cluster(key) for key in keys], [])
    found = [(x.left, x.right) for x in links]
    assert len(found) == len(set(found))
    assert set(found) == {(x.left, x.right) for one, other in combinations(keys, 2) if (x := link(one, other))}


def test_known_names_are_not_compared_again() -> None:
    assert join_names([cluster(FULL), cluster(SHORT)], [FULL, SHORT]) == ([], [])


def test_what_a_document_defines_is_told_apart_from_what_spelling_says() -> None:
    said = Link(LETTERS, COUNCIL, "weak", "defined in a document", 0.8)
    clusters = [cluster(COUNCIL, said)]
    assert names_of(clusters) == {COUNCIL, LETTERS}
    names, links = join_names(clusters, [])
    assert {name.key for name in names} == {COUNCIL, LETTERS}
    assert [(x.left, x.right, x.by_document) for x in links] == [(LETTERS, COUNCIL, True)]
    assert [x.by_document for x in join_names(clusters, [COUNCIL, LETTERS])[1]] == [True]


def test_a_definition_does_not_take_the_place_of_what_spelling_says() -> None:
    said = Link(SHORT, FULL, "weak", "short form in a document", 0.8)
    _, links = join_names([cluster(FULL, said)], [])
    assert sorted(x.by_document for x in links) == [False, True]
