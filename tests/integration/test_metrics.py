"""Figures for Prometheus, of the real database and broker."""

import subprocess
import sys
from pathlib import Path
from urllib.request import urlopen

import psycopg
import pytest
from prometheus_client.parser import text_string_to_metric_families

from pipeline.settings import Settings
from pipeline.stores.database import Database
from pipeline.stores.metrics import Counted
from pipeline.wiring import Services
from tests.running import environment_of, submit

ENDED = (
    "insert into document_processing_history (document_id, step, outcome, token, started_at, finished_at)"
    " select id, 'process_ocr', %s, 1, now() - interval '2 s', now() from documents limit 1"
)

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def samples(url: str) -> Samples:
    with urlopen(url) as answer:
        families = list(text_string_to_metric_families(answer.read().decode()))
    return {(s.name, frozenset(s.labels.items())): s.value for family in families for s in family.samples}


def labels(**values: str) -> frozenset[tuple[str, str]]:
    return frozenset(values.items())


def test_prometheus_reads_what_there_is(settings: Settings, use: Services, database_url: str, tmp_path: Path) -> None:
    submit(use, tmp_path, {"a.txt": b"one", "b.txt": b"two"})
    with psycopg.connect(database_url, autocommit=True) as db:
        db.execute(ENDED, ("done",))
        db.execute(ENDED, ("crashed",))
    command = [sys.executable, "-m", "pipeline.cli.main", "metrics", "--port", "0"]
    with subprocess.Popen(command, env=environment_of(settings), stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            found = samples(server.stdout.readline().strip())
        finally:
            server.terminate()
    assert server.returncode == 0
    assert found["nlp_pipeline_up", labels(part="database")] == 1
    assert found["nlp_pipeline_up", labels(part="broker")] == 1
    assert found["nlp_pipeline_documents", labels(status="pending", step="process_ocr")] == 2
    assert found["nlp_pipeline_pending_seconds", labels()] > 0
    assert found["nlp_pipeline_steps_total", labels(step="process_ocr", outcome="done")] == 1
    assert found["nlp_pipeline_step_seconds_bucket", labels(step="process_ocr", le="1.0")] == 0
    assert found["nlp_pipeline_step_seconds_bucket", labels(step="process_ocr", le="2.5")] == 1
    assert found["nlp_pipeline_leases_repaired_total", labels()] == 1
    assert found["nlp_pipeline_queue_messages", labels(queue="ocr")] == 0


def test_without_a_database_it_says_so(settings: Settings, tmp_path: Path) -> None:
    environment = environment_of(settings) | {"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none"}
    command = [sys.executable, "-m", "pipeline.cli.main", "metrics", "--port", "0"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            found = samples(server.stdout.readline().strip())
        finally:
            server.terminate()
    assert found["nlp_pipeline_up", labels(part="database")] == 0
    assert found["nlp_pipeline_up", labels(part="broker")] == 1


def test_what_becomes_visible_late_is_counted_once(
    use: Services, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.stores.metrics.OVERTAKING", 3)
    submit(use, tmp_path, {"a.txt": b"one"})
    database, counted = Database(database_url), Counted()

    def done() -> int:
        return counted.times(database).counts["process_ocr", "done"].total()

    with psycopg.connect(database_url) as late, psycopg.connect(database_url, autocommit=True) as db:
        for _ in range(10):
            db.execute(ENDED, ("done",))
        assert done() == 10
        late.execute(ENDED, ("done",))
        db.execute(ENDED, ("done",))
        assert done() == 11
        late.commit()
        assert done() == 12
        for _ in range(10):
            db.execute(ENDED, ("done",))
        assert (done(), done()) == (22, 22)
    database.close()
