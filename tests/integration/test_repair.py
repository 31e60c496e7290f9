"""What the queue processors send on, and what they leave alone."""

import json
import time
from base64 import b64decode
from pathlib import Path

import psycopg
import redis

from pipeline.settings import Settings
from pipeline.status import Step
from pipeline.wiring import Services
from tests.running import DEADLINE, ENDED, TEXT, all_completed, chain, processor, submit, until, worker

DOCUMENTS = 6
REPAIR_AFTER = 3


def sent(broker: redis.Redis) -> list[str]:
    """Ids of the documents that wait to be read, in the order in which they were sent."""
    messages = [json.loads(message) for message in broker.lrange("ocr", 0, -1)]
    return [json.loads(b64decode(message["body"]))[0][0] for message in reversed(messages)]


def until_sent(broker: redis.Redis, count: int) -> list[str]:
    end = time.monotonic() + DEADLINE
    while len(found := sent(broker)) < count:
        assert time.monotonic() < end, found
        time.sleep(0.1)
    return found


def test_what_the_broker_lost_is_sent_again_once_and_what_waits_in_it_is_not(
    use: Services, settings: Settings, environment: dict[str, str], tmp_path: Path
) -> None:
    environment |= {"REPAIR_AFTER": str(REPAIR_AFTER), "LEASE_DURATION": "5"}
    with (
        redis.Redis.from_url(settings.broker) as broker,
        psycopg.connect(settings.database, autocommit=True) as db,
        processor(environment, tmp_path / "one.log"),
        processor(environment, tmp_path / "other.log"),
    ):
        submit(use, tmp_path, {f"{n}.txt": f"{TEXT} {n}".encode() for n in range(DOCUMENTS)})
        first = until_sent(broker, DOCUMENTS)
        time.sleep(2 * REPAIR_AFTER)
        assert sent(broker) == first
        assert len(set(first)) == DOCUMENTS
        broker.flushdb()
        again = until_sent(broker, DOCUMENTS)
        time.sleep(2 * REPAIR_AFTER)
        assert sent(broker) == again
        assert set(again) == set(first)
        with worker(environment, tmp_path / "worker.log"):
            until(db, ENDED, all_completed)
        done = db.execute("select count(*) from document_processing_history where outcome = 'done'").fetchone()
        assert done == (DOCUMENTS * len(Step),)


def test_what_failed_comes_back_to_the_step_that_failed(
    use: Services, settings: Settings, environment: dict[str, str], tmp_path: Path
) -> None:
    faulty = ("--include", "tests.faults.first_chunks")
    with psycopg.connect(settings.database, autocommit=True) as db, chain(environment, tmp_path, *faulty):
        submit(use, tmp_path, {"letter.txt": TEXT.encode()})
        until(db, ENDED, all_completed)
        rows = db.execute("select step::text, outcome, error_code from document_processing_history order by id").fetchall()
    steps = [step.value for step in Step]
    failed = steps.index("process_chunking")
    assert rows == [
        *((step, "done", None) for step in steps[:failed]),
        ("process_chunking", "retry", "service_unavailable"),
        *((step, "done", None) for step in steps[failed:]),
    ]
