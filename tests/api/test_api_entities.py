"""Entities, timeline and graph over HTTP."""

from collections.abc import Mapping
from typing import Any

import httpx
import pytest

from pipeline.model import EntityType
from tests.api_server import Served
from tests.telling import tell_all

PERSON, PLACE, DATE = EntityType.PERSON, EntityType.LOCATION, EntityType.DATE
NAMES = {
    "Ada Lovelace": PERSON, "A. Lovelace": PERSON, "Charles Babbage": PERSON, "Joseph Clement": PERSON,
    "Mary Somerville": PERSON, "Jane Lonely": PERSON, "London": PLACE, "Turin": PLACE,
    "3 May 1841": DATE, "Mai 1842": DATE, "yesterday": DATE,
}  # fmt: skip
TEXTS = {
    "a.txt": "Ada Lovelace met Charles Babbage in London on 3 May 1841. It rained.\fCharles Babbage paid Joseph Clement.",
    "b.txt": "In Mai 1842 A. Lovelace schrieb an Charles Babbage. Charles Babbage left for Turin yesterday.",
    "c.txt": "Charles Babbage paid Joseph Clement. Ada Lovelace knew. Mary Somerville knew Joseph Clement.",
    "d.txt": "Jane Lonely stayed at home.",
}


@pytest.fixture
def ids(api: Served, client: httpx.Client) -> Mapping[str, str]:
    """Ids of the entities by their best names."""
    tell_all(api.store, "matter", TEXTS, NAMES)
    return {each["name"]: each["id"] for each in got(client, "/api/entities")["entities"]}


