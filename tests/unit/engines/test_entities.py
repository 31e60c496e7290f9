"""Names from the packaged model, trimmed and mended, and exact patterns."""

from pathlib import Path

import pytest

from pipeline.engines.entities.cleaning import clean
from pipeline.engines.entities.patterns import PatternFinder
from pipeline.engines.entities.spacy_finder import PACKAGED, SpacyFinder
from pipeline.errors import Misconfigured
from pipeline.model import EntityType as T
from pipeline.model import Mention


@pytest.fixture(scope="module")
def finder(models: Path) -> SpacyFinder:
    return SpacyFinder(PACKAGED, models)


def cleaned(marked: str, kind: T, text: str = "") -> list[tuple[str, T]]:
    text = text or marked
    start = text.index(marked)
    return [(text[m.start : m.end], m.type) for m in clean(text, Mention(start, start + len(marked), kind))]


@pytest.mark.parametrize(
    ("marked", "kind", "expected"),
    [
        ("the Harbour Board's", T.ORGANIZATION, ("Harbour Board", T.ORGANIZATION)),
        ("Orley & Reed Ltd. Registered", T.ORGANIZATION, ("Orley & Reed Ltd.", T.ORGANIZATION)),
        ("“Ann Orley,", T.PERSON, ("Ann Orley", T.PERSON)),
        ("Rowan Inc.", T.ORGANIZATION, ("Rowan Inc.", T.ORGANIZATION)),
        ("anti-Orley", T.GROUP, ("Orley", T.GROUP)),
        ("Ann Orley\n\nTo", T.PERSON, ("Ann Orley", T.PERSON)),
        ("Elm River", T.PERSON, ("Elm River", T.LOCATION)),
        ("Battle of Elmstead", T.ORGANIZATION, ("Battle of Elmstead", T.EVENT)),
        ("Elm Trading Company", T.PERSON, ("Elm Trading Company", T.ORGANIZATION)),
        ("May 1911", T.DATE, ("May 1911", T.DATE)),
        ("Ann Orley\nHARBOUR FILES", T.PERSON, ("Ann Orley", T.PERSON)),
        ("12 May - HRB", T.DATE, ("12 May", T.DATE)),
        ("about £300", T.MONEY, ("about £300", T.MONEY)),
    ],
)
def test_trimmed_and_mended(marked: str, kind: T, expected: tuple[str, T]) -> None:
    assert cleaned(marked, kind) == [expected]


@pytest.mark.parametrize(
    ("marked", "kind"),
    [
        ("today", T.DATE), ("two years", T.DATE), ("30 days", T.DATE), ("fifty", T.MONEY), ("keyboard player", T.PERSON),
        ("Borrower", T.ORGANIZATION), ("Section 7", T.LAW), ("1911", T.ORGANIZATION), ("@handle", T.PERSON), ("the", T.WORK),
    ],
)  # fmt: skip
def test_no_names(marked: str, kind: T) -> None:
    assert cleaned(marked, kind) == []


def test_a_list_of_persons_is_taken_apart() -> None:
    assert cleaned("Ann Orley and Ben Rowan", T.PERSON) == [("Ann Orley", T.PERSON), ("Ben Rowan", T.PERSON)]


def test_model_finds_names_with_their_types(finder: SpacyFinder) -> None:
    text = "Angela Merkel met Barack Obama in Berlin on 4 May 2011, and Microsoft paid $300,000."
    found = {text[m.start : m.end]: m.type for m in finder.find(text)}
    assert found.items() >= {
        "Angela Merkel": T.PERSON, "Barack Obama": T.PERSON, "Berlin": T.LOCATION, "Microsoft": T.ORGANIZATION,
    }.items()  # fmt: skip
    assert T.DATE in found.values()


def test_a_wrapped_name_is_one_name(finder: SpacyFinder) -> None:
    text = "The agreement was signed by the University of\n    California and by Barack\nObama."
    found = [text[m.start : m.end] for m in finder.find(text)]
    assert "University of\n    California" in found
    assert "Barack\nObama" in found


def test_cells_of_a_table_are_names_of_their_own(finder: SpacyFinder) -> None:
    rows = ["3\tOstra Vik\tNils Ekroth\tKlaipeda\t1,540", "9\tElsinia\tBram Oostveen\tAntwerp\t1,440"]
    text = "Day\tShip\tMaster\tFrom\tTonnes\n" + "\n".join(rows) + "\n"
    found = {text[m.start : m.end] for m in finder.find(text)}
    assert {"Nils Ekroth", "Klaipeda", "Bram Oostveen", "Antwerp"} <= found
    assert not any("\t" in name or "\n" in name for name in found)


def test_what_the_model_draws_over_cells_is_taken_apart() -> None:
    expected = [("Ann Orley", T.ORGANIZATION), ("Elmstead", T.ORGANIZATION)]
    assert cleaned("Ann Orley\tElmstead", T.ORGANIZATION) == expected


