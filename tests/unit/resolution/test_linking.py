from itertools import combinations
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.model import EntityType
from pipeline.stages.canonicalizing import canonicalize
from pipeline.stages.linking import Link, link, specificity
from pipeline.stages.names import blocking_keys, normalize

PERSON, ORGANIZATION, LOCATION = EntityType.PERSON, EntityType.ORGANIZATION, EntityType.LOCATION


def linked(one: str, other: str, kind: EntityType = PERSON, other_kind: EntityType | None = None) -> Link | None:
    left, right = normalize(one, kind), normalize(other, other_kind or kind)
    found = link(left, right)
    assert found == link(right, left)
    assert found is None or blocking_keys(left) & blocking_keys(right)
    return found


@pytest.mark.parametrize(
    ("short", "full", "reason"),
    [
        ("Clinton", "Hillary Clinton", "surname"),
        ("Hillary Clinton", "Hillary Rodham Clinton", "middle name"),
        ("H. Clinton", "Clinton, Hillary Rodham", "initial"),
        ("Christopher Stevens", "J. Christopher Stevens", "middle name"),
        ("Chris Stevens", "Christopher Stevens", "nickname"),
        ("Bill Clinton", "William Clinton", "nickname"),
        ("Cheryl D", "Mills, Cheryl D", "given names"),
    ],
)
def test_short_forms_of_persons_lead_to_full_ones(short: str, full: str, reason: str) -> None:
    assert (found := linked(short, full))
    assert (found.left, found.right) == (normalize(short, PERSON), normalize(full, PERSON))
    assert (found.strength, found.reason) == ("weak", reason)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Muammar Qaddafi", "Moammar Kadafi"),
        ("Qaddafi", "Gaddafi"),
        ("Osama bin Laden", "Usama bin Ladin"),
        ("Jeffrey Feltman", "Jeffrey Feltrnan"),
        ("Sullivan Jacob", "Jacob Sullivan"),
        ("Jacobi Sullivan", "Jacob J Sullivan"),
        ("Muammar Qaddafi", "Muanunar Gaddafi"),
        ("Hillary Rodham Clinton", "Hillary Rodhana Clinton"),
    ],
)
def test_spellings_of_one_person_are_one(one: str, other: str) -> None:
    assert (found := linked(one, other))
    assert found.strength == "strong"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Hillary Clinton", "Bill Clinton"),
        ("John Smith", "Joan Smith"),
        ("John Smith", "John Smith Jr."),
        ("John Smith Sr.", "John Smith Jr."),
        ("George W. Bush", "George H. W. Bush"),
        ("Kim Jong-il", "Kim Jong-un"),
        ("James Thomas", "Thomas James"),
        ("Mark Johnson", "Mark Johnston"),
        ("Erik Hansen", "Erik Hanson"),
        ("Peter Smith", "Peter Smyth"),
        ("Daniel Smith", "Daniela Smith"),
        ("Jillian Smith", "Lillian Smith"),
        ("Martin Smith", "Marlin Smith"),
        ("Frances Ann Smith", "Francis Ann Smith"),
        ("John Robert Smith", "John Rupert Smith"),
        ("Frances Smith", "Francis Smith"),
        ("A", "B"),
        ("S", "John Smith"),
    ],
)
def test_different_persons_stay_apart(one: str, other: str) -> None:
    assert linked(one, other) is None


