from pipeline.model import EntityType
from pipeline.stages.relations import CO_OCCURS, NEIGHBOURS, Named, Relation, co_occurrences

PERSON = EntityType.PERSON


def test_pairs_of_one_sentence_are_related_once() -> None:
    mentions = [Named(0, 3, "b", PERSON), Named(5, 8, "a", PERSON), Named(8, 9, "b", PERSON), Named(12, 15, "a", PERSON)]
    assert co_occurrences([(0, 10), (10, 20)], mentions) == [Relation("a", CO_OCCURS, "b", 0, 10)]


def test_each_sentence_is_evidence_of_its_own() -> None:
    mentions = [Named(at, at + 1, name, PERSON) for at, name in ((0, "a"), (2, "b"), (10, "b"), (12, "a"))]
    assert [(r.start, r.end) for r in co_occurrences([(0, 10), (10, 20)], mentions)] == [(0, 10), (10, 20)]


def test_dates_sums_and_patterns_take_no_part() -> None:
    kinds = (EntityType.DATE, EntityType.MONEY, EntityType.EMAIL, EntityType.PHONE, EntityType.URL)
    others = [Named(at, at + 1, f"{at}", kind) for at, kind in enumerate(kinds, 1)]
    assert co_occurrences([(0, 10)], [Named(0, 1, "a", PERSON), *others]) == []


def test_mentions_outside_all_sentences_are_left_out() -> None:
    assert co_occurrences([(5, 10)], [Named(0, 1, "a", PERSON), Named(6, 7, "b", PERSON), Named(10, 11, "c", PERSON)]) == []
    assert co_occurrences([], [Named(0, 1, "a", PERSON)]) == []


def test_a_list_of_names_makes_as_many_pairs_as_it_has_names_times_a_constant() -> None:
    mentions = [Named(at, at + 1, f"{at:03}", PERSON) for at in range(200)]
    found = co_occurrences([(0, 200)], mentions)
    assert len(found) <= 200 * NEIGHBOURS
    assert Relation("000", CO_OCCURS, "001", 0, 200) in found
    assert Relation("000", CO_OCCURS, "199", 0, 200) not in found
