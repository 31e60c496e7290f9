"""What a snapshot makes of what its sources say."""

import json
import time
from dataclasses import replace

import pytest

from pipeline.errors import ServiceUnavailable
from pipeline.model import Pause
from pipeline.monitor.broker import Answer
from pipeline.monitor.snapshot import Facts
from pipeline.monitor.source import Source
from pipeline.monitor.workers import Local
from pipeline.status import Status, Step
from pipeline.stores.reports import StateCount
from pipeline.stores.watching import Failed, Pace
from tests.unit.cli.pictured import FACTS, HEARD, SEEN, SERVERS, WORKERS, quiet, snapshot

Patch = pytest.MonkeyPatch


def test_queues_know_messages_documents_age_and_who_serves_them(monkeypatch: Patch) -> None:
    queues = {queue.name: queue for queue in snapshot(monkeypatch).queues}
    assert list(queues) == ["ocr", "ocr_pages", "text", "entity", "graph", "default"]
    assert queues["ocr_pages"][1:] == (4, 4, 2, 41.0, None, 1)
    assert queues["graph"][1:] == (0, 4, 0, 95.0, 95.0, 1)
    assert queues["ocr"][1:4] == (12, 0, 1)


def test_workers_are_brought_together_by_name(monkeypatch: Patch) -> None:
    workers = {worker.name: worker for worker in snapshot(monkeypatch).workers}
    assert {name: worker.state for name, worker in workers.items()} == {
        "ocr@vm": "busy",
        "ocr@other": "silent",
        "rest@vm": "busy",
        "queue_processor": "idle",
    }
    assert [work.source_path for work in workers["ocr@vm"].work][1] == "reports/annual.pdf"
    assert (workers["ocr@vm"].pid, workers["ocr@vm"].tasks, workers["ocr@vm"].heartbeat) == (310, 2, 0.8)
    assert workers["queue_processor"].memory == 101 << 20


def test_what_a_dead_process_had_is_not_taken_for_work_of_the_worker_that_came_after_it(monkeypatch: Patch) -> None:
    lost = replace(SEEN, at_work=(SEEN.at_work[0]._replace(lease=-60.0), SEEN.at_work[1]), failures=(), troubles=())
    (worker,) = (w for w in snapshot(monkeypatch, FACTS._replace(seen=lost)).workers if w.name == "ocr@vm")
    assert (worker.state, len(worker.work), len(worker.alive)) == ("busy", 2, 1)
    both = replace(lost, at_work=(lost.at_work[0],))
    moment = snapshot(monkeypatch, FACTS._replace(seen=both))
    assert [w.state for w in moment.workers if w.name == "ocr@vm"] == ["idle"]
    assert moment.problems == ("The worker ocr@vm fell silent over 1 document, which another gets.",)


def test_a_quiet_moment_is_well(monkeypatch: Patch) -> None:
    moment = snapshot(monkeypatch, quiet())
    assert moment.problems == ()
    assert moment.well


def problems(monkeypatch: Patch, facts: Facts) -> str:
    return "\n".join(snapshot(monkeypatch, facts).problems)


def test_what_is_not_well_is_said(monkeypatch: Patch) -> None:
    said = problems(monkeypatch, FACTS)
    assert "The worker ocr@other fell silent" in said
    assert "In the last ten minutes workers died over 1 document." in said
    assert "1 document failed within the hour for a reason that may pass (worker_killed)" in said
    ended = quiet()._replace(workers=(WORKERS[0], Local("rest", 400, runs=False, memory=0), WORKERS[2]))
    ended = ended._replace(heard=HEARD._replace(workers={"ocr@vm": HEARD.workers["ocr@vm"]}))
    assert "The worker rest@vm has ended." in problems(monkeypatch, ended)
    assert "Nobody serves the queue graph, where 4 documents wait." in problems(monkeypatch, ended)
    fallen = quiet()._replace(servers=(SERVERS[0]._replace(runs=False),))
    assert problems(monkeypatch, fallen) == "The server valkey has ended."


