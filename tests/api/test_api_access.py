"""Keys: what they open, and that nothing of another project is seen by any route."""

from typing import NamedTuple
from uuid import uuid4

import httpx
import pytest

from pipeline.api.app import create_app
from pipeline.settings import Settings
from pipeline.stores.api_keys import ApiKeys, Scope
from tests.api_server import Served, served
from tests.matter import PROJECT, Matter, fill

OPEN = {"/health"}
FORM = {"file": ("own.txt", b"A text of the other project.")}


class Route(NamedTuple):
    """A way to ask for something."""

    method: str
    path: str


@pytest.fixture
def routes(settings: Settings) -> list[Route]:
    app = create_app(settings)
    found = [Route(method.upper(), path) for path, methods in app.openapi()["paths"].items() for method in methods]
    app.state.backend.close()
    assert len(found) >= 12
    return [route for route in found if route.path not in OPEN]


@pytest.fixture
def matter(api: Served) -> Matter:
    return fill(api.store)


def ask(client: httpx.Client, api: Served, route: Route, matter: Matter, **query: str) -> httpx.Response:
    """Ask a route for what belongs to the matter."""
    path = route.path.format(document_id=matter.letter, entity_id=an_entity(api), name="documents")
    files = FORM if route.path.endswith("/upload") else None
    if route.path == "/api/search":
        query["q"] = "engine"
    return client.request(route.method, path, params=query, files=files)


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
    secrets = [str(matter.letter), "letter.txt", "Lovelace", f'"{PROJECT}"']
    with api.client(Scope.ADMIN, "other") as foreign:
        for route in routes:
            plain = ask(foreign, api, route, matter)
            named = ask(foreign, api, route, matter, project=PROJECT)
            assert plain.status_code in ({404} if "{" in route.path and "_id}" in route.path else {200, 404}), (
                route,
                plain.text,
            )
            assert named.status_code in {403, 404} or "project" not in _parameters(api, route), (route, named.text)
            for said in (plain.text, named.text):
                assert [word for word in secrets if word in said] == [], route
    assert counts(api) == before
    with api.client(Scope.ADMIN, PROJECT) as own:
        assert "letter.txt" in own.get("/api/documents").text
        assert own.get(f"/api/documents/{matter.letter}").status_code == 200


def _parameters(api: Served, route: Route) -> set[str]:
    described = httpx.get(f"{api.url}/openapi.json").json()["paths"][route.path][route.method.lower()]
    return {parameter["name"] for parameter in described.get("parameters", [])}


def test_without_a_valid_key_nothing_is_answered(api: Served, matter: Matter, routes: list[Route]) -> None:
    revoked = api.key(Scope.ADMIN)
    assert ApiKeys(api.database).revoke("test") == 1
    for key in (None, "Bearer nothing", "Bearer nlp_" + "A" * 43, f"Bearer {revoked}", "Basic YTpi", "Bearer é"):
        headers = [(b"Authorization", key.encode())] if key else []
        with httpx.Client(base_url=api.url, headers=headers) as client:
            for route in routes if key in (None, f"Bearer {revoked}") else routes[:2]:
                answer = ask(client, api, route, matter)
                assert answer.status_code == 401, (route, key)
                assert answer.headers["www-authenticate"] == "Bearer"
                assert answer.json()["code"] in {"no_key", "wrong_key"}


def test_a_key_that_reads_changes_nothing(api: Served, matter: Matter, routes: list[Route]) -> None:
    before = counts(api)
    with api.client(Scope.READ) as reader:
        for route in (route for route in routes if route.method != "GET"):
            answer = ask(reader, api, route, matter)
            assert (answer.status_code, answer.json()["code"]) == (403, "scope"), route
    assert counts(api) == before


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
    from pydantic import SecretStr

    away = settings.model_copy(update={"celery_broker_url": SecretStr("redis://127.0.0.1:1/0")})
    with served(away) as api, api.client() as client:
        assert client.get("/api/projects").status_code == 200


def test_every_answer_has_safe_headers(api: Served) -> None:
    for path in ("/health", "/nothing", "/openapi.json", "/api/documents", f"/api/documents/{uuid4()}"):
        headers = httpx.get(api.url + path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert "default-src 'none'" in headers["content-security-policy"]
    assert httpx.get(api.url + "/docs").status_code == 404  # its page would load scripts from elsewhere
