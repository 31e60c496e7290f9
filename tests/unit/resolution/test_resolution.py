import re
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.model import EntityType, Mention
from pipeline.stages.resolution import LocalCluster, resolve_document

TAGS = {kind.value[0]: kind for kind in (EntityType.PERSON, EntityType.ORGANIZATION, EntityType.LOCATION)}
TAGS |= {"G": EntityType.GROUP, "D": EntityType.DATE}
MARKED = re.compile(r"\[(\w):([^\]]+)\]")


def read(marked: str) -> tuple[str, list[Mention]]:
    """A text in which mentions are written as [P:Hillary Clinton]."""
    text, mentions, at = "", list[Mention](), 0
    for found in MARKED.finditer(marked):
        text += marked[at : found.start()]
        mentions.append(Mention(len(text), len(text) + len(found[2]), TAGS[found[1]]))
        text += found[2]
        at = found.end()
    return text + marked[at:], mentions


def resolve(marked: str) -> list[LocalCluster]:
    return resolve_document(*read(marked))


def groups(marked: str) -> list[tuple[int, ...]]:
    return [cluster.mentions for cluster in resolve(marked)]


@pytest.mark.parametrize(
    ("marked", "expected"),
    [
        ("[P:Hillary Rodham Clinton] met … [P:Secretary Clinton] … [P:Hillary] … [P:Clinton]'s", [(0, 1, 2, 3)]),
        ("[P:Hillary Clinton] and [P:Bill Clinton]; [P:Clinton] said; [P:Bill] left", [(0,), (1, 3), (2,)]),
        ("[P:John Smith Jr.] and his father [P:John Smith]", [(0,), (1,)]),
        ("[P:Éamon Ó Cuív] … [P:Ó Cuív]", [(0, 1)]),
        ("[P:Hillary Clinton] … [O:Clinton] said", [(0, 1)]),
        ("[L:Libya] … [L:Libya] … [P:Qaddafi Libya]", [(0, 1), (2,)]),
        ("[L:Libya] … [O:Libya] … [L:Libya]", [(0, 1, 2)]),
        ("[O:United Nations] … [O:UN] … the [O:U.N.]'s", [(0, 1, 2)]),
        ("the [O:Transitional National Council] said; the [O:TNC] denied", [(0, 1)]),
        ("[O:Centers for Medicare and Medicaid Services] ([O:CMS]) … [O:CMS]", [(0, 1, 2)]),
        ("[O:Acme Holdings Ltd] … [O:Acme] … [O:Acme Holdings Limited]", [(0, 1, 2)]),
        ("[O:Acme Holdings] … [O:Acme Industries] … [O:Acme]", [(0,), (1,), (2,)]),
        ("[L:Virginia] and the [O:Virginia Company]", [(0,), (1,)]),
        ("[L:Paris, Texas] … [L:Paris]", [(0, 1)]),
        ("[O:Bank of America] … [O:Bank of China] … [O:Bank]", [(0,), (1,), (2,)]),
        ("[L:North Korea] … [L:South Korea] … [L:Korea]", [(0,), (1,), (2,)]),
        ("[G:Libyan] … [L:Libya]", [(0,), (1,)]),
        ("[L:Benghazi] … [L:Benghazl]", [(0, 1)]),
        ("[D:12 March 2011] … [D:13 March 2011] … [D:12 March, 2011]", [(0, 2), (1,)]),
    ],
)
def test_what_belongs_together(marked: str, expected: list[tuple[int, ...]]) -> None:
    assert groups(marked) == expected


def test_a_list_of_addresses_is_read_as_surname_and_given_name() -> None:
    found = resolve(
        "From: [P:Mills, Cheryl D] <x@example.org>\nTo: Sullivan, [P:Jacob J]; [P:Abedin], Huma\n[P:Cheryl Mills] wrote"
    )
    assert [c.key for c in found] == ["person/cheryl d mills", "person/jacob j sullivan", "person/huma abedin"]


def test_the_name_is_the_commonest_way_to_write_the_fullest_form() -> None:
    (cluster,) = resolve("[P:CLINTON, HILLARY] [P:Hillary Clinton] [P:Hillary Clinton] [P:Clinton]")
    assert (cluster.name, cluster.key, cluster.type) == ("Hillary Clinton", "person/hillary clinton", EntityType.PERSON)


def test_a_defined_abbreviation_becomes_evidence_for_other_documents() -> None:
    (cluster,) = resolve("the [O:World Health Organization] ([O:WHO]) met; [O:WHO] said")
    assert [(a.left, a.right, a.strength) for a in cluster.aliases] == [
        ("name/who", "name/world health organization", "weak")
    ]
    assert not resolve("the [O:World Health Organization] met; [O:WHO] said")[0].aliases


def test_nothing_comes_of_nothing() -> None:
    assert resolve_document("", []) == []
    assert groups("[P:...] [O:***]") == [(0,), (1,)]


TAGGED = """P:Hillary Clinton|P:Bill Clinton|P:Clinton|O:Clinton|P:H. Clinton|L:Libya|O:Libya|O:NTC|O:Acme|O:Acme Holdings
O:National Transitional Council|P:...|D:2011|P:Smith, John|P:John Smith Jr."""
PIECES = st.sampled_from([f"[{tagged}]" for tagged in re.split(r"[|\n]", TAGGED)])


@given(st.lists(PIECES, max_size=30))
@settings(max_examples=80, deadline=None)
def test_every_mention_is_in_one_cluster_and_every_key_once(pieces: list[str]) -> None:
    found = resolve(" … ".join(pieces))
    assert sorted(index for cluster in found for index in cluster.mentions) == list(range(len(pieces)))
    assert len({cluster.key for cluster in found}) == len(found)


def test_names_of_a_long_list_stay_apart() -> None:
    letters = Random(7)
    names = ["".join(letters.choices("bcdfgklmnprstvz", k=9)).title() for _ in range(2000)]
    assert len(resolve(" ".join(f"[O:{name}]" for name in names))) == 2000
