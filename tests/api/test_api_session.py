"""People at the web page: signing in and out, what a session opens, and that no page from elsewhere acts in their name."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import httpx

from pipeline.settings import Settings
from pipeline.stores.api_keys import ApiKeys, Scope
from pipeline.stores.sessions import make_link
from tests.api_server import Served, served

SESSION = "/api/session"


@contextmanager
def browser(api: Served, key: str = "", **wanted: str) -> Iterator[httpx.Client]:
    """A browser that is signed in, and whose pages send the token."""
    headers = {"Origin": api.url, "Sec-Fetch-Site": "same-origin"}
    with httpx.Client(base_url=api.url, headers=headers, timeout=60) as client:
        answer = client.post(SESSION, json=wanted or {"key": key or api.key(Scope.ADMIN)})
        assert answer.status_code == 200, answer.text
        client.headers["X-CSRF-Token"] = answer.json()["csrf_token"]
        yield client


def refused(answer: httpx.Response, status: int, code: str) -> None:
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert answer.headers["content-type"] == "application/problem+json"


def make(client: httpx.Client, **headers: str) -> httpx.Response:
    """A request that changes something."""
    return client.post("/api/keys", json={"name": "made"}, headers=headers)


def keys(api: Served) -> list[str]:
    return [info.name for info in ApiKeys(api.database).all() if info.name != "test"]


def test_a_session_acts_with_its_key(api: Served) -> None:
    key = api.key(Scope.WRITE, "harbour")
    with httpx.Client(base_url=api.url, timeout=60) as client:
        answer = client.post(SESSION, json={"key": key})
        said = answer.json()
        assert (said["name"], said["scope"], said["project"]) == ("test", "write", "harbour")
        assert timedelta() < datetime.fromisoformat(said["expires_at"]) - datetime.now(UTC) <= timedelta(hours=12)
        again = client.get(SESSION).json()
        assert again.keys() == {"name", "scope", "project", "csrf_token", "expires_at"}
        assert again["csrf_token"] == said["csrf_token"]
        assert [p["name"] for p in client.get("/api/projects").json()["projects"]] == ["harbour"]
        refused(client.get("/api/documents", params={"project": "matter"}), 403, "foreign_project")
        refused(client.get("/api/keys"), 403, "scope")
        assert client.delete(SESSION, headers={"X-CSRF-Token": said["csrf_token"]}).status_code == 204
        assert client.cookies == {}
        refused(client.get(SESSION), 401, "no_session")


def test_the_cookie_is_no_scripts_and_only_this_sites(api: Served) -> None:
    key = api.key()
    plain = api.ask("POST", SESSION, json={"key": key}).headers["set-cookie"].lower()
    assert plain.startswith("nlp_session=")
    assert {"httponly", "samesite=strict", "path=/", "max-age=604800"} <= set(plain.split("; "))
    assert "secure" not in plain
    hosts = api.settings.model_copy(update={"api_hosts": "archive.example.org"})
    with served(hosts) as behind:
        sent = {"Origin": "https://archive.example.org", "Host": "archive.example.org"}
        answer = behind.ask("POST", SESSION, json={"key": key}, headers=sent)
        assert "; secure" in answer.headers["set-cookie"].lower()


def test_nothing_of_a_session_can_be_had_from_the_database(api: Served) -> None:
    with browser(api) as client:
        cookie, token = client.cookies["nlp_session"], client.headers["x-csrf-token"]
        link = make_link(api.database, "test")
        assert link
        with api.database.connection() as db:
            rows = db.execute("select s::text from api_sessions s union all select l::text from api_links l").fetchall()
        assert len(rows) == 2
        for secret in (cookie, token, link):
            assert all(secret not in row[0] for row in rows)
        assert cookie not in token


def test_without_the_token_nothing_is_changed(api: Served) -> None:
    with browser(api) as client:
        for token in ("", "0" * 64, "é"):
            headers = {b"X-CSRF-Token": token.encode()}
            refused(client.post("/api/keys", json={"name": "made"}, headers=headers), 403, "csrf")
            refused(client.delete(SESSION, headers=headers), 403, "csrf")
            refused(client.post("/api/documents/upload", files={"f": ("a.txt", b"hello")}, headers=headers), 403, "csrf")
            assert client.get("/api/keys", headers=headers).status_code == 200
        assert keys(api) == []
        assert make(client).status_code == 201


def test_the_token_of_another_session_is_none(api: Served) -> None:
    with browser(api) as one, browser(api) as other:
        refused(make(one, **{"X-CSRF-Token": other.headers["x-csrf-token"]}), 403, "csrf")


def test_a_page_from_elsewhere_changes_nothing_even_with_the_token(api: Served) -> None:
    elsewhere = [{"Origin": origin} for origin in ("https://evil.example", "null", "http://127.0.0.1:1", "")]
    elsewhere += [{"Sec-Fetch-Site": site} for site in ("cross-site", "same-site", "none")]
    with browser(api) as client:
        for headers in elsewhere:
            refused(make(client, **headers), 403, "foreign_origin")
            refused(client.post(SESSION, json={"key": api.key()}, headers=headers), 403, "foreign_origin")
    assert keys(api) == []


def test_a_key_needs_no_token(api: Served) -> None:
    with browser(api) as client:
        del client.headers["X-CSRF-Token"]
        assert make(client, Authorization=f"Bearer {api.key(Scope.ADMIN)}").status_code == 201
        refused(make(client, Authorization="Bearer nlp_wrong"), 401, "wrong_key")  # and the cookie does not help


def test_a_session_that_was_laid_into_a_browser_is_not_used(api: Served) -> None:
    with browser(api) as other:
        laid = other.cookies["nlp_session"]
        for cookie in ("chosen-by-somebody-else", laid):
            with httpx.Client(base_url=api.url, headers={"Origin": api.url}, timeout=60) as client:
                client.cookies.set("nlp_session", cookie, domain="127.0.0.1")
                answer = client.post(SESSION, json={"key": api.key()})
                fresh = answer.cookies["nlp_session"]
                assert fresh not in ("chosen-by-somebody-else", laid)
        refused(api.ask("GET", SESSION, headers={"Cookie": "nlp_session=chosen-by-somebody-else"}), 401, "no_session")
        refused(other.get(SESSION), 401, "no_session")  # who signs in anew has left the session before


def test_a_link_opens_one_session(api: Served) -> None:
    api.key(Scope.READ, "harbour")
    token = make_link(api.database, "test")
    assert token
    assert make_link(api.database, "nobody") is None
    with browser(api, once=token) as client:
        assert client.get(SESSION).json()["project"] == "harbour"
    refused(api.ask("POST", SESSION, json={"once": token}), 401, "wrong_key")


def change(api: Served, statement: str) -> None:
    with api.database.connection() as db:
        db.execute(statement)


def test_a_session_ends(api: Served) -> None:
    for over in (
        "update api_sessions set ends_at = now()",
        "update api_sessions set seen_at = now() - interval '12 hours'",
        "update api_keys set revoked_at = now()",
        "delete from api_keys",
    ):
        with browser(api) as client:
            assert client.get("/api/projects").status_code == 200
            change(api, over)
            refused(client.get("/api/projects"), 401, "no_session")
            refused(client.get(SESSION), 401, "no_session")
            refused(make(client), 401, "no_session")


def test_who_asks_stays_signed_in_and_what_is_over_is_removed(api: Served) -> None:
    with browser(api) as client:
        change(api, "update api_sessions set seen_at = now() - interval '11 hours'")
        until = datetime.fromisoformat(client.get(SESSION).json()["expires_at"])
        assert until - datetime.now(UTC) > timedelta(hours=11)
    change(api, "update api_sessions set ends_at = now() - interval '1 second'")
    with browser(api), api.database.connection() as db:
        assert db.execute("select count(*) from api_sessions").fetchall() == [(1,)]


def test_a_link_that_is_over_opens_nothing(api: Served) -> None:
    for over in ("update api_links set ends_at = now()", "update api_keys set revoked_at = now()"):
        api.key()
        token = make_link(api.database, "test")
        change(api, over)
        refused(api.ask("POST", SESSION, json={"once": token}), 401, "wrong_key")


def test_the_session_ends_with_the_key_that_is_revoked_over_http(api: Served) -> None:
    with browser(api) as client, api.client(Scope.ADMIN) as admin:
        named = ApiKeys(api.database).create("person", Scope.WRITE)
        with browser(api, named.key) as person:
            assert person.get("/api/projects").status_code == 200
            assert client.delete(f"/api/keys/{named.id}").status_code == 204
            refused(person.get("/api/projects"), 401, "no_session")
        refused(admin.delete(f"/api/keys/{named.id}"), 404, "no_such_key")


def test_what_is_no_sign_in_is_refused(api: Served) -> None:
    bodies: list[object] = [{"key": key} for key in (None, "", 5, "a b", "x" * 201)]
    bodies += [{}, {"name": "x"}, {"key": "a", "once": "b"}, [], None]
    for body in bodies:
        refused(api.ask("POST", SESSION, json=body), 422, "invalid_request")


def test_a_form_cannot_sign_in(api: Served) -> None:
    key = api.key()
    for content_type in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"):
        answer = api.ask("POST", SESSION, content=f'{{"key": "{key}"}}', headers={"Content-Type": content_type})
        refused(answer, 422, "invalid_request")
        assert key not in answer.text


def test_a_wrong_key_is_not_said_again(api: Served) -> None:
    answer = api.ask("POST", SESSION, json={"key": "nlp_nearly"})
    refused(answer, 401, "wrong_key")
    assert "nlp_nearly" not in answer.text
    assert "set-cookie" not in answer.headers


def test_keys_are_made_listed_and_revoked(api: Served) -> None:
    with api.client(Scope.ADMIN) as admin:
        made = admin.post("/api/keys", json={"name": "scanner", "scope": "write", "project": "harbour"})
        assert made.status_code == 201
        key = made.json()
        assert (key["name"], key["scope"], key["project"]) == ("scanner", "write", "harbour")
        with httpx.Client(base_url=api.url, headers={"Authorization": f"Bearer {key['key']}"}, timeout=60) as scanner:
            assert scanner.get("/api/projects").status_code == 200
            listed = {info["id"]: info for info in admin.get("/api/keys").json()["keys"]}
            assert listed[key["id"]]["last_used_at"]
            assert key["key"] not in admin.get("/api/keys").text
            assert admin.delete(f"/api/keys/{key['id']}").status_code == 204
            refused(scanner.get("/api/projects"), 401, "wrong_key")
        listed = {info["id"]: info for info in admin.get("/api/keys").json()["keys"]}
        assert listed[key["id"]]["revoked_at"]


def test_a_key_of_one_project_administers_that_alone(api: Served) -> None:
    other = ApiKeys(api.database).create("other", Scope.READ, "other")
    everywhere = ApiKeys(api.database).create("everywhere", Scope.READ)
    with api.client(Scope.ADMIN, "harbour") as admin:
        made = admin.post("/api/keys", json={"name": "mine", "scope": "admin"}).json()
        assert made["project"] == "harbour"
        refused(admin.post("/api/keys", json={"name": "x", "project": "other"}), 403, "foreign_project")
        assert {info["name"] for info in admin.get("/api/keys").json()["keys"]} == {"test", "mine"}
        for foreign in (other, everywhere):
            refused(admin.delete(f"/api/keys/{foreign.id}"), 404, "no_such_key")
        with httpx.Client(base_url=api.url, headers={"Authorization": f"Bearer {made['key']}"}, timeout=60) as mine:
            refused(mine.get("/api/documents", params={"project": "other"}), 403, "foreign_project")
    assert not any(info.revoked_at for info in ApiKeys(api.database).all())


def test_a_key_that_cannot_be_is_refused(api: Served) -> None:
    bad: list[dict[str, object]] = [{"name": name} for name in ("", "  ", "a\nb", "x" * 101, None)]
    bad += [{"name": "made", "scope": "root"}, {"name": "made", "project": "a/b"}, {}]
    with api.client(Scope.ADMIN) as admin:
        for body in bad:
            assert admin.post("/api/keys", json=body).status_code == 422, body
    assert keys(api) == []


def test_the_settings_say_how_long_a_session_lasts(settings: Settings) -> None:
    short = settings.model_copy(update={"api_session_idle": timedelta(hours=2), "api_session_lifetime": timedelta(hours=1)})
    with served(short) as api, browser(api) as client:
        until = datetime.fromisoformat(client.get(SESSION).json()["expires_at"])
        assert until - datetime.now(UTC) <= timedelta(hours=1)
