"""What is kept in the home, and the addresses read from it."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from pydantic import SecretStr

from pipeline.endpoints import Endpoints, embedded, located, running_endpoints
from pipeline.errors import Misconfigured, ServiceUnavailable
from pipeline.home import Home, ProcessId, ServerRecord
from pipeline.settings import load_settings

URLS = {"celery_broker_url": "redis://:one@b/0", "database_url": "postgresql://u:two@d/x", "neo4j_uri": "bolt://g"}


@pytest.fixture
def home(tmp_path: Path) -> Home:
    one = Home(tmp_path / "home")
    one.create()
    return one


def test_state_is_read_back(home: Home) -> None:
    me = ProcessId.of(os.getpid())
    with home.change() as state:
        state.servers["valkey"] = ServerRecord(ports={"main": 7}, data=home.path / "valkey", process=me)
        state.keep = True
    assert home.state() == state
    assert home.state().servers["valkey"].alive()


def test_a_failed_change_changes_nothing(home: Home) -> None:
    with pytest.raises(ZeroDivisionError), home.change() as state:
        state.keep = bool(1 / 0)
    assert not home.state().keep


@pytest.mark.parametrize("content", ["", "{", '{"servers": 3}', "[]"])
def test_a_damaged_state_file_counts_as_none(home: Home, content: str) -> None:
    (home.path / "state.json").write_text(content)
    assert home.state().servers == {}


def test_changes_from_many_threads_all_count(home: Home) -> None:
    def add(number: int) -> str:
        with home.change() as state:
            state.servers[str(number)] = ServerRecord()
        return home.password(str(number))

    with ThreadPoolExecutor(8) as pool:
        passwords = list(pool.map(add, range(16)))
    assert len(home.state().servers) == 16
    assert home.passwords() == {str(n): password for n, password in enumerate(passwords)}
    assert len(set(passwords)) == 16


def test_passwords_are_kept_from_others(home: Home) -> None:
    assert home.password("valkey") == home.password("valkey")
    assert home.secrets.stat().st_mode & 0o777 == 0o600
    assert home.path.stat().st_mode & 0o066 == 0


def test_a_damaged_file_of_passwords_is_named(home: Home) -> None:
    home.secrets.write_text("{")
    with pytest.raises(Misconfigured, match=r"secrets\.json is damaged"):
        home.password("valkey")


def test_nothing_runs_in_an_empty_home(tmp_path: Path) -> None:
    settings = load_settings(_env_file=None, nlp_pipeline_home=tmp_path / "none", **URLS | {"neo4j_uri": ""})
    assert embedded(settings) == ["arcadedb"]
    assert running_endpoints(settings) is None
    with pytest.raises(ServiceUnavailable, match="nlp-pipeline up"):
        located(settings)
    assert not (tmp_path / "none").exists()


def test_urls_that_are_set_are_used_as_they_are(tmp_path: Path) -> None:
    settings = load_settings(
        _env_file=None, nlp_pipeline_home=tmp_path, neo4j_user="me", neo4j_password=SecretStr("three"), **URLS
    )
    assert embedded(settings) == []
    found = running_endpoints(settings)
    assert found == Endpoints("redis://:one@b/0", "postgresql://u:two@d/x", "bolt://g", "me", "three")
    assert not any(secret in repr(found) for secret in ("one", "two", "three"))


def test_the_environment_of_a_child_gives_the_same_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    endpoints = Endpoints("redis://:one@b/0", "postgresql://u:two@d/x", "bolt://g", "me", "three")
    for name, value in endpoints.environment().items():
        monkeypatch.setenv(name, value)
    child = load_settings(_env_file=None, nlp_pipeline_home=tmp_path)
    assert child == endpoints.fill(load_settings(_env_file=None, nlp_pipeline_home=tmp_path))
    assert running_endpoints(child) == endpoints
