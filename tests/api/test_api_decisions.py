"""Merge and split over HTTP."""

from collections.abc import Mapping
from typing import Any
from uuid import uuid4

import httpx
import pytest

from pipeline.model import EntityType
from pipeline.stores.api_keys import Scope
from tests.api_server import Served
from tests.telling import tell_all

PERSON = EntityType.PERSON
NAMES = dict.fromkeys(("Ada Lovelace", "Ada King", "A. Lovelace", "Countess", "Charles Babbage"), PERSON)
TEXTS = {
    "a.txt": "Ada Lovelace met Charles Babbage.",
    "b.txt": "A. Lovelace saw Charles Babbage.",
    "c.txt": "Ada King knew Charles Babbage.",
}


@pytest.fixture
def ids(api: Served, client: httpx.Client) -> Mapping[str, str]:
    """Ids of the entities by their best names."""
    tell_all(api.store, "matter", TEXTS, NAMES)
    found = {each["name"]: each["id"] for each in client.get("/api/entities").json()["entities"]}
    assert set(found) == {"Ada Lovelace", "Ada King", "Charles Babbage"}
    return found


def aliases(body: Any) -> set[str]:  # noqa: ANN401  # JSON
    return {alias["name"] for alias in body["aliases"]}


def code(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def test_two_entities_are_one_until_that_is_taken_back(client: httpx.Client, ids: Mapping[str, str]) -> None:
    lovelace, king = ids["Ada Lovelace"], ids["Ada King"]
    answer = client.post(f"/api/entities/{king}/merge", json={"with": lovelace, "reason": "She married."})
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert aliases(body) == {"Ada Lovelace", "A. Lovelace", "Ada King"}
    assert (body["mentions"], body["documents"], body["overruled"]) == (3, 3, [])
    (decision,) = body["decisions"]
    assert (decision["kind"], set(decision["names"]), decision["reason"], decision["by"], decision["holds"]) == (
        "merge", {"Ada Lovelace", "Ada King"}, "She married.", "test", True)  # fmt: skip
    assert {merge["reason"] for merge in body["merges"]} >= {"decided by a person"}
    (met,) = body["neighbours"]
    assert (met["name"], met["weight"]) == ("Charles Babbage", 3)
    assert {client.get(f"/api/entities/{each}").json()["id"] for each in (lovelace, king)} == {body["id"]}
    assert code(client.post(f"/api/entities/{king}/merge", json={"with": lovelace})) == (409, "one_already")
    assert client.delete(f"/api/decisions/{decision['id']}").status_code == 204
    assert aliases(client.get(f"/api/entities/{king}").json()) == {"Ada King"}
    assert client.get(f"/api/entities/{lovelace}").json()["decisions"] == []
    assert code(client.delete(f"/api/decisions/{decision['id']}")) == (404, "no_such_decision")
    (listed,) = client.get("/api/decisions").json()["decisions"]
    assert (listed["id"], listed["holds"], listed["taken_back_by"]) == (decision["id"], False, "test")


def test_spellings_become_an_entity_of_their_own(client: httpx.Client, ids: Mapping[str, str]) -> None:
    lovelace = ids["Ada Lovelace"]
    answer = client.post(f"/api/entities/{lovelace}/split", json={"names": ["A. Lovelace"], "reason": "Augusta"})
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert (aliases(body["entity"]), aliases(body["new_entity"])) == ({"Ada Lovelace"}, {"A. Lovelace"})
    assert body["entity"]["id"] == lovelace
    assert body["new_entity"]["decisions"][0]["names"] == ["A. Lovelace"]
    merged = client.post(f"/api/entities/{lovelace}/merge", json={"with": body["new_entity"]["id"]}).json()
    assert [(each["kind"], each["holds"]) for each in merged["overruled"]] == [("split", False)]
    assert aliases(merged) == {"Ada Lovelace", "A. Lovelace"}
    pages = client.get("/api/decisions", params={"limit": 1}).json()
    older = client.get("/api/decisions", params={"cursor": pages["next_cursor"]}).json()
    assert [each["kind"] for each in pages["decisions"] + older["decisions"]] == ["merge", "split"]


def test_what_cannot_be_decided_is_said(api: Served, client: httpx.Client, ids: Mapping[str, str]) -> None:
    lovelace = ids["Ada Lovelace"]
    split, merge = f"/api/entities/{lovelace}/split", f"/api/entities/{lovelace}/merge"
    assert code(client.post(split, json={"names": ["Charles Babbage"]})) == (422, "no_such_name")
    assert code(client.post(split, json={"names": ["A. Lovelace", "Ada Lovelace"]})) == (422, "nothing_left")
    assert code(client.post(split, json={"names": []})) == (422, "invalid_request")
    assert code(client.post(merge, json={"with": str(uuid4())})) == (404, "no_such_entity")
    assert code(client.post(merge, json={})) == (422, "invalid_request")
    tell_all(api.store, "other", {"a.txt": "Ada Lovelace."}, NAMES)
    foreign = client.get("/api/entities", params={"project": "other"}).json()["entities"][0]["id"]
    assert code(client.post(merge, json={"with": foreign})) == (404, "no_such_entity")
    with api.client(Scope.WRITE, "matter") as own:
        assert code(own.post(merge, json={"with": foreign})) == (404, "no_such_entity")
    assert client.get("/api/decisions").json()["decisions"] == []
