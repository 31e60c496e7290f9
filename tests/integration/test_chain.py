"""The real chain: Celery workers as processes, real broker, database and graph."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import psycopg
import pytest
from neo4j import Driver
from pydantic import SecretStr

from pipeline.endpoints import Endpoints
from pipeline.model import Submission
from pipeline.settings import Settings, load_settings
from pipeline.status import Step
from pipeline.wiring import Services

CELERY = ("celery", "-A", "pipeline.celery_app")
QUEUES = "graph,entity,text,ocr_pages,ocr,default"
TEXT = "Ada Lovelace wrote to Charles Babbage in London. Mr. Babbage thanked Miss Lovelace and left London for Turin."
DEADLINE = 120


@pytest.fixture
def settings(endpoints: Endpoints, database_url: str, broker_url: str, graph: Driver, tmp_path: Path) -> Settings:
    located = endpoints.fill(load_settings(_env_file=None, nlp_pipeline_home=tmp_path / "home"))
    return located.model_copy(update={"database_url": SecretStr(database_url), "celery_broker_url": SecretStr(broker_url)})


@pytest.fixture
def use(settings: Settings) -> Iterator[Services]:
    services = Services(settings)
    services.graph.prepare()
    yield services
    services.close()


@pytest.fixture
def environment(settings: Settings, endpoints: Endpoints, tmp_path: Path) -> dict[str, str]:
    assert settings.neo4j_password
    return os.environ | {
        "CELERY_BROKER_URL": settings.broker,
        "DATABASE_URL": settings.database,
        "NEO4J_URI": settings.neo4j_uri,
        "NEO4J_USER": settings.neo4j_user,
        "NEO4J_PASSWORD": settings.neo4j_password.get_secret_value(),
        "NLP_PIPELINE_HOME": str(tmp_path / "home"),
        "LEASE_DURATION": "6",
        "REPAIR_AFTER": "10",
        "POLL_INTERVAL": "1",
    }


@contextmanager
def process(environment: dict[str, str], log: Path, *words: str) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as file:
        running = subprocess.Popen(
            [sys.executable, "-m", *words], env=environment, stdout=file, stderr=file, start_new_session=True
        )
    try:
        yield running
    finally:
        running.send_signal(signal.SIGTERM)
        try:
            running.wait(40)
        except subprocess.TimeoutExpired:
            os.killpg(running.pid, signal.SIGKILL)
            running.wait()


def worker(environment: dict[str, str], log: Path, *options: str) -> AbstractContextManager[subprocess.Popen[bytes]]:
    words = (
        "celery",
        "-A",
        "pipeline.celery_app",
        "worker",
        "-Q",
        QUEUES,
        "-c",
        "1",
        "-n",
        f"{log.stem}@test",
        "--loglevel",
        "INFO",
    )
    return process(environment, log, *words, *options)


def processor(environment: dict[str, str], log: Path) -> AbstractContextManager[subprocess.Popen[bytes]]:
    return process(environment, log, "pipeline.queue_processor")


@contextmanager
def chain(environment: dict[str, str], folder: Path) -> Iterator[None]:
    with worker(environment, folder / "worker.log"), processor(environment, folder / "processor.log"):
        yield


def submit(use: Services, folder: Path, **files: bytes) -> None:
    for number, (name, content) in enumerate(files.items()):
        path = folder / f"file{number}"
        path.write_bytes(content)
        use.blobs.put(f"matter/{number:064d}", path)
        use.documents.submit("matter", [Submission(name, name, f"matter/{number:064d}", len(content), name)])


def until(
    db: psycopg.Connection[tuple[object, ...]], query: str, holds: Callable[[list[tuple[object, ...]]], bool]
) -> list[tuple[object, ...]]:
    end = time.monotonic() + DEADLINE
    while True:
        rows = db.execute(query.encode()).fetchall()
        if holds(rows):
            return rows
        if time.monotonic() > end:
            pytest.fail(f"not within {DEADLINE} s: {rows}")
        time.sleep(0.1)


ENDED = "select file_name, status::text, error_code, error_message from documents order by file_name"


def all_ended(rows: list[tuple[object, ...]]) -> bool:
    return all(row[1] in ("completed", "error") for row in rows)


def test_documents_go_all_the_way_and_bad_ones_end_in_a_clear_error(
    use: Services, settings: Settings, environment: dict[str, str], graph: Driver, tmp_path: Path
) -> None:
    bad = {"empty.pdf": b"", "cut.docx": b"PK\x03\x04" + bytes(200), "odd 'name\"\n\u0416.txt": TEXT.encode()}
    submit(use, tmp_path, **{"letter.txt": TEXT.encode(), "again.txt": TEXT.upper().encode()}, **bad)
    with psycopg.connect(settings.database, autocommit=True) as db, chain(environment, tmp_path):
        rows = until(db, ENDED, all_ended)
        ended = {row[0]: row[1:] for row in rows}
        assert ended["letter.txt"][0] == ended["again.txt"][0] == ended["odd 'name\"\n\u0416.txt"][0] == "completed"
        for name in ("empty.pdf", "cut.docx"):
            status, code, message = ended[name]
            assert status == "error"
            assert code not in (None, "internal")
            assert str(message).endswith(".")
        steps = db.execute("select step::text from document_processing_history where outcome = 'done' group by 1").fetchall()
        assert {row[0] for row in steps} == {step.value for step in Step}
    counts = use.graph.counts("matter")
    assert counts["Document"] >= 3
    assert counts["MENTIONS"] > 0


def test_a_worker_that_is_killed_costs_nothing(
    use: Services, settings: Settings, environment: dict[str, str], tmp_path: Path
) -> None:
    submit(use, tmp_path, **{f"{n}.txt": f"{TEXT} Number {n}.".encode() * 20 for n in range(12)})
    with psycopg.connect(settings.database, autocommit=True) as db, processor(environment, tmp_path / "processor.log"):
        with worker(environment, tmp_path / "first.log") as victim:
            until(db, "select count(*) from documents where status = 'completed'", lambda rows: int(str(rows[0][0])) >= 2)
            os.killpg(victim.pid, signal.SIGKILL)
            victim.wait()
        with worker(environment, tmp_path / "second.log"):
            rows = until(db, ENDED, all_ended)
        assert {row[1] for row in rows} == {"completed"}
        done = db.execute(
            "select document_id, step, count(*) from document_processing_history where outcome = 'done' group by 1, 2"
        ).fetchall()
        assert len(done) == 12 * len(Step)
        assert {row[2] for row in done} == {1}


def test_celery_shows_the_tasks_by_the_names_that_users_know(environment: dict[str, str], tmp_path: Path) -> None:
    log = tmp_path / "w.log"
    with process(environment, log, *CELERY, "worker", "-Q", "ocr", "-c", "1", "-n", "ocr1@test"):
        inspect = [sys.executable, "-m", "celery", "-A", "pipeline.celery_app", "inspect", "--json", "--timeout", "3"]
        end = time.monotonic() + DEADLINE
        while True:
            answer = subprocess.run([*inspect, "registered"], env=environment, capture_output=True, text=True, check=False)
            if answer.returncode == 0:
                break
            assert time.monotonic() < end, log.read_text()
        (registered,) = json.loads(answer.stdout).values()
        assert {step.value for step in Step} <= set(registered)
        answer = subprocess.run([*inspect, "active_queues"], env=environment, capture_output=True, text=True, check=True)
        ((queue,),) = json.loads(answer.stdout).values()
        assert queue["name"] == "ocr"


def test_the_queue_processor_stops_cleanly(environment: dict[str, str], tmp_path: Path) -> None:
    log = tmp_path / "p.log"
    with process(environment, log, "pipeline.queue_processor") as running:
        end = time.monotonic() + DEADLINE
        while "waiting for documents" not in log.read_text():
            assert running.poll() is None
            assert time.monotonic() < end, log.read_text()
            time.sleep(0.05)
        running.send_signal(signal.SIGTERM)
        assert running.wait(20) == 0
    assert "stopped" in log.read_text()
