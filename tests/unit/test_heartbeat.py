import importlib
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest

from pipeline.errors import ServiceUnavailable
from pipeline.heartbeat import BrokenOff, Heartbeat
from pipeline.model import DocumentId, Lease
from pipeline.status import Step

SHORT = timedelta(milliseconds=30)
DEADLINE = 20
ONE, OTHER = (Lease(DocumentId(name), Step.PROCESS_OCR, 1) for name in ("one", "other"))


class Database:
    """Renews leases; counts, forgets and fails as it is told."""

    def __init__(self) -> None:
        self.renewed: list[Lease] = []
        self.lost: set[Lease] = set()
        self.away = 0
        self._beat = threading.Condition()

    def renew(self, lease: Lease) -> bool:
        with self._beat:
            self.renewed.append(lease)
            self._beat.notify_all()
        if self.away:
            self.away -= 1
            raise ServiceUnavailable("The database is away.")
        return lease not in self.lost

    def wait_for(self, lease: Lease, times: int) -> None:
        with self._beat:
            assert self._beat.wait_for(lambda: self.renewed.count(lease) >= times, DEADLINE)


def test_held_leases_are_renewed_and_others_are_not() -> None:
    database = Database()
    beat = Heartbeat(database.renew, SHORT)
    with beat.of(ONE), beat.of(OTHER):
        database.wait_for(ONE, 2)
        database.wait_for(OTHER, 2)
    with beat.of(OTHER):
        seen = len(database.renewed)
        database.wait_for(OTHER, database.renewed.count(OTHER) + 4)
        # One beat may have been under way when the first lease was given back.
        assert database.renewed[seen:].count(ONE) <= 1


def test_an_outage_is_survived() -> None:
    database = Database()
    database.away = 3
    with Heartbeat(database.renew, SHORT).of(ONE):
        database.wait_for(ONE, 5)


def test_a_lost_lease_is_let_go() -> None:
    database = Database()
    database.lost = {ONE}
    beat = Heartbeat(database.renew, SHORT)
    with beat.of(ONE), beat.of(OTHER):
        database.wait_for(OTHER, 4)
    assert database.renewed.count(ONE) == 1


def lost(lease: Lease) -> Heartbeat:
    database = Database()
    database.lost = {lease}
    return Heartbeat(database.renew, SHORT)


def wait_in_steps() -> None:
    end = time.monotonic() + DEADLINE
    while time.monotonic() < end:
        time.sleep(0.01)


def test_a_step_in_the_main_thread_is_broken_off_in_the_middle_of_a_wait() -> None:
    beat = lost(ONE)
    began = time.monotonic()
    with pytest.raises(BrokenOff), beat.of(ONE), beat.breaking_off(ONE):
        time.sleep(DEADLINE)
    assert time.monotonic() - began < DEADLINE


def test_a_step_in_another_thread_is_broken_off() -> None:
    beat = lost(ONE)

    def step() -> str:
        try:
            with beat.of(ONE), beat.breaking_off(ONE):
                wait_in_steps()
        except BrokenOff:
            return "broken off"
        return "not broken off"

    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(step).result() == "broken off"
        assert pool.submit(time.sleep, 0.2).result() is None


def test_another_step_in_the_same_process_goes_on() -> None:
    beat = lost(OTHER)
    with ThreadPoolExecutor(1) as pool, beat.of(ONE), beat.breaking_off(ONE):

        def step() -> None:
            with beat.of(OTHER), beat.breaking_off(OTHER):
                wait_in_steps()

        assert isinstance(pool.submit(step).exception(), BrokenOff)


def test_nothing_comes_after_the_end_of_the_step() -> None:
    """Steps that end at just the time at which they are broken off: what comes, comes inside."""
    beat = lost(ONE)

    def steps() -> int:
        broken = 0
        for number in range(40):
            try:
                with beat.of(ONE), beat.breaking_off(ONE):
                    time.sleep(0.05 + number % 4 * 0.005)
            except BrokenOff:
                broken += 1
            time.sleep(0.01)
        return broken

    steps()
    with ThreadPoolExecutor(2) as pool:
        assert all(future.exception() is None for future in [pool.submit(steps) for _ in range(2)])


def test_an_import_is_not_broken_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "slow_to_import.py").write_text("import time\nfor _ in range(50):\n    time.sleep(0.01)\nready = True\n")
    monkeypatch.syspath_prepend(tmp_path)
    beat = lost(ONE)

    def step() -> None:
        importlib.import_module("slow_to_import")
        wait_in_steps()

    with pytest.raises(BrokenOff), beat.of(ONE), beat.breaking_off(ONE):
        step()
    assert sys.modules["slow_to_import"].ready
