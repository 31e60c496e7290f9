"""Keys: what they open, and that nothing of another project is seen by any route."""

from collections.abc import Iterator
from typing import Any, NamedTuple
from uuid import uuid4

import httpx
import pytest
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from pydantic import SecretStr

from pipeline.api.access import Needs
from pipeline.api.app import ROUTERS, create_app
from pipeline.settings import Settings
from pipeline.stores.api_keys import ApiKeys, Scope
from pipeline.stores.decisions import Decisions
from tests.api_server import Served, served
from tests.matter import PROJECT, Matter, fill

OPEN = {"/health", "/api/session"}
"""How to get in, and whether there is something to get into."""
FORM = {"file": ("own.txt", b"A text of the other project.")}
BODIES: dict[str, Any] = {"/api/keys": {"name": "own"}}


class Route(NamedTuple):
    """A way to ask for something."""

    method: str
    path: str
    scope: Scope


@pytest.fixture
def routes(settings: Settings) -> list[Route]:
    app = create_app(settings)
    app.state.backend.close()
    found = [
        Route(method, route.path, scope_of(route))
        for router in ROUTERS
        for route in router.routes
        if isinstance(route, APIRoute) and route.include_in_schema and route.path not in OPEN
        for method in sorted(route.methods or ())
    ]
    described = [(method.upper(), path) for path, methods in app.openapi()["paths"].items() for method in methods]
    assert sorted(route[:2] for route in found) == sorted(each for each in described if each[1] not in OPEN)
    return found


def scope_of(route: APIRoute) -> Scope:
    """What a route asks for. One that asks for nothing has no guard."""
    scopes = [each.call.scope for each in dependencies(route.dependant) if isinstance(each.call, Needs)]
    assert scopes, f"{route.path} is open to everybody"
    return max(scopes, key=list(Scope).index)


def dependencies(dependant: Dependant) -> Iterator[Dependant]:
    for each in dependant.dependencies:
        yield each
        yield from dependencies(each)


@pytest.fixture
def matter(api: Served) -> Matter:
    return fill(api.store)


def ask(client: httpx.Client, api: Served, route: Route, matter: Matter, **query: str) -> httpx.Response:
    """Ask a route for what belongs to the matter; of what has no end, the beginning."""
    ids = {"document_id": matter.letter, "entity_id": an_entity(api), "name": "documents", "key_id": a_key(api), "number": 1,
           "decision_id": a_decision(api, matter)}  # fmt: skip
    path = route.path.format_map(ids)
    files = FORM if route.path.endswith("/upload") else None
    body = BODIES.get(route.path) if route.method != "GET" else None
    if route.path.endswith("/merge"):
        body = {"with": an_entity(api)}
    if route.path == "/api/search":
        query["q"] = "engine"
    if route.path in ("/api/graph/path", "/api/relations"):
        query |= dict.fromkeys(("from", "to", "subject", "object"), an_entity(api))
    with client.stream(route.method, path, params=query, files=files, json=body) as answer:
        endless = answer.headers.get("content-type", "").startswith("text/event-stream")
        content = next(answer.iter_bytes(), b"") if endless else answer.read()
        return httpx.Response(answer.status_code, headers=answer.headers, content=content)


def a_key(api: Served) -> str:
    """A key of the matter."""
    for info in ApiKeys(api.database).all():
        if info.name == "of the matter":
            return info.id
    return ApiKeys(api.database).create("of the matter", Scope.READ, PROJECT).id


def a_decision(api: Served, matter: Matter) -> str:
    """A decision of the matter."""
    decisions = Decisions(api.database)
    for decision in decisions.all(PROJECT):
        return str(decision["id"])
    one, *_, other = sorted({mention.entity_id for mention in api.store.mentions(matter.letter)})
    return str(decisions.merge(one, other, PROJECT, "of the matter", "test").decision["id"])


def an_entity(api: Served) -> str:
    with api.database.connection() as db:
        rows = db.execute("select entity_id::text from mentions where entity_id is not null order by 1 limit 1").fetchall()
    return str(rows[0][0])


def counts(api: Served) -> list[tuple[object, ...]]:
    with api.database.connection() as db:
        return db.execute("select id, status::text, updated_at from documents where project_id = (select id from projects"
                          f" where name = '{PROJECT}') order by 1").fetchall()  # fmt: skip


def test_no_route_shows_or_changes_anything_of_another_project(api: Served, matter: Matter, routes: list[Route]) -> None:
    before = counts(api)
    described = api.ask("GET", "/openapi.json").json()["paths"]
    secrets = [str(matter.letter), "letter.txt", "Lovelace", f'"{PROJECT}"', a_key(api)]
    with api.client(Scope.ADMIN, "other") as foreign:
        for route in routes:
            plain = ask(foreign, api, route, matter)
            named = ask(foreign, api, route, matter, project=PROJECT)
            assert plain.status_code in ({404} if "_id}" in route.path else {200, 201, 204, 403, 404}), (route, plain.text)
            assert named.status_code in {403, 404} or not _takes_project(described, route), (route, named.text)
            for said in (plain.text, named.text):
                assert [word for word in secrets if word in said] == [], route
    assert counts(api) == before
    assert [decision["holds"] for decision in Decisions(api.database).all(PROJECT)] == [True]
    assert [key.revoked_at for key in ApiKeys(api.database).all()] == [None] * len(ApiKeys(api.database).all())
    with api.client(Scope.ADMIN, PROJECT) as own:
        assert "letter.txt" in own.get("/api/documents").text
        assert own.get(f"/api/documents/{matter.letter}").status_code == 200


