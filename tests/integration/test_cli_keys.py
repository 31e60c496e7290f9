"""Keys and links from the command line, on a real database."""

import json
from pathlib import Path

import pytest

from pipeline.cli.main import execute
from pipeline.endpoints import Endpoints
from pipeline.settings import load_settings
from pipeline.stores.api_keys import ApiKeys, Scope
from pipeline.stores.database import Database
from pipeline.stores.sessions import Sessions

Said = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def home(database_url: str, endpoints: Endpoints, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in endpoints.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("NLP_PIPELINE_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def database(database_url: str) -> Database:
    return Database(database_url, most=1)


def said(capsys: Said, *words: str, code: int = 0) -> str:
    capsys.readouterr()
    assert execute([*words]) == code
    return capsys.readouterr().out


def listed(capsys: Said) -> list[dict[str, str | None]]:
    return [json.loads(line) for line in said(capsys, "keys", "list", "--json").splitlines()]


def test_keys_are_made_listed_and_revoked(capsys: Said, database: Database) -> None:
    assert "There are no keys." in said(capsys, "keys", "list")
    assert listed(capsys) == []
    scanner = json.loads(
        said(capsys, "keys", "create", "--name", "scanner", "--scope", "write", "--project", "harbour", "--json")
    )
    assert scanner.keys() == {"key", "id", "name", "scope", "project"}
    plain = said(capsys, "keys", "create", "--name", "laptop").strip()
    keys = ApiKeys(database)
    caller = keys.caller(scanner["key"])
    assert caller == (scanner["id"], "scanner", Scope.WRITE, "harbour")
    first, second = listed(capsys)
    assert (first["name"], first["id"], first["scope"], first["project"]) == ("scanner", scanner["id"], "write", "harbour")
    assert first["last_used_at"]
    assert (second["name"], second["scope"], second["project"], second["last_used_at"]) == ("laptop", "read", None, None)
    table = said(capsys, "keys", "list")
    assert scanner["key"] not in table
    assert plain not in table
    assert "never" in table

    assert said(capsys, "keys", "revoke", "laptop") == "1 key revoked.\n"
    assert said(capsys, "keys", "revoke", scanner["id"]) == "1 key revoked.\n"
    assert keys.caller(plain) is None
    assert keys.caller(scanner["key"]) is None
    assert said(capsys, "keys", "revoke", "laptop", code=3) == "0 keys revoked.\n"
    assert all(key["revoked_at"] for key in listed(capsys))
    assert "revoked" in said(capsys, "keys", "list")


def test_all_keys_of_a_name_are_revoked_and_no_others(capsys: Said, database: Database) -> None:
    one, two, other = (said(capsys, "keys", "create", "--name", name).strip() for name in ("a", "a", "b"))
    assert said(capsys, "keys", "revoke", "a") == "2 keys revoked.\n"
    assert [ApiKeys(database).caller(key) is None for key in (one, two, other)] == [True, True, False]


def test_a_link_acts_with_the_key_that_is_named(capsys: Said, database: Database) -> None:
    settings = load_settings(_env_file=None)
    sessions = Sessions(database, settings.api_session_idle, settings.api_session_lifetime)
    said(capsys, "keys", "create", "--name", "ada", "--project", "harbour")
    link = said(capsys, "link", "--key", "ada", "--address", "https://archive.example.org/").strip()
    assert link.startswith("https://archive.example.org/login#once=")
    opened = sessions.open(link=link.partition("=")[2])
    assert opened
    assert opened[1].caller[1:] == ("ada", Scope.READ, "harbour")
    owner = said(capsys, "link").strip()
    assert owner.startswith("http://127.0.0.1:8000/login#once=")
    opened = sessions.open(link=owner.partition("=")[2])
    assert opened
    assert opened[1].caller[1:] == ("owner", Scope.ADMIN, "")
    said(capsys, "link")
    assert [key["name"] for key in listed(capsys)] == ["ada", "owner"]
    said(capsys, "keys", "revoke", "ada")
    assert said(capsys, "link", "--key", "ada", code=3) == ""
