"""Finding and ending processes."""

import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.errors import ServiceUnavailable
from pipeline.home import ProcessId
from pipeline.supervisor.processes import (
    LOG_LIMIT,
    Launch,
    end,
    exit_code,
    free_ports,
    is_free,
    last_lines,
    open_log,
    spawn,
    wait_ended,
    working_in,
)

KILL = ((signal.SIGKILL, 5.0),)


@pytest.fixture
def sleeper(tmp_path: Path) -> Iterator[ProcessId]:
    (tmp_path / "work").mkdir()
    process = spawn(Launch(["sleep", "600"], tmp_path / "work", os.environ), tmp_path / "log")
    yield process
    end([process], KILL)


def test_a_process_is_itself_only_while_it_lives(sleeper: ProcessId) -> None:
    assert sleeper.alive()
    assert ProcessId.of(sleeper.pid) == sleeper
    assert not ProcessId(pid=sleeper.pid, started="before").alive()
    os.kill(sleeper.pid, signal.SIGKILL)
    assert wait_ended([sleeper], 5) == []
    assert not sleeper.alive()
    assert ProcessId.of(sleeper.pid) is None


def test_a_process_that_was_not_reaped_counts_as_ended(tmp_path: Path) -> None:
    process = spawn(Launch(["true"], tmp_path, os.environ), tmp_path / "log")
    while process.alive():
        pass
    assert exit_code(process) == 0
    assert exit_code(process) is None


def test_input_reaches_the_process_and_output_the_log(tmp_path: Path) -> None:
    process = spawn(Launch(["cat"], tmp_path, os.environ, stdin="a secret\nb\n"), tmp_path / "logs" / "cat.log")
    assert wait_ended([process], 5) == []
    assert (tmp_path / "logs" / "cat.log").read_text() == "a secret\nb\n"
    assert "secret" not in repr(Launch(["cat"], tmp_path, {}, stdin="a secret"))


def test_a_program_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ServiceUnavailable, match="Cannot start /no/such: No such file"):
        spawn(Launch(["/no/such"], tmp_path, {}), tmp_path / "log")


def test_a_program_is_found_by_its_folder_and_name(sleeper: ProcessId, tmp_path: Path) -> None:
    assert sleeper in working_in(tmp_path / "work", Path(f"/proc/{sleeper.pid}/exe").readlink().name)
    assert working_in(tmp_path / "work", "postgres") == []
    assert working_in(tmp_path, "sleep") == []


def test_signals_grow_harsher_until_the_process_ends(tmp_path: Path) -> None:
    command = ["sh", "-c", "trap 'echo asked' TERM; echo ready; while :; do sleep 0.01; done"]
    process = spawn(Launch(command, tmp_path, os.environ), tmp_path / "log")
    while "ready" not in (tmp_path / "log").read_text():
        pass
    end([process], ((signal.SIGTERM, 0.3), (signal.SIGKILL, 5)))
    assert not process.alive()
    assert "asked" in (tmp_path / "log").read_text()


def test_ports_are_free_and_different() -> None:
    ports = free_ports(3)
    assert len(set(ports)) == 3
    assert all(map(is_free, ports))
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", ports[0]))
        taken.listen()
        assert not is_free(ports[0])


def test_last_lines_are_those_of_this_start(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("old\n")
    begin = log.stat().st_size
    with log.open("a") as file:
        file.writelines(f"line {n}\n\n" for n in range(9))
    assert last_lines(log, begin, 2) == "line 7 | line 8"
    assert last_lines(log, log.stat().st_size) == ""
    assert last_lines(tmp_path / "none", 0) == ""


def test_a_log_that_has_grown_too_long_is_put_aside(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    with log.open("wb") as file:
        file.truncate(LOG_LIMIT + 1)
    open_log(log).close()
    assert log.stat().st_size == 0
    assert (tmp_path / "a.old.log").stat().st_size == LOG_LIMIT + 1