def got(client: httpx.Client, path: str, **query: str | int) -> Any:  # noqa: ANN401  # JSON
    answer = client.get(path, params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_entities_are_listed_page_by_page(client: httpx.Client, ids: Mapping[str, str]) -> None:
    assert list(ids)[:3] == ["Charles Babbage", "Ada Lovelace", "Joseph Clement"]
    assert "3 May 1841" not in ids
    page = got(client, "/api/entities", limit=2)
    listed = [each["id"] for each in page["entities"]]
    while page["next_cursor"]:
        page = got(client, "/api/entities", limit=2, cursor=page["next_cursor"])
        listed += [each["id"] for each in page["entities"]]
    assert listed == list(ids.values())
    assert {e["name"] for e in got(client, "/api/entities", type="LOCATION")["entities"]} == {"London", "Turin"}
    assert {e["type"] for e in got(client, "/api/entities", type="DATE")["entities"]} == {"DATE"}
    assert [e["name"] for e in got(client, "/api/entities", q="lovelace")["entities"]] == ["Ada Lovelace"]
    assert [e["name"] for e in got(client, "/api/entities", q="ma", limit=1)["entities"]] == ["Mary Somerville"]
    for cursor in ("x", "W10", "eyJhIjoxfQ", "WzEsMiwieCJd"):
        assert client.get("/api/entities", params={"cursor": cursor}).json()["code"] == "bad_cursor"


def test_mentions_are_shown_where_they_stand(client: httpx.Client, ids: Mapping[str, str]) -> None:
    path = f"/api/entities/{ids['Charles Babbage']}/mentions"
    first = got(client, path, limit=2)
    rest = got(client, path, limit=50, cursor=first["next_cursor"])
    assert rest["next_cursor"] is None
    found = first["mentions"] + rest["mentions"]
    assert [(each["source_path"], each["page"]) for each in found] == [
        ("a.txt", 1), ("a.txt", 2), ("b.txt", 1), ("b.txt", 1), ("c.txt", 1)]  # fmt: skip
    for each in found:
        assert TEXTS[each["source_path"]][each["start"] : each["end"]] == "Charles Babbage"
        ((start, end),) = each["highlights"]
        assert each["text"][start:end] == "Charles Babbage"


def test_a_timeline_has_the_dates_that_stand_in_one_sentence_with_the_entity(
    client: httpx.Client, ids: Mapping[str, str]
) -> None:
    body = got(client, f"/api/entities/{ids['Ada Lovelace']}/timeline")
    assert [(e["date"], e["precision"], e["mentions"]) for e in body["entries"]] == [
        ("1841-05-03", "day", 1), ("1842-05", "month", 1)]  # fmt: skip
    assert body["more"] is False
    (passage,) = body["entries"][0]["passages"]
    assert passage["text"] == "Ada Lovelace met Charles Babbage in London on 3 May 1841."
    assert (passage["source_path"], passage["start"], passage["page"]) == ("a.txt", 0, 1)
    assert got(client, f"/api/entities/{ids['Joseph Clement']}/timeline")["entries"] == []


def test_what_is_around_an_entity(client: httpx.Client, ids: Mapping[str, str]) -> None:
    ada, babbage, clement, mary = (ids[n] for n in ("Ada Lovelace", "Charles Babbage", "Joseph Clement", "Mary Somerville"))
    near = got(client, f"/api/entities/{ada}/graph")
    assert [node["name"] for node in near["nodes"]] == ["Ada Lovelace", "Charles Babbage", "London"]
    heaviest = near["edges"][0]
    assert {heaviest["subject"], heaviest["object"]} == {ada, babbage}
    assert (heaviest["weight"], heaviest["documents"], heaviest["predicate"]) == (2, 2, "CO_OCCURS_WITH")
    assert len(near["edges"]) == 3
    assert near["more"] is False
    far = got(client, f"/api/entities/{ada}/graph", depth=2)
    assert {node["id"] for node in far["nodes"]} == {ada, babbage, clement, ids["London"], ids["Turin"]}
    assert mary not in str(far)
    few = got(client, f"/api/entities/{ada}/graph", limit=2)
    assert ([node["id"] for node in few["nodes"]], few["more"]) == ([ada, babbage], True)
    assert [n["id"] for n in got(client, f"/api/entities/{ada}/graph", type="LOCATION")["nodes"]] == [ada, ids["London"]]
    assert [n["id"] for n in got(client, f"/api/entities/{ada}/graph", min_weight=2)["nodes"]] == [ada, babbage]
    assert got(client, f"/api/entities/{ada}/graph", predicate="OWNS")["edges"] == []


def test_the_heaviest_part_of_a_project(client: httpx.Client, ids: Mapping[str, str]) -> None:
    body = got(client, "/api/graph", limit=3)
    assert {node["name"] for node in body["nodes"]} == {"Ada Lovelace", "Charles Babbage", "Joseph Clement"}
    assert [edge["weight"] for edge in body["edges"]] == [2, 2]
    assert body["more"] is True
    everything = got(client, "/api/graph")
    assert len(everything["nodes"]) == 6
    assert everything["more"] is False
    people = got(client, "/api/graph", type="PERSON")
    assert {node["type"] for node in people["nodes"]} == {"PERSON"}
    assert got(client, "/api/graph", project="nothing") == {"nodes": [], "edges": [], "more": False}


def test_the_shortest_way_between_two(client: httpx.Client, ids: Mapping[str, str]) -> None:
    way = ("Mary Somerville", "Joseph Clement", "Charles Babbage", "Turin")
    body = got(client, "/api/graph/path", **{"from": ids[way[0]], "to": ids[way[-1]]})
    assert body["path"] == [ids[name] for name in way]
    assert [node["name"] for node in body["nodes"]] == list(way)
    assert len(body["edges"]) == 3
    assert got(client, "/api/graph/path", **{"from": ids["Turin"], "to": ids["Turin"]})["path"] == [ids["Turin"]]
    for query in ({"to": ids["Jane Lonely"]}, {"to": ids["Turin"], "type": "LOCATION"}):
        answer = client.get("/api/graph/path", params={"from": ids["Mary Somerville"], **query})
        assert (answer.status_code, answer.json()["code"]) == (404, "no_path")


def test_each_relation_has_its_passages(client: httpx.Client, ids: Mapping[str, str]) -> None:
    query = {"subject": ids["Joseph Clement"], "object": ids["Charles Babbage"]}
    evidence = got(client, "/api/relations", **query)["evidence"]
    assert [(each["source_path"], each["page"], each["text"]) for each in evidence] == [
        ("a.txt", 2, "Charles Babbage paid Joseph Clement."),
        ("c.txt", 1, "Charles Babbage paid Joseph Clement."),
    ]
    assert {each["predicate"] for each in evidence} == {"CO_OCCURS_WITH"}
    first = got(client, "/api/relations", **query, limit=1)
    rest = got(client, "/api/relations", **query, limit=1, cursor=first["next_cursor"])
    assert first["evidence"] + rest["evidence"] == evidence
    assert rest["next_cursor"] is None
    assert len(got(client, "/api/relations", subject=ids["Joseph Clement"])["evidence"]) == 3
    assert got(client, "/api/relations", **query, predicate="OWNS")["evidence"] == []
