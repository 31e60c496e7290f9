"""Search and entities over HTTP."""

from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.api_server import Served
from tests.matter import Matter, fill

DATED = (
    "update documents set media_type = 'message/rfc822', metadata = '{\"date\": \"Tue, 4 May 1999 10:00:00 +0200\"}'"
    " where id = %(mail)s",
    "insert into entities (id, project_id, key, tokens) select gen_random_uuid(), id, 'date/x', 1 from projects",
    "insert into mentions select %(letter)s, 99, 0, 3, 'DATE', 1, 'May 1941', c.id, e.id from chunks c, entities e"
    " where c.document_id = %(letter)s and c.position = 1 and e.key = 'date/x'",
)
"""The mail bears a date, and the letter's second page names one."""


@pytest.fixture
def matter(api: Served) -> Matter:
    return fill(api.store)


def got(client: httpx.Client, path: str, **query: str | int) -> Any:  # noqa: ANN401  # JSON
    answer = client.get(path, params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_passages_have_their_place_and_their_matching_words(client: httpx.Client, matter: Matter) -> None:
    found = got(client, "/api/search", q="who paid Clement?", limit=5)["results"]
    first = found[0]
    assert (first["document_id"], first["page"], first["seconds"]) == (matter.letter, 2, None)
    words = {first["text"][start:end] for start, end in first["highlights"]}
    assert words == {"paid", "Clement"}
    assert first["end"] - first["start"] == len(first["text"])
    nothing: Any = {"formats": [], "types": [], "entities": [], "documents": []}
    assert got(client, "/api/search", q="x", project="nothing") == {"results": [], "facets": nothing, "more": False}
    assert client.get("/api/search").status_code == 422


def paths(found: Any) -> list[str]:  # noqa: ANN401  # JSON
    return [passage["source_path"] for passage in found["results"]]


def test_results_come_page_by_page_with_facets_of_all(client: httpx.Client, matter: Matter) -> None:
    whole = got(client, "/api/search", q="drawings of Babbage", limit=100)
    pages = [got(client, "/api/search", q="drawings of Babbage", limit=2, offset=offset) for offset in (0, 2, 4)]
    assert [each for page in pages for each in page["results"]] == whole["results"]
    assert [page["more"] for page in pages] == [True, True, False]
    assert [page["facets"] for page in pages] == [whole["facets"]] * 3
    facets = whole["facets"]
    assert facets["documents"][0]["count"] == 2
    assert sum(each["count"] for each in facets["documents"]) == len(whole["results"]) == 5
    assert {each["value"]: each["count"] for each in facets["types"]} == {"PERSON": 4, "ORGANIZATION": 1}
    ada = next(each for each in facets["entities"] if each["name"] == "Ada Lovelace")
    assert (ada["type"], ada["count"]) == ("PERSON", 3)


def test_what_is_found_can_be_narrowed(api: Served, client: httpx.Client, matter: Matter) -> None:
    with api.database.connection() as db:
        for statement in DATED:
            db.execute(statement, {"letter": matter.letter, "mail": matter.mail})

    def narrowed(**query: str) -> list[str]:
        return paths(got(client, "/api/search", q="the engine of Babbage and its drawings", limit=100, **query))

    (clement,) = got(client, "/api/entities", q="Clement")["entities"]
    (ada,) = got(client, "/api/entities", q="A. Lovelace")["entities"]
    letter, mail, note = "in/letter.txt", "in/mail.eml", "in/mail.eml/note.txt"
    assert len(narrowed()) == 5
    assert narrowed(document=matter.letter) == [letter, letter]
    assert narrowed(type="ORGANIZATION") == [letter]
    assert narrowed(entity=clement["id"]) == [letter]
    assert sorted(narrowed(entity=ada["id"])) == [letter, mail, note]
    assert narrowed(entity=ada["id"], document=matter.note) == [note]
    assert narrowed(format="email") == [mail]
    assert narrowed(**{"from": "1941-05-03", "to": "1941-05-04"}) == [letter]
    assert narrowed(**{"to": "1941-04-30"}) == []
    assert narrowed(**{"from": "1999-05-04"}) == [mail]
    assert narrowed(**{"from": "1999-05-05"}) == []
    assert narrowed(entity=str(uuid4())) == narrowed(document=str(uuid4())) == []
    assert client.get("/api/search", params={"q": "x", "format": "none"}).status_code == 422
    with api.client(project="other") as foreign:
        fill(api.store, "other")
        assert paths(got(foreign, "/api/search", q="drawings", document=matter.letter)) == []
        assert paths(got(foreign, "/api/search", q="drawings", entity=clement["id"])) == []


def test_what_matches_is_boxed_on_its_page(api: Served, client: httpx.Client, matter: Matter) -> None:
    with api.database.connection() as db:  # "paid" is the third word of the second page
        db.execute("update pages set words = '[[12, 16, 0.1, 0.1, 0.2, 0.125, 1]]'"
                   " where document_id = %s and number = 2", [matter.letter])  # fmt: skip
    first = got(client, "/api/search", q="who paid Clement?", limit=1)["results"][0]
    (box,) = first["boxes"]
    assert box["page"] == 2
    assert box["box"] == pytest.approx([0.1, 0.1, 0.2, 0.125])


def test_an_entity_is_found_by_any_spelling_and_told_of(client: httpx.Client, matter: Matter) -> None:
    (ada,) = got(client, "/api/entities", q="A. Lovelace")["entities"]
    assert (ada["name"], ada["mentions"], ada["documents"]) == ("Ada Lovelace", 3, 3)
    body = got(client, f"/api/entities/{ada['id']}")
    assert {alias["name"] for alias in body["aliases"]} == {"Ada Lovelace", "A. Lovelace"}
    assert matter.letter in {each["document_id"] for each in body["in_documents"]}
    assert [merge["name"] for merge in body["merges"]] == ["A. Lovelace"]
    assert {each["name"] for each in body["neighbours"]} == {"Charles Babbage"}
    assert [e["name"] for e in got(client, "/api/entities", limit=2)["entities"]] == ["Ada Lovelace", "Charles Babbage"]
    assert client.get(f"/api/entities/{matter.letter}").json()["code"] == "no_such_entity"
