"""Documents read by a language model: real workers with greenlets or threads, and a stand-in for the service."""

import os
import signal
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

import neo4j
import psycopg
import pytest

from pipeline.graph_keeper import GraphKeeper
from pipeline.graph_rows import Difference, Kind, Part
from pipeline.model import DocumentId
from pipeline.settings import Settings, load_settings
from pipeline.stores.database import Database
from pipeline.stores.graph_content import GraphContent
from pipeline.supervisor.doctor import check
from pipeline.wiring import Services
from tests.running import ENDED, all_completed, environment_of, processor, submit, until, worker
from tests.standins.openai import KEY, OpenAIStandIn, error

Db = psycopg.Connection[tuple[object, ...]]
REST = "graph,text,ocr_pages,ocr,default"
LETTER = "Clara Berger works for Northgate Bank. Clara Berger wrote to Anna Novak.\n"
NOTE = "Anna Novak lives in Trieste. Clara Berger wrote to Anna Novak again.\n"
NOTED = "select 1 from graph_touched union all select 1 from graph_changes union all select 1 from graph_outdated"
HELD = "select count(*) from documents where step = 'extract_entities' and lease_until is not null"
RELATED = "MATCH (s)-[r:RELATED]->(o) RETURN s.name, r.predicate, o.name, r.evidence, r.documents ORDER BY r.predicate"
SAID = """
select s.name, r.predicate, o.name from canonical_evidence r
cross join lateral entity_summary(r.subject_id) s cross join lateral entity_summary(r.object_id) o
where r.predicate <> 'CO_OCCURS_WITH' order by 1, 2, 3"""


@pytest.fixture
def service() -> Iterator[OpenAIStandIn]:
    with OpenAIStandIn() as running:
        yield running


@pytest.fixture
def db(settings: Settings) -> Iterator[Db]:
    with psycopg.connect(settings.database, autocommit=True) as connection:
        yield connection


def environment_with(settings: Settings, service: OpenAIStandIn, **more: str) -> dict[str, str]:
    remote = {
        "NER_ENGINE": "remote",
        "NER_REMOTE_MODEL": "test-model",
        "OPENAI_API_KEY": KEY,
        "OPENAI_BASE_URL": service.url,
    }
    return environment_of(settings, **remote | more)


@pytest.mark.parametrize("pool", ["gevent", "threads"])
def test_names_and_relations_come_from_the_model_and_stand_in_the_graph(
    pool: str, settings: Settings, use: Services, service: OpenAIStandIn, db: Db, graph: neo4j.Driver, tmp_path: Path
) -> None:
    environment = environment_with(settings, service)
    submit(use, tmp_path, {"letter.txt": LETTER.encode(), "note.txt": NOTE.encode(), "empty.txt": b"1, 2, 3\n"})
    with (
        worker(environment, tmp_path / "entity.log", "--pool", pool, queues="entity", tasks=20),
        worker(environment, tmp_path / "rest.log", queues=REST),
        processor(environment, tmp_path / "processor.log"),
    ):
        until(db, ENDED, all_completed)
        until(db, NOTED, lambda rows: not rows)
    said = [
        ("Anna Novak", "LIVES_IN", "Trieste"),
        ("Clara Berger", "COMMUNICATED_WITH", "Anna Novak"),
        ("Clara Berger", "COMMUNICATED_WITH", "Anna Novak"),
        ("Clara Berger", "WORKS_FOR", "Northgate Bank"),
    ]
    assert db.execute(SAID).fetchall() == said
    assert run(graph, RELATED) == [
        ["Clara Berger", "COMMUNICATED_WITH", "Anna Novak", 2, 2],
        ["Anna Novak", "LIVES_IN", "Trieste", 1, 1],
        ["Clara Berger", "WORKS_FOR", "Northgate Bank", 1, 1],
    ]
    assert drift(use, settings) == []
    run(graph, "MATCH ()-[r:RELATED {predicate: 'LIVES_IN'}]->() SET r.evidence = 7")
    run(graph, "MATCH ()-[r:RELATED {predicate: 'WORKS_FOR'}]->() DELETE r")
    assert {(each.part, each.kind) for each in drift(use, settings)} == {
        (Part.RELATED, Kind.DIFFERENT),
        (Part.RELATED, Kind.MISSING),
    }


def test_what_a_deleted_document_said_leaves_the_graph(
    settings: Settings, use: Services, service: OpenAIStandIn, db: Db, graph: neo4j.Driver, tmp_path: Path
) -> None:
    environment = environment_with(settings, service)
    submit(use, tmp_path, {"letter.txt": LETTER.encode(), "note.txt": NOTE.encode()})
    with (
        worker(environment, tmp_path / "entity.log", "--pool", "gevent", queues="entity", tasks=20),
        worker(environment, tmp_path / "rest.log", queues=REST),
        processor(environment, tmp_path / "processor.log"),
    ):
        until(db, ENDED, all_completed)
        note = db.execute("select id::text from documents where file_name = 'note.txt'").fetchone()
        assert note
        use.documents.delete([DocumentId(str(note[0]))])
        until(db, NOTED, lambda rows: not rows)
    assert run(graph, RELATED) == [
        ["Clara Berger", "COMMUNICATED_WITH", "Anna Novak", 1, 1], ["Clara Berger", "WORKS_FOR", "Northgate Bank", 1, 1]
    ]  # fmt: skip
    assert drift(use, settings) == []