@pytest.mark.parametrize("begin", ["(a)\t", "12.\t", "4.2\t", "iv)\t", "•\t", "\t", " \t"])
def test_a_clause_behind_its_number_goes_on_in_the_next_line(finder: SpacyFinder, begin: str) -> None:
    text = f"{begin}The loan was made by the Northern Rock Building\nSociety on 4 May 2019 and paid to Ann Orley.\n"
    assert "Northern Rock Building\nSociety" in {text[m.start : m.end] for m in finder.find(text)}


def test_a_heading_is_not_drawn_into_the_row_below() -> None:
    assert cleaned("May 2019\nDay", T.DATE, "May 2019\nDay\tTime\n") == [("May 2019", T.DATE)]
    assert cleaned("Marsh\nQuay", T.LOCATION, "at Marsh\nQuay, and so on\n") == [("Marsh\nQuay", T.LOCATION)]


def test_a_cell_that_says_something_begins_with_no_name(finder: SpacyFinder) -> None:
    text = "1\tKlaipeda\tShifted to Marsh Quay\n2\tHamburg\tSailed part laden\n3\tRiga\tRain stopped work\n"
    assert {text[m.start : m.end] for m in finder.find(text)}.isdisjoint({"Shifted", "Sailed", "Rain"})


def test_unknown_model() -> None:
    with pytest.raises(Misconfigured, match="no_such_model"):
        SpacyFinder("no_such_model", Path())


def patterns(text: str) -> list[tuple[str, T]]:
    return [(text[m.start : m.end], m.type) for m in PatternFinder().find(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("(a.b+c@mail.example.co.uk).", ("a.b+c@mail.example.co.uk", T.EMAIL)),
        ("H <a.b©exampleorg>", ("a.b©exampleorg", T.EMAIL)),
        ("see https://example.org/a?b=c#d, or", ("https://example.org/a?b=c#d", T.URL)),
        ("at www.example.org.", ("www.example.org", T.URL)),
        ("call +44 20 7946 0958 now", ("+44 20 7946 0958", T.PHONE)),
        ("call (212) 555-0100", ("(212) 555-0100", T.PHONE)),
        ("Tel: 040 123 456-7.", ("040 123 456-7", T.PHONE)),
        ("paid $1.5 million for", ("$1.5 million", T.MONEY)),
        ("paid 2,400.50 EUR for", ("2,400.50 EUR", T.MONEY)),
        ("on 4th May 1911 he", ("4th May 1911", T.DATE)),
        ("on 1911-05-04 he", ("1911-05-04", T.DATE)),
    ],
)
def test_patterns(text: str, expected: tuple[str, T]) -> None:
    assert patterns(text) == [expected]


@pytest.mark.parametrize("text", ["a @ b", "12-13-14", "ISBN 978-3-16-148410-0", "1.2.3.4", "room 212", "10 %", "www", "$"])
def test_no_patterns(text: str) -> None:
    assert patterns(text) == []


def test_persons_of_mail_headers() -> None:
    text = 'From: Orley, Ann M <a@example.org>\nTo: Ben Rowan; "Lamb, Eve" (Office)\nCc: Harbour Team\n\nFrom: here to there'
    assert [name for name, kind in patterns(text) if kind is T.PERSON] == ["Orley, Ann M", "Ben Rowan", "Lamb, Eve"]


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("To Orley, Ann M\n", ["Orley, Ann M"]),
        ("To the harbour, Ann\n", []),
        ("To: Orley, Ann .1; Lamb, Eve 3; Moor, Jo]\n", ["Orley, Ann", "Lamb, Eve", "Moor, Jo"]),
        ("Cc: Orley, Ann M, Lamb, Eve; Moor, Jo\n", ["Orley, Ann M", "Lamb, Eve", "Moor, Jo"]),
        ("Cc: Orley, Ann Lamb, Eve; Moor, Jo\n", ["Orley, Ann", "Lamb, Eve", "Moor, Jo"]),
        ("Cc: Orley, Ann;\n   Lamb,\n Eve; Moor, Jo\nSubject: Rowan, Ben\n", ["Orley, Ann", "Lamb,\n Eve", "Moor, Jo"]),
        ("Cc: Ann Orley   Eve Lamb\n", ["Ann Orley", "Eve Lamb"]),
        ("To: Ann Orley; PA Harbour\n", ["Ann Orley"]),
        ("To: Ann Orley, Eve Lamb\n", ["Ann Orley", "Eve Lamb"]),
    ],
)
def test_persons_of_worn_headers(header: str, expected: list[str]) -> None:
    assert [name for name, kind in patterns(header) if kind is T.PERSON] == expected


@pytest.mark.parametrize(
    "unit", ["To: A, B;\n", "To A, B C, D ", "a", "1", "1,", "a.b", "a@", "(", "A ", "To: ", "+1 ", "$", "1 ", "From: A, "]
)
def test_patterns_end_on_hostile_text(unit: str) -> None:
    PatternFinder().find(unit * 100_000)
