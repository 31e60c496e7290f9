from pipeline.model import EntityType, Mention
from pipeline.stages.mentions import merge

PERSON, ORGANIZATION, LOCATION = EntityType.PERSON, EntityType.ORGANIZATION, EntityType.LOCATION


def at(text: str, name: str, kind: EntityType, occurrence: int = 0, confidence: float = 0.8) -> Mention:
    start = -1
    for _ in range(occurrence + 1):
        start = text.index(name, start + 1)
    return Mention(start, start + len(name), kind, confidence)


def shown(text: str, mentions: list[Mention]) -> list[tuple[str, EntityType]]:
    return [(text[m.start : m.end], m.type) for m in mentions]


def test_patterns_win_over_what_they_overlap() -> None:
    text = "Write to ann@example.org now"
    address = at(text, "ann@example.org", EntityType.EMAIL)
    assert merge(text, [at(text, "ann@example", ORGANIZATION)], [address]) == [address]


def test_the_longer_of_two_mentions_stays_and_order_is_that_of_the_text() -> None:
    text = "Bank of Elmstead wrote to Ann Lee"
    found = [at(text, "Ann Lee", PERSON), at(text, "Elmstead", LOCATION), at(text, "Bank of Elmstead", ORGANIZATION)]
    assert shown(text, merge(text, found)) == [("Bank of Elmstead", ORGANIZATION), ("Ann Lee", PERSON)]


def test_a_surname_follows_the_full_name() -> None:
    text = "Ann Orley came. Orley left. Then Orley wrote."
    found = [at(text, "Ann Orley", PERSON), at(text, "Orley", ORGANIZATION, 1)]
    merged = merge(text, found)
    assert shown(text, merged) == [("Ann Orley", PERSON), ("Orley", PERSON), ("Orley", PERSON)]
    assert merged[2].confidence < merged[0].confidence


def test_a_surname_follows_an_inverted_full_name() -> None:
    text = "Orley, Ann came. Later Orley left."
    assert shown(text, merge(text, [], [at(text, "Orley, Ann", PERSON)])) == [("Orley, Ann", PERSON), ("Orley", PERSON)]


def test_the_commoner_type_of_a_name_wins() -> None:
    text = "Elmstead is far. Elmstead grew. Elmstead burned."
    found = [at(text, "Elmstead", kind, n) for n, kind in enumerate([LOCATION, ORGANIZATION, LOCATION])]
    assert {m.type for m in merge(text, found)} == {LOCATION}


def test_a_title_makes_a_person() -> None:
    text = "They asked Mrs. Harrow about it."
    assert shown(text, merge(text, [at(text, "Harrow", LOCATION)])) == [("Harrow", PERSON)]


def test_a_word_that_the_document_uses_as_a_noun_is_no_name() -> None:
    text = "Any Vendor may sell. The Vendor pays. Such Vendor leaves. Rowan & Co stays."
    found = [at(text, "Vendor", ORGANIZATION, n) for n in range(3)] + [at(text, "Rowan & Co", ORGANIZATION)]
    assert shown(text, merge(text, found)) == [("Rowan & Co", ORGANIZATION)]


def test_dates_are_left_as_they_are() -> None:
    text = "On 4 May 1911, again on 4 May 1911."
    date = at(text, "4 May 1911", EntityType.DATE)
    assert merge(text, [date]) == [date]


def test_nothing_found() -> None:
    assert merge("", []) == merge("text", []) == []


def test_an_acronym_is_a_name_even_behind_an_article() -> None:
    text = "Send a NATO liaison to their NATO office"
    found = [at(text, "NATO", ORGANIZATION, n) for n in range(2)]
    assert merge(text, found) == found


def test_a_word_that_is_a_name_in_half_of_its_places_is_one_in_all() -> None:
    text = "Elmstead grew. Update on Elmstead. May came. May I? They may. May we?"
    found = [at(text, "Elmstead", LOCATION), at(text, "May", PERSON)]
    assert shown(text, merge(text, found)) == [("Elmstead", LOCATION), ("Elmstead", LOCATION), ("May", PERSON)]


def test_two_known_names_are_taken_apart() -> None:
    text = "Rowan & Elmstead; Elmstead; Rowan; Rowan and Partners"
    found = [
        at(text, "Rowan & Elmstead", ORGANIZATION),
        at(text, "Elmstead", LOCATION, 1),
        at(text, "Rowan", ORGANIZATION, 1),
    ]
    found.append(at(text, "Rowan and Partners", ORGANIZATION))
    names = [name for name, _ in shown(text, merge(text, found))]
    assert names == ["Rowan", "Elmstead", "Elmstead", "Rowan", "Rowan and Partners"]


def test_a_place_behind_a_stray_word_is_the_place() -> None:
    text = "Call Elmstead! Elmstead, Elmstead, Elmstead. Eve Moor of Moor."
    found = [at(text, "Call Elmstead", PERSON), *(at(text, "Elmstead", LOCATION, n) for n in range(1, 4))]
    found += [at(text, "Eve Moor", PERSON), at(text, "Moor", LOCATION, 1)]
    assert shown(text, merge(text, found))[0] == ("Elmstead", LOCATION)
    assert ("Eve Moor", PERSON) in shown(text, merge(text, found))


def test_a_column_of_a_table_says_what_stands_in_it() -> None:
    rows = [("Ann Orley", PERSON, "Elmstead"), ("Bo Reed", PERSON, "Marden"), ("Tollan Marsh", LOCATION, "Oxley")]
    text = "Master\tFrom\n" + "".join(f"{name}\t{place}\n" for name, _, place in rows)
    found = [mention for name, kind, place in rows for mention in (at(text, name, kind), at(text, place, LOCATION))]
    merged = dict(shown(text, merge(text, found)))
    assert merged["Tollan Marsh"] is PERSON
    assert merged["Oxley"] is LOCATION


def test_a_column_of_several_kinds_changes_none() -> None:
    text = "Party\tDay\nAnn Orley\t3 May\nElmstead Ltd\t4 May\nBo Reed\t5 May\nMarden & Co\t6 May\n"
    found = [at(text, "Ann Orley", PERSON), at(text, "Elmstead Ltd", ORGANIZATION)]
    found += [at(text, "Bo Reed", PERSON), at(text, "Marden & Co", ORGANIZATION)]
    assert shown(text, merge(text, found)) == [(text[m.start : m.end], m.type) for m in found]


def test_another_table_has_columns_of_its_own() -> None:
    persons = ("Ann Orley", "Bo Reed", "Cy Marl", "Di Ferris", "Ed Oakes")  # in one column they would outvote the place
    text = "".join(f"{name}\t1\n" for name in persons) + "\nElmstead\t2\n"
    found = [*(at(text, name, PERSON) for name in persons), at(text, "Elmstead", LOCATION)]
    assert shown(text, merge(text, found)) == [(text[m.start : m.end], m.type) for m in found]
