"""The real chain: Celery workers as processes, real broker, database and graph."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psycopg
from neo4j import Driver

from pipeline.settings import Settings
from pipeline.status import Step
from pipeline.wiring import Services
from tests.running import CELERY, DEADLINE, ENDED, TEXT, all_ended, chain, process, processor, submit, until, worker


def test_documents_go_all_the_way_and_bad_ones_end_in_a_clear_error(
    use: Services, settings: Settings, environment: dict[str, str], graph: Driver, tmp_path: Path
) -> None:
    bad = {"empty.pdf": b"", "cut.docx": b"PK\x03\x04" + bytes(200), "odd 'name\"\n\u0416.txt": TEXT.encode()}
    submit(use, tmp_path, {"letter.txt": TEXT.encode(), "again.txt": TEXT.upper().encode()} | bad)
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
    submit(use, tmp_path, {f"{n}.txt": f"{TEXT} Number {n}.".encode() * 20 for n in range(12)})
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
