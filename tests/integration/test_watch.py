"""Watching real workers: once, by the script, with a worker killed, with servers away; and pausing what they serve."""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest
from kombu.transport.redis import Channel

from pipeline.cli.main import execute
from pipeline.monitor.broker import PRIORITIES, key
from pipeline.monitor.eye import Eye
from pipeline.monitor.snapshot import Snapshot
from pipeline.settings import Settings, load_settings
from pipeline.wiring import Services
from tests.program import ROOT
from tests.running import CELERY, DEADLINE, ENDED, TEXT, all_completed, processor, submit, until, worker

SCRIPT = ROOT / "scripts" / "monitor_celery_workers.sh"
LONG = " ".join([TEXT] * 300).encode()


def until_seen(eye: Eye, holds: Callable[[Snapshot], object]) -> Snapshot:
    end = time.monotonic() + DEADLINE
    while not holds(moment := eye.look()):
        assert time.monotonic() < end, moment
    return moment


def script(environment: dict[str, str], *words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([SCRIPT, *words], env=environment, capture_output=True, text=True, timeout=120, check=False)


def asked(environment: dict[str, str]) -> dict[str, dict[str, object]]:
    """What workers answer to Celery's own command."""
    command = [sys.executable, "-m", *CELERY, "inspect", "memory", "--json"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=True)
    answer: dict[str, dict[str, object]] = json.loads(done.stdout.strip().splitlines()[-1])
    return answer


def test_a_run_is_seen_and_so_is_a_worker_that_is_killed(
    settings: Settings, use: Services, environment: dict[str, str], tmp_path: Path
) -> None:
    submit(use, tmp_path, {"a.txt": TEXT.encode(), "long.txt": LONG, "broken.pdf": b"%PDF-1.7 nothing"})
    with Eye(settings) as eye:
        assert eye.look().problems == ("No queue processor runs, and 3 documents wait to be claimed.",)
        with (
            worker(environment, tmp_path / "one.log", "--without-gossip") as one,
            processor(environment, tmp_path / "processor.log"),
        ):
            idle = until_seen(eye, lambda moment: moment.workers)
            assert (idle.workers[0].name, idle.workers[0].pid, idle.workers[0].tasks) == ("one@test", one.pid, 1)
            assert idle.workers[0].memory
            assert idle.workers[0].memory > 20 << 20
            assert all(queue.workers == 1 for queue in idle.queues)
            assert asked(environment)["one@test"]["pid"] == one.pid
            busy = until_seen(eye, lambda moment: any(w.source_path == "long.txt" for c in moment.workers for w in c.work))
            (work,) = busy.workers[0].work
            assert (work.project, work.worker.startswith("one@test/")) == ("matter", True)
            assert sum(queue.running or 0 for queue in busy.queues) == 1
            pool = psutil.Process(one.pid).children()
            one.kill()
            for process in pool:
                with suppress(psutil.NoSuchProcess):
                    process.kill()
            dead = until_seen(eye, lambda moment: [w.state for w in moment.workers] == ["silent"])
            assert "The worker one@test fell silent over 1 document, which another gets." in dead.problems
            assert any(problem.startswith("Nobody serves the queue") for problem in dead.problems)
            said = script(environment)
            assert said.returncode == 1
            assert "silent" in said.stdout
            assert max(map(len, said.stdout.splitlines())) <= 80
        with worker(environment, tmp_path / "two.log") as _, processor(environment, tmp_path / "processor.log"):
            until_seen(eye, lambda moment: moment.throughput and sum(moment.throughput.history) == 3)
            last = eye.look()
        assert last.seconds_left == 0
        assert [(f.source_path, f.status) for f in last.failures] == [("broken.pdf", "error")]
        assert [(t.source_path, t.outcome) for t in last.troubles if t.outcome == "crashed"] == [("long.txt", "crashed")]


def test_a_paused_queue_stands_still_with_all_who_serve_it(
    use: Services,
    environment: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert execute(["pause", "entity"]) == 0
    submit(use, tmp_path, {f"{n}.txt": TEXT.encode() for n in range(3)})
    waiting = "select step::text, status::text, waiting_for from documents group by 1, 2, 3"
    with (
        worker(environment, tmp_path / "worker.log"),
        processor(environment, tmp_path / "processor.log"),
        psycopg.connect(use.settings.database, autocommit=True) as db,
    ):
        stands = [("extract_entities", "processing", "The queue entity is paused.")]
        until(db, waiting, lambda rows: rows == stands)
        sent = (tmp_path / "worker.log").read_text().count("received")
        time.sleep(4)  # as long as several rounds of the queue processor: nobody asks in vain
        assert (tmp_path / "worker.log").read_text().count("received") == sent
        capsys.readouterr()
        assert execute(["watch", "--once", "--json"]) == 0
        moment = json.loads(capsys.readouterr().out)
        entity = next(queue for queue in moment["queues"] if queue["name"] == "entity")
        assert (entity["waiting"], entity["running"], entity["workers"], moment["seconds_left"]) == (3, 0, 1, None)
        (one,) = moment["workers"]
        assert (one["name"], one["state"], one["memory"] > 20 << 20) == ("worker@test", "idle", True)
        assert entity["paused"] > 0
        assert execute(["resume", "entity"]) == 0
        until(db, ENDED, all_completed)
    assert execute(["resume", "entity"]) == 3
    assert execute(["pause", "nothing"]) == 2


@pytest.mark.usefixtures("use")
def test_what_is_away_is_said_and_the_rest_shown(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def looked(*words: str, **other: str) -> tuple[int, dict[str, Any]]:
        with monkeypatch.context() as patch:
            for name, value in (environment | other).items():
                patch.setenv(name, value)
            capsys.readouterr()
            code = execute(["watch", "--once", "--json", *words])
        said = capsys.readouterr()
        assert (said.err, "secret" in said.out) == ("", False)
        return code, json.loads(said.out)

    code, well = looked()
    assert (code, well["well"], well["missing"]) == (0, True, {})
    code, deaf = looked(CELERY_BROKER_URL="redis://:secret@127.0.0.1:1/0")
    assert (code, list(deaf["missing"]), deaf["waiting"]) == (4, ["broker"], 0)
    assert "The broker at 127.0.0.1:1 does not answer" in deaf["missing"]["broker"]
    code, blind = looked(DATABASE_URL="postgresql://nobody:secret@127.0.0.1:1/none")
    assert (code, list(blind["missing"]), blind["waiting"]) == (4, ["database"], None)
    assert all(queue["messages"] == 0 for queue in blind["queues"])
    code, unknown = looked("--project", "nothing")
    assert (code, unknown["missing"]) == (4, {"database": "There is no project nothing."})


def test_the_script_ends_as_the_command_does(environment: dict[str, str]) -> None:
    assert script(environment, "--frobnicate").returncode == 2
    assert script(environment | {"CHUNK_TOKENS": "many"}, "--json").returncode == 2


def test_a_home_where_nothing_runs_is_told_how_to_begin(tmp_path: Path) -> None:
    nothing = load_settings(
        _env_file=None,
        nlp_pipeline_home=tmp_path / "home",
        celery_broker_url=None,
        redis_host="",
        database_url=None,
        neo4j_uri="",
    )
    with Eye(nothing) as eye:
        missing = eye.look().missing
    assert list(missing) == ["database", "broker"]
    assert all("does not run: nlp-pipeline up." in why for why in missing.values())
    assert not (tmp_path / "home").exists()


def test_a_queue_is_named_as_the_broker_names_it() -> None:
    assert list(PRIORITIES) == Channel.priority_steps
    theirs: Any = Channel.__new__(Channel)
    for priority in PRIORITIES:
        assert key("ocr", priority) == theirs._q_for_pri("ocr", priority)