def test_a_worker_that_is_killed_while_many_documents_wait_costs_nothing(
    settings: Settings, use: Services, service: OpenAIStandIn, db: Db, tmp_path: Path
) -> None:
    service.behaviour.latency = 2.0
    environment = environment_with(settings, service)
    texts = {f"{n}.txt": f"Clara Berger met Anna Novak on page {n}.".encode() for n in range(60)}
    submit(use, tmp_path, texts)
    entity = partial(worker, environment, tmp_path / "entity.log", "--pool", "gevent", queues="entity", tasks=100)
    with worker(environment, tmp_path / "rest.log", queues=REST), processor(environment, tmp_path / "processor.log"):
        with entity() as first:
            until(
                db, "select count(*) from documents where step = 'extract_entities'", lambda rows: int(str(rows[0][0])) > 9
            )
            until(db, HELD, lambda rows: int(str(rows[0][0])) > 5)
            os.killpg(first.pid, signal.SIGKILL)
        with entity():
            until(db, ENDED, lambda rows: len(rows) == len(texts) and all_completed(rows))
    done = db.execute(
        "select count(*) from document_processing_history where step = 'extract_entities' and outcome = 'done'"
    ).fetchone()
    assert done == (len(texts),)


@pytest.mark.parametrize("pool", ["gevent", "threads"])
def test_a_worker_that_is_stopped_hands_back_what_still_waits(
    pool: str, settings: Settings, use: Services, service: OpenAIStandIn, db: Db, tmp_path: Path
) -> None:
    service.behaviour.latency = 60.0
    times = {"LEASE_DURATION": "3000", "CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT": "1"}
    environment = environment_with(settings, service, **times)
    submit(use, tmp_path, {"letter.txt": LETTER.encode(), "note.txt": NOTE.encode()})
    with worker(environment, tmp_path / "rest.log", queues=REST), processor(environment, tmp_path / "processor.log"):
        with worker(environment, tmp_path / "first.log", "--pool", pool, queues="entity", tasks=20) as first:
            until(db, HELD, lambda rows: rows == [(2,)])
            first.send_signal(signal.SIGTERM)
            assert first.wait(40) == 0
        service.behaviour.latency = 0.0
        with worker(environment, tmp_path / "second.log", "--pool", pool, queues="entity", tasks=20):
            until(db, ENDED, all_completed)
    assert db.execute("select max(crashes), max(retries) from documents").fetchall() == [(0, 0)]


def test_documents_wait_for_a_key_that_is_refused_and_go_on_by_themselves(
    settings: Settings, use: Services, service: OpenAIStandIn, db: Db, tmp_path: Path
) -> None:
    service.script.extend([error(401, f"Incorrect API key provided: {KEY}.", "invalid_api_key")] * 2)
    environment = environment_with(settings, service, NER_FALLBACK="false")
    submit(use, tmp_path, {"letter.txt": LETTER.encode()})
    with worker(environment, tmp_path / "worker.log"), processor(environment, tmp_path / "processor.log"):
        until(db, "select waiting_for from documents where waiting_for like '%does not accept the key%'", bool)
        until(db, ENDED, all_completed)
    log = (tmp_path / "worker.log").read_text()
    assert KEY not in log
    assert log.count("ERROR") == 1, "what a person must mend is said once"


@pytest.mark.parametrize(
    ("variables", "wrong"),
    [
        ({}, 0),
        ({"OPENAI_API_KEY": "mistaken"}, 4),
        ({"NER_REMOTE_MODEL": "unknown"}, 1),
        ({"EMBEDDING_DIMENSION": "32"}, 1),
        ({"OPENAI_BASE_URL": "http://127.0.0.1:9/v1"}, 4),
    ],
    ids=["as it should be", "wrong key", "unknown model", "wrong dimension", "nobody there"],
)
def test_the_doctor_tries_every_model(
    service: OpenAIStandIn, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, variables: dict[str, str], wrong: int
) -> None:
    service.behaviour.models = frozenset({"test-model"})
    given = {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": service.url, "EMBEDDING_DIMENSION": "64"}
    for kind in ("NER", "OCR", "EMBEDDING", "SPEECH"):
        given |= {f"{kind}_ENGINE": "remote", f"{kind}_REMOTE_MODEL": "test-model"}
    for name, value in (given | variables).items():
        monkeypatch.setenv(name, value)
    found = [one for one in check(load_settings(_env_file=None, nlp_pipeline_home=tmp_path)) if one.name.endswith(" model")]
    assert [one.name for one in found] == ["language model", "seeing model", "embedding model", "speech model"]
    assert sum(not one.ok for one in found) == wrong, found
    assert "mistaken" not in " ".join(one.detail for one in found), "a key is never shown"


def run(graph: neo4j.Driver, statement: str) -> list[list[object]]:
    return graph.execute_query(neo4j.Query(statement), database_="neo4j", result_transformer_=neo4j.Result.values)


def drift(use: Services, settings: Settings) -> list[Difference]:
    with closing(Database(settings.database)) as database:
        keeper = GraphKeeper(GraphContent(database), use.graph_rows)
        return [each for project in keeper.projects() for look in keeper.check(project) for each in look.differences]