def test_who_runs_and_did_not_answer_may_serve_any_queue(monkeypatch: Patch) -> None:
    unheard = quiet()._replace(heard=HEARD._replace(workers={"ocr@vm": HEARD.workers["ocr@vm"]}))
    moment = snapshot(monkeypatch, unheard)
    assert [w.state for w in moment.workers if w.name == "rest@vm"] == ["unheard"]
    assert moment.well


def test_a_worker_of_an_older_version_answers_without_facts(monkeypatch: Patch) -> None:
    old = quiet()._replace(heard=HEARD._replace(workers={"ocr@vm": Answer(None, (), None, None)}), workers=())
    (worker, _) = (w for w in snapshot(monkeypatch, old).workers if w.name.startswith("ocr@")), None
    assert [(w.state, w.pid, w.queues) for w in worker] == [("busy", None, ())]


def test_nobody_claims(monkeypatch: Patch) -> None:
    facts = quiet()
    assert facts.seen
    facts = facts._replace(seen=replace(facts.seen, queue_processors=0), workers=WORKERS[:2])
    assert problems(monkeypatch, facts) == "No queue processor runs, and 98,204 documents wait to be claimed."
    assert snapshot(monkeypatch, facts._replace(workers=WORKERS)).well


def test_time_left_is_the_pace_of_the_last_minutes_or_unknown(monkeypatch: Patch) -> None:
    def left(pace: Pace, *pauses: Pause) -> float | None:
        seen = replace(SEEN, pace=pace, pauses=pauses, states=(StateCount(Status.PENDING, Step.PROCESS_OCR, 100),))
        return snapshot(monkeypatch, FACTS._replace(seen=seen)).seconds_left

    minutes = SEEN.pace.minutes
    assert left(Pace(minutes, 0, 50, 200.0)) == 400.0
    assert left(Pace(minutes, 0, 4, 200.0)) is None
    assert left(Pace(minutes, 0, 0, 0.0)) is None
    assert left(Pace(minutes, 0, 50, 200.0), Pause("ocr", (), 1.0)) is None
    done = replace(SEEN, states=(StateCount(Status.COMPLETED, Step.BUILD_RELATIONSHIPS, 5),))
    assert snapshot(monkeypatch, FACTS._replace(seen=done)).seconds_left == 0


def test_what_is_away_is_missing_and_the_rest_is_there(monkeypatch: Patch) -> None:
    without = snapshot(monkeypatch, FACTS._replace(seen=None, missing={"database": "The database does not answer."}))
    assert without.problems[0] == "The database does not answer."
    assert (without.waiting, without.throughput, without.seconds_left, without.stale_graphs) == (None, None, None, None)
    assert [(q.messages, q.waiting) for q in without.queues if q.name == "ocr"] == [(12, None)]
    assert {w.state for w in without.workers} == {"idle"}
    deaf = snapshot(monkeypatch, FACTS._replace(heard=None, missing={"broker": "The broker does not answer."}))
    assert [(q.messages, q.waiting, q.workers) for q in deaf.queues if q.name == "ocr_pages"] == [(None, 4, None)]
    assert {w.name: w.state for w in deaf.workers}["ocr@vm"] == "busy"
    assert not deaf.well


def test_a_program_gets_all_of_it_as_json(monkeypatch: Patch) -> None:
    data = json.loads(json.dumps(snapshot(monkeypatch).as_data()))
    assert data["well"] is False
    assert data["queues"][1]["oldest"] == 41.0
    assert data["workers"][1]["work"][0]["source_path"].startswith("letters/")
    assert data["failures"][0]["code"] == "encrypted"
    assert len(data["throughput"]["history"]) == 60
    assert Failed._fields[0] == "document_id"


def test_a_server_that_hangs_is_asked_once_and_holds_up_nobody() -> None:
    asked: list[float] = []

    def hang() -> int:
        asked.append(time.monotonic())
        time.sleep(0.6)
        return 7

    source = Source("database", hang)
    for _ in range(2):
        source.begin()
        with pytest.raises(ServiceUnavailable, match="The database has not answered for 0 s"):
            source.answer(0.01)
    assert source.answer(5) == 7
    assert len(asked) == 1
    source.begin()
    assert source.answer(5) == 7
