"""Worker and queue processor that know nothing of the database but the address and the key of its REST interface."""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from pydantic import SecretStr

from pipeline.settings import Settings
from pipeline.stores.migrations import access
from pipeline.supervisor.doctor import check
from pipeline.wiring import Services
from tests.running import chain, submit, until
from tests.standins.postgrest import PostgRest, postgrest, signed

FILES = {
    "cable.txt": b"Hollis told the BSC in Lisbon that Hollis Marine had sold its ships to Viktor Osipov.",
    "diary.txt": b"The Baltic Shipping Council (BSC) met in Lisbon. Margaret Hollis and Mr Osipov went to Porto.",
}


@pytest.fixture
def rest(database_url: str) -> Iterator[PostgRest]:
    with postgrest(database_url) as rest:
        with psycopg.connect(database_url) as db:
            db.execute(access().encode())
        yield rest


@pytest.fixture
def settings(settings: Settings, rest: PostgRest) -> Settings:
    key = SecretStr(signed("service_role"))
    over_rest = {"database_store": "supabase", "supabase_url": rest.url, "supabase_key": key, "database_url": None}
    return settings.model_copy(update=over_rest)


@pytest.fixture
def environment(environment: dict[str, str], settings: Settings, rest: PostgRest) -> dict[str, str]:
    over_rest = {"DATABASE_STORE": "supabase", "SUPABASE_URL": rest.url, "SUPABASE_KEY": signed("service_role")}
    return {name: value for name, value in environment.items() if name != "DATABASE_URL"} | over_rest


def test_documents_are_processed_over_rest_alone(
    database_url: str, use: Services, rest: PostgRest, environment: dict[str, str], tmp_path: Path
) -> None:
    with psycopg.connect(database_url, autocommit=True) as db, chain(environment, tmp_path):
        submit(use, tmp_path, FILES)
        until(db, "select count(*) from documents where status = 'completed'", lambda rows: rows == [(len(FILES),)])
        until(db, "select count(*) from graph_touched", lambda rows: rows == [(0,)])
        others = "select count(*) from pg_stat_activity where datname = current_database() and application_name like 'nlp%%'"
        assert db.execute(others.encode()).fetchall() == [(0,)]
        assert db.execute("select count(*) > 3 from mentions").fetchall() == [(True,)]
    assert {"claim_documents", "begin_step", "commit_chunks", "take_graph_turn", "end_turn"} <= set(rest.calls)
    assert use.graph.counts("matter")["Document"] == len(FILES)


def test_the_doctor_calls_it(settings: Settings, rest: PostgRest) -> None:
    (found,) = [each for each in check(settings) if each.name == "database"]
    assert found.ok
    assert "DATABASE_URL" in found.detail
    assert "next_due" in rest.calls
    wrong = settings.model_copy(update={"supabase_key": SecretStr(signed("anon"))})
    (found,) = [each for each in check(wrong) if each.name == "database"]
    assert not found.ok
    assert "SUPABASE_KEY" in found.detail
    assert signed("anon") not in f"{found}"
