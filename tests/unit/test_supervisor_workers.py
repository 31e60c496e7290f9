"""Workers: real processes, small ones."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from pipeline.errors import ServiceUnavailable
from pipeline.home import Home, ProcessId
from pipeline.supervisor import workers as module
from pipeline.supervisor.processes import carrying
from pipeline.supervisor.workers import MARKER, WorkerExit, Workers, end_leftovers

SLEEP = ["sleep", "600"]
STUBBORN = ["sh", "-c", "trap '' TERM; sleep 600 & echo ready; wait; wait"]


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    one = Home(tmp_path / "home")
    yield one
    end_leftovers(one)


@pytest.fixture
def workers(home: Home) -> Iterator[Workers]:
    one = Workers(home)
    yield one
    one.stop(0.1)


def until_exit(workers: Workers) -> list[WorkerExit]:
    while not (exits := workers.watch()):
        time.sleep(0.02)
    return exits


def until_given_up(workers: Workers) -> None:
    while True:
        workers.watch()
        time.sleep(0.01)


def until_written(log: Path, text: str) -> None:
    while not log.exists() or text not in log.read_text():
        time.sleep(0.02)


def test_workers_run_with_their_environment_and_log(home: Home, workers: Workers) -> None:
    workers.start({"ocr": ["sh", "-c", "echo $SECRET; sleep 600"]}, os.environ | {"SECRET": "from the environment"})
    until_written(home.logs / "ocr.log", "from the environment")
    assert workers.watch() == []
    recorded = home.state()
    assert recorded.workers["ocr"].alive()
    assert recorded.owner == ProcessId.of(os.getpid())
    assert os.getsid(recorded.workers["ocr"].pid) == recorded.workers["ocr"].pid


def test_a_worker_that_ends_is_started_again(home: Home, workers: Workers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LONGEST_PAUSE", 0.0)
    once = home.path / "once"
    command = ["sh", "-c", f"test -e '{once}' && exec sleep 600; touch '{once}'; exit 3"]
    workers.start({"text": command, "ocr": SLEEP}, os.environ)
    other = home.state().workers["ocr"]
    assert until_exit(workers) == [WorkerExit("text", 3, 0.0, home.logs / "text.log")]
    assert workers.watch() == []
    assert home.state().workers["text"].alive()
    assert home.state().workers["ocr"] == other


def test_the_pause_before_a_restart_grows(workers: Workers) -> None:
    workers.start({"text": ["false"]}, os.environ)
    assert [until_exit(workers)[0].restart_in, until_exit(workers)[0].restart_in] == [1.0, 2.0]


def test_a_worker_that_never_comes_up_is_given_up_with_its_last_words(
    workers: Workers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LONGEST_PAUSE", 0.0)
    workers.start({"text": ["sh", "-c", "echo no such module; exit 1"]}, os.environ)
    with pytest.raises(ServiceUnavailable, match="text ends again and again: no such module") as fault:
        until_given_up(workers)
    assert fault.value.code == "worker_dies"


def test_a_worker_that_is_killed_is_never_given_up(home: Home, workers: Workers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LONGEST_PAUSE", 0.0)
    workers.start({"ocr": SLEEP}, os.environ)
    for _ in range(module.DEATHS_IN_A_ROW + 1):
        os.kill(home.state().workers["ocr"].pid, signal.SIGKILL)
        assert [one.code for one in until_exit(workers)] == [-signal.SIGKILL]
        assert workers.watch() == []
    assert home.state().workers["ocr"].alive()


def test_stop_ends_them_with_their_children(home: Home, workers: Workers) -> None:
    workers.start({"ocr": STUBBORN, "text": SLEEP}, os.environ)
    until_written(home.logs / "ocr.log", "ready")
    running = carrying(MARKER, str(home.path))
    assert len(running) == 3
    workers.stop(0.2)
    assert not any(process.alive() for process in running)
    assert home.state().workers == {}
    assert home.state().owner is None


def test_what_a_killed_owner_left_is_ended_first(home: Home, workers: Workers) -> None:
    script = (
        "import os, signal, sys; from pathlib import Path; from pipeline.home import Home;"
        "from pipeline.supervisor.workers import Workers; Workers(Home(Path(sys.argv[1]))).start("
        "{'ocr': ['sh', '-c', 'sleep 600 & sleep 600'], 'text': ['sleep', '600']}, os.environ);"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    root = str(Path(__file__).parents[2])
    done = subprocess.run([sys.executable, "-c", script, str(home.path)], env=os.environ | {"PYTHONPATH": root}, check=False)
    assert done.returncode == -signal.SIGKILL
    left = home.state().workers
    assert all(process.alive() for process in left.values())
    psutil.Process(left["ocr"].pid).kill()  # its children are orphans now, and no record names them
    workers.start({"ocr": SLEEP}, os.environ)
    assert carrying(MARKER, str(home.path)) == [home.state().workers["ocr"]]
    assert not left["text"].alive()


def test_two_runs_do_not_share_a_home(home: Home, workers: Workers) -> None:
    workers.start({"ocr": SLEEP}, os.environ)
    with pytest.raises(ServiceUnavailable, match=f"process {os.getpid()}, is at work in"):
        Workers(home).start({"ocr": SLEEP}, os.environ)
    assert home.state().workers["ocr"].alive()


def test_another_home_is_left_alone(home: Home, workers: Workers, tmp_path: Path) -> None:
    other_home = Home(tmp_path / "other")
    other = Workers(other_home)
    workers.start({"ocr": SLEEP}, os.environ)
    other.start({"ocr": SLEEP}, os.environ)
    other.stop(1)
    assert home.state().workers["ocr"].alive()
