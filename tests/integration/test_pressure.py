"""How much is on its way at one time, in what order, and in how many messages."""

import json
import subprocess
import sys
import time
import uuid
from pathlib import Path

import psycopg
import redis

from pipeline.settings import Settings
from pipeline.wiring import Services
from tests.running import CELERY, ENDED, TEXT, all_completed, chain, processor, submit, until, until_logged, worker

IN_FLIGHT = 8
PENDING = 5000
TASKS = ("process_ocr", "create_document_node", "extract_entities", "build_relationships")


def celery(environment: dict[str, str], *words: str) -> str:
    command = [sys.executable, "-m", *CELERY, *words]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout


def test_waiting_documents_cost_the_broker_nothing(
    use: Services, settings: Settings, environment: dict[str, str], tmp_path: Path
) -> None:
    with psycopg.connect(settings.database, autocommit=True) as db, redis.Redis.from_url(settings.broker) as broker:
        db.execute("select ensure_project('matter')")
        db.execute(
            "insert into documents (project_id, source_path, file_name, storage_key)"
            " select derived_id('project', 'matter'), n || '.txt', n || '.txt', 'matter/' || n"
            " from generate_series(1, %s) n",
            (PENDING,),
        )
        environment |= {"DOCUMENTS_IN_FLIGHT": str(IN_FLIGHT), "REPAIR_AFTER": "2", "LEASE_DURATION": "3"}
        with processor(environment, tmp_path / "processor.log"):
            queued = "select count(*) from documents where status <> 'pending'"
            until(db, queued, lambda rows: rows[0][0] == IN_FLIGHT)
            time.sleep(6)
            assert db.execute(queued.encode()).fetchone() == (IN_FLIGHT,)
            assert broker.llen("ocr") == IN_FLIGHT
            assert broker.dbsize() < 20


def test_a_worker_of_several_queues_takes_what_is_nearest_to_its_end(
    use: Services, environment: dict[str, str], tmp_path: Path
) -> None:
    log = tmp_path / "worker.log"
    for task in TASKS:
        celery(environment, "call", task, "--args", json.dumps([str(uuid.uuid4())]))
    with worker(environment, log):
        until_logged(log, "received", len(TASKS))
    received = [line.split("Task ")[1].split("[")[0] for line in log.read_text().splitlines() if " received" in line]
    assert received == list(reversed(TASKS))


def test_the_steps_of_a_quick_document_take_one_message(
    use: Services, settings: Settings, environment: dict[str, str], tmp_path: Path
) -> None:
    with psycopg.connect(settings.database, autocommit=True) as db, chain(environment, tmp_path):
        submit(use, tmp_path, {"first.txt": TEXT.encode()})  # the models are loaded, which takes its time
        until(db, ENDED, all_completed)
        (before,) = json.loads(celery(environment, "inspect", "--json", "stats")).values()
        submit(use, tmp_path, {"letter.txt": TEXT.encode()})
        until(db, ENDED, all_completed)
        (after,) = json.loads(celery(environment, "inspect", "--json", "stats")).values()
    ran = {task: count - before["total"].get(task, 0) for task, count in after["total"].items()}
    assert {task: count for task, count in ran.items() if count and task != "refresh_graph"} == {"process_ocr": 1}