@pytest.mark.parametrize(
    ("one", "other", "strength"),
    [
        ("National Transitional Council", "Libyan Transitional National Council", "weak"),
        ("Benghazi", "Benghazl", "strong"),
        ("Al-Qaeda", "al Qaida", "strong"),
        ("Microsoft", "Microsft", "strong"),
        ("Ford Motor Co.", "Ford Motor Company", "strong"),
        ("National Transitional Council", "Transitional National Council", "strong"),
        ("NATO", "North Atlantic Treaty Organization", "weak"),
        ("Turkey", "Republic of Turkey", "weak"),
        ("Standard Oil", "Standard Oil Company", "weak"),
    ],
)
def test_spellings_and_short_forms_of_other_names(one: str, other: str, strength: str) -> None:
    assert (found := linked(one, other, ORGANIZATION))
    assert found.strength == strength


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Bank of America", "Bank of China"),
        ("Bank of America", "Bank"),
        ("North Korea", "South Korea"),
        ("Korea", "North Korea"),
        ("Austria", "Australia"),
        ("Iran", "Iraq"),
        ("Niger", "Nigeria"),
        ("Gambia", "Zambia"),
        ("Dominica", "Dominican"),
        ("World War I", "World War II"),
        ("Apollo 11", "Apollo 13"),
        ("Summer Olympics 2012", "Summer Olympics 2016"),
        ("Acme Holdings", "Acme Industries"),
        ("Virginia", "Virginia Company"),
        ("Paris", "Paris, Texas"),
        ("China", "Republic of China"),
        ("New York", "New York City"),
        ("HRC", "Human Rights Council"),
        ("National Army", "Libyan National Army"),
        ("Ministry of Foreign Affairs", "Libyan Ministry of Foreign Affairs"),
        ("University of Washington", "Washington University"),
    ],
)
def test_other_names_that_differ_in_meaning_stay_apart(one: str, other: str) -> None:
    assert linked(one, other, ORGANIZATION) is None


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("jane.doe@clintonemail.com", "jane.doe@dintonernai1.corn", True),
        ("jane.doe@clintonemail.com", "Jane.Doe©clintonemailcom", True),
        ("jane.doe@example.com", "jane.doe@example.org", False),
        ("smithj@example.com", "smithl@example.com", False),
    ],
)
def test_a_misread_domain_is_the_same_domain(one: str, other: str, *, same: bool) -> None:
    left, right = normalize(one, EntityType.EMAIL), normalize(other, EntityType.EMAIL)
    assert bool(blocking_keys(left) & blocking_keys(right)) == same
    found = link(left, right)
    assert (found.strength if found else "") == ("strong" if same else "")


def test_one_text_read_as_person_and_as_place() -> None:
    assert (short := linked("Libya", "Libya", PERSON, LOCATION))
    assert (long := linked("Fort Lee", "Fort Lee", PERSON, LOCATION))
    assert (short.strength, long.strength) == ("weak", "strong")
    assert linked("john.smith@example.org", "John Smith", EntityType.EMAIL, PERSON) is None


def test_a_surname_belongs_to_the_only_person_who_bears_it() -> None:
    alone, hillary, full, bill = (
        normalize(n, PERSON) for n in ("Clinton", "Hillary Clinton", "Hillary Rodham Clinton", "Bill Clinton")
    )
    assert canonical([alone, hillary, full]) == {alone: full, hillary: full, full: full}
    assert canonical([alone, hillary, full, bill]) == {alone: alone, hillary: full, full: full, bill: bill}


def test_a_short_form_between_two_full_ones_does_not_join_them() -> None:
    people = [normalize(n, PERSON) for n in ("George Bush", "George W. Bush", "George H. W. Bush")]
    assert canonical(people) == {name: name for name in people}


def test_a_circle_of_weak_links_leads_nowhere() -> None:
    circle = [Link("name/a", "name/b", "weak", "", 1), Link("name/b", "name/a", "weak", "", 1)]
    assert canonicalize(["name/a", "name/b"], circle) == {"name/a": "name/a", "name/b": "name/b"}


def canonical(names: list[str]) -> dict[str, str]:
    """As the store does it: names arrive one after the other and are compared with those that share a blocking key."""
    known: list[str] = []
    links: list[Link] = []
    for name in names:
        near = [other for other in known if blocking_keys(name) & blocking_keys(other)]
        links += [found for other in near if (found := link(name, other))]
        known.append(name)
    return canonicalize(known, links)


