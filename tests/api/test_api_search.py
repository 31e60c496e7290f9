"""Search and entities over HTTP."""

from typing import Any

import httpx
import pytest

from tests.api_server import Served
from tests.matter import Matter, fill


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
    assert got(client, "/api/search", q="x", project="nothing") == {"results": []}
    assert client.get("/api/search").status_code == 422


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