def _takes_project(described: dict[str, Any], route: Route) -> bool:
    parameters = described[route.path][route.method.lower()].get("parameters", [])
    return "project" in {parameter["name"] for parameter in parameters}


def test_without_a_valid_key_nothing_is_answered(api: Served, matter: Matter, routes: list[Route]) -> None:
    revoked = api.key(Scope.ADMIN)
    assert ApiKeys(api.database).revoke("test") == 1
    for key in (None, "Bearer nothing", "Bearer nlp_" + "A" * 43, f"Bearer {revoked}", "Basic YTpi", "Bearer é"):
        headers = [(b"Authorization", key.encode())] if key else []
        with httpx.Client(base_url=api.url, headers=headers, timeout=60) as client:
            for route in routes if key in (None, f"Bearer {revoked}") else routes[:2]:
                answer = ask(client, api, route, matter)
                assert answer.status_code == 401, (route, key)
                assert answer.headers["www-authenticate"] == "Bearer"
                assert answer.json()["code"] in {"no_key", "wrong_key"}


def test_a_scope_that_is_too_narrow_opens_nothing(api: Served, matter: Matter, routes: list[Route]) -> None:
    before = counts(api)
    for held in (Scope.READ, Scope.WRITE):
        with api.client(held) as client:
            for route in (route for route in routes if not held.includes(route.scope)):
                answer = ask(client, api, route, matter)
                assert (answer.status_code, answer.json()["code"]) == (403, "scope"), route
    assert counts(api) == before
    changing = [route for route in routes if route.method != "GET"]
    assert [route for route in changing if route.scope is Scope.READ] == []
    assert {route.path for route in routes if route.scope is Scope.ADMIN} >= {"/api/keys", "/api/keys/{key_id}"}


def test_only_the_hash_of_a_key_is_kept(api: Served) -> None:
    key = api.key()
    with api.database.connection() as db:
        (row,) = db.execute("select row_to_json(k)::text from api_keys k").fetchall()
    assert key not in row[0]
    assert key.removeprefix("nlp_") not in row[0]
    assert len(key) > 43
    caller = ApiKeys(api.database).caller(key)
    assert caller is not None
    assert (caller.name, caller.scope, caller.project) == ("test", Scope.WRITE, "")
    (info,) = ApiKeys(api.database).all()
    assert info.last_used_at is not None


def test_too_many_requests_of_one_key_are_told_when_to_come_again(settings: Settings) -> None:
    with (
        served(settings.model_copy(update={"api_requests_per_minute": 5})) as api,
        api.client() as hasty,
        api.client() as other,
    ):
        answers = [hasty.get("/api/projects") for _ in range(8)]
        late = [answer for answer in answers if answer.status_code == 429]
        assert late
        assert int(late[0].headers["retry-after"]) >= 1
        assert late[0].json()["code"] == "rate_limit"
        assert other.get("/api/projects").status_code == 200


def test_while_nobody_can_count_everybody_is_served(settings: Settings) -> None:
    away = settings.model_copy(update={"celery_broker_url": SecretStr("redis://127.0.0.1:1/0")})
    with served(away) as api, api.client() as client:
        assert client.get("/api/projects").status_code == 200


def test_wrong_keys_of_one_address_are_counted_and_right_ones_served(settings: Settings) -> None:
    with served(settings.model_copy(update={"api_guesses_per_minute": 1})) as api, api.client() as right:
        wrong = {"Authorization": "Bearer nlp_wrong"}
        answers = [api.ask("GET", "/api/projects", headers=wrong) for _ in range(4)]
        answers += [api.ask("POST", "/api/session", json={"key": "nlp_wrong"}) for _ in range(4)]
        answers += [api.ask("POST", "/api/session", json={"once": "nothing"}) for _ in range(4)]
        assert answers[0].status_code == 401
        for few in (answers[1:4], answers[4:8], answers[8:]):
            assert 429 in {answer.status_code for answer in few}
        late = next(answer for answer in answers if answer.status_code == 429)
        assert (late.json()["code"], int(late.headers["retry-after"]) >= 1) == ("rate_limit", True)
        assert right.get("/api/projects").status_code == 200
        key = right.headers["authorization"].removeprefix("Bearer ")
        assert api.ask("POST", "/api/session", json={"key": key}).status_code == 200


def test_a_name_that_was_made_to_lead_here_is_refused(api: Served) -> None:
    for host in ("evil.example", "evil.example:8000", "127.0.0.1.evil.example", "localhost.", "x", "[::1"):
        answer = api.ask("GET", "/api/projects", headers={"Host": host})
        assert (answer.status_code, answer.json()["code"]) == (421, "wrong_host")
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert api.ask("GET", "/health", headers={"Host": host}).status_code == 200


def test_names_of_this_machine_and_of_the_settings_are_known(settings: Settings) -> None:
    with served(settings.model_copy(update={"api_hosts": "archive.example.org, other.example.org"})) as api:
        for host in (
            "localhost",
            "LOCALHOST:1",
            "127.0.0.1:8000",
            "[::1]:8000",
            "[::1]",
            "archive.example.org",
            "other.example.org:8",
        ):
            assert api.ask("GET", "/api/projects", headers={"Host": host}).status_code == 401, host
        assert api.ask("GET", "/api/projects", headers={"Host": "evil.example"}).status_code == 421


def test_every_answer_has_safe_headers(api: Served) -> None:
    for path in ("/health", "/nothing", "/openapi.json", "/api/documents", f"/api/documents/{uuid4()}"):
        headers = api.ask("GET", path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
        assert (headers["cache-control"], headers["referrer-policy"]) == ("no-store", "no-referrer")
    assert api.ask("GET", "/docs").status_code == 404  # its page would load scripts from elsewhere