GIVEN = [
    "John",
    "Joan",
    "Jon",
    "J.",
    "Hillary",
    "Hilary",
    "H.",
    "Bill",
    "William",
    "W.",
    "Christopher",
    "Chris",
    "Mohammed",
    "Muhammad",
]
SURNAMES = [
    "Clinton",
    "Dinton",
    "Qaddafi",
    "Gaddafi",
    "Kadafi",
    "Stevens",
    "Stephens",
    "Feltman",
    "Feltrnan",
    "Abduljalil",
    "Abdaljalil",
]
WORDS = [
    "North",
    "South",
    "National",
    "Natlonal",
    "Transitional",
    "Council",
    "Councll",
    "Bank",
    "of",
    "Republic",
    "Libya",
    "Korea",
    "Benghazi",
]
WORDS += ["Libyan", "Bengazi", "Company", "Co", "Holdings", "Organization", "Organisation", "Misurata", "NTC", "NBOL"]
PEOPLE = st.builds(
    lambda title, given, surname, end: " ".join([*title, *given, surname, *end]),
    st.sampled_from([[], ["Mr."], ["Secretary"]]),
    st.lists(st.sampled_from(GIVEN), max_size=3),
    st.sampled_from(SURNAMES),
    st.sampled_from([[], [], ["Jr."], ["III"]]),
).map(lambda name: normalize(name, PERSON))
NAMES = st.lists(st.sampled_from(WORDS), min_size=1, max_size=4).map(lambda words: normalize(" ".join(words), ORGANIZATION))
ADDRESSES = st.builds(
    lambda local, domain: normalize(f"{local}@{domain}", EntityType.EMAIL),
    st.sampled_from(["smithj", "smithl", "info"]),
    st.sampled_from(["clintonemail.com", "dintonernail.corn", "example.com", "example.org"]),
)
KEYS = st.lists(PEOPLE | NAMES | ADDRESSES, min_size=2, max_size=15, unique=True)


@given(KEYS)
@settings(max_examples=80, deadline=None)
def test_links_are_symmetric_and_blocking_loses_none(keys: list[str]) -> None:
    for one, other in combinations(keys, 2):
        found = link(one, other)
        assert found == link(other, one)
        if found:
            assert blocking_keys(one) & blocking_keys(other), found
            assert (
                found.strength == "strong"
                or specificity(found.left) < specificity(found.right)
                or found.reason.endswith("type")
            )


def edited(word: str, at: int, letter: str, kind: str) -> str:
    at %= len(word)
    cut = {"insert": 0, "delete": 1, "replace": 1, "swap": 2}[kind]
    put = {"insert": letter, "delete": "", "replace": letter, "swap": word[at : at + 2][::-1]}[kind]
    return word[:at] + put + word[at + cut :]


WORD = st.text("abcdefghilmnorstuy01", min_size=3, max_size=12)


@given(
    WORD,
    st.lists(WORD, max_size=2),
    st.integers(0, 11),
    st.sampled_from("aeilmnrcd01"),
    st.sampled_from(["insert", "delete", "replace", "swap"]),
)
@settings(max_examples=200, deadline=None)
def test_blocking_finds_every_slip_that_counts(word: str, others: list[str], at: int, letter: str, kind: str) -> None:
    for entity in (PERSON, ORGANIZATION):
        one = normalize(" ".join([*others, word]), entity)
        other = normalize(" ".join([*others, edited(word, at, letter, kind)]), entity)
        if link(one, other):
            assert blocking_keys(one) & blocking_keys(other)


@given(KEYS, st.randoms(use_true_random=False))
@settings(max_examples=50, deadline=None)
def test_no_order_of_arrival_changes_the_entities(keys: list[str], random: Random) -> None:
    shuffled = list(keys)
    random.shuffle(shuffled)
    assert canonical(keys) == canonical(shuffled)


@given(KEYS)
@settings(max_examples=50, deadline=None)
def test_a_canonical_name_stands_for_itself(keys: list[str]) -> None:
    found = canonical(keys)
    assert set(found) == set(keys)
    assert all(found[found[name]] == found[name] for name in keys)
