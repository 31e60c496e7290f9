"""The live monitor's keys on a real database, and what it says while that is away."""

import asyncio
import contextlib
import os
import pty
import socket
import subprocess
import sys
import termios
import threading
from collections.abc import Awaitable, Callable, Iterator
from urllib.parse import urlsplit

import psycopg
import pytest
from pydantic import SecretStr
from textual.pilot import Pilot
from textual.widgets import Static

from pipeline.cli.live.app import Monitor
from pipeline.cli.live.dialogs import Question, Reading
from pipeline.cli.live.hand import Hand
from pipeline.cli.live.panes import Table
from pipeline.errors import ServiceUnavailable
from pipeline.monitor.eye import Eye
from pipeline.settings import Settings
from pipeline.status import Step
from pipeline.stores.postgres import PostgresStore
from pipeline.stores.watching import Wanted
from pipeline.wiring import Services
from tests.matter import PROJECT, fill
from tests.program import ROOT
from tests.running import DEADLINE

SIZE = (80, 24)


@pytest.fixture
def eye(settings: Settings, use: Services) -> Iterator[Eye]:
    fill(PostgresStore(use.database))
    with Eye(settings) as eye:
        yield eye


async def until(pilot: Pilot[None], holds: Callable[[], object]) -> None:
    for _ in range(DEADLINE * 10):
        if holds():
            return
        await pilot.pause(0.1)
    pytest.fail("it does not come to be")


def table(pilot: Pilot[None], name: str) -> Table:
    return pilot.app.query_one(f"#{name}", Table)


def listed(pilot: Pilot[None]) -> list[str]:
    monitor = pilot.app
    assert isinstance(monitor, Monitor)
    assert monitor.snapshot
    return sorted(document.source_path for document in monitor.snapshot.listed)


def states(use: Services) -> dict[str, str]:
    with psycopg.connect(use.settings.database) as connection:
        return dict(connection.execute("select source_path, status::text from documents").fetchall())


def run(eye: Eye, script: Callable[[Pilot[None]], Awaitable[None]]) -> None:
    async def play() -> None:
        async with Monitor(eye, Hand(eye), every=0.2).run_test(size=SIZE, notifications=True) as pilot:
            assert isinstance(pilot.app, Monitor)
            monitor = pilot.app
            await until(pilot, lambda: monitor.snapshot)
            await script(pilot)

    asyncio.run(play())


def test_documents_are_found_read_retried_and_cancelled(eye: Eye, use: Services) -> None:
    async def script(pilot: Pilot[None]) -> None:
        await pilot.press("s", "s")
        assert eye.listing
        assert eye.listing.wanted is Wanted.FAILED
        await until(pilot, lambda: listed(pilot) == ["in/broken.pdf"])
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, Reading))
        said = str(pilot.app.screen.query_one(Static).render())
        assert "in/broken.pdf" in said
        assert "[encrypted]" in said
        await pilot.press("escape", "r")
        await until(pilot, lambda: states(use)["in/broken.pdf"] == "pending")
        await pilot.press("s", "s", "s", "s")
        await until(
            pilot, lambda: eye.listing and eye.listing.wanted is Wanted.PENDING and listed(pilot) == ["in/broken.pdf"]
        )
        await pilot.press("c")
        await until(pilot, lambda: isinstance(pilot.app.screen, Question))
        await pilot.press("enter")  # whoever is in a hurry stops nothing
        assert states(use)["in/broken.pdf"] == "pending"
        await pilot.press("c", "y")
        await until(pilot, lambda: states(use)["in/broken.pdf"] == "cancelled")

    run(eye, script)


def test_documents_are_narrowed_by_text_and_project(eye: Eye, use: Services) -> None:
    fill(PostgresStore(use.database), "other")

    async def script(pilot: Pilot[None]) -> None:
        await pilot.press(*"ssss")
        await until(pilot, lambda: len(listed(pilot)) == 8)
        await pilot.press("slash", *"LETT", "enter")
        await until(pilot, lambda: listed(pilot) == ["in/letter.txt", "in/letter.txt"])
        await pilot.press("p", *PROJECT, "enter")
        await until(pilot, lambda: listed(pilot) == ["in/letter.txt"])
        assert str(table(pilot, "documents").border_title) == "3 documents: completed, with 'LETT' in their path"
        await pilot.press("p", *["backspace"] * len(PROJECT), "enter", "slash", *["backspace"] * 4, "enter")
        await until(pilot, lambda: len(listed(pilot)) == 8)

    run(eye, script)


def test_a_queue_is_paused_after_asking_and_goes_on(eye: Eye, use: Services) -> None:
    async def script(pilot: Pilot[None]) -> None:
        await pilot.press("space")
        assert use.documents.pauses() == []
        await pilot.press("1", "down", "down", "space")
        await until(pilot, lambda: isinstance(pilot.app.screen, Question))
        await pilot.press("y")
        await until(pilot, lambda: [(pause.queue, pause.tasks) for pause in use.documents.pauses()])
        (pause,) = use.documents.pauses()
        assert pause.queue == "text"
        assert Step.PROCESS_CHUNKING in pause.tasks
        monitor = pilot.app
        assert isinstance(monitor, Monitor)
        await until(pilot, lambda: monitor.snapshot and any(queue.paused is not None for queue in monitor.snapshot.queues))
        await pilot.press("space")
        await until(pilot, lambda: use.documents.pauses() == [])

    run(eye, script)


class Line:
    """A way to a server that can be cut and mended."""

    def __init__(self, host: str, port: int) -> None:
        self._far = host, port
        self._open: list[socket.socket] = []
        self._up = True
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        self._up = False
        for each in self._open:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        self._open.clear()

    def mend(self) -> None:
        self._up = True

    def close(self) -> None:
        self.cut()
        self._listening.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listening.accept()
                if not self._up:
                    near.close()
                    continue
                far = socket.create_connection(self._far)
                self._open += [near, far]
                for one, other in ((near, far), (far, near)):
                    threading.Thread(target=_pass_on, args=(one, other), daemon=True).start()


def _pass_on(one: socket.socket, other: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := one.recv(65536):
            other.sendall(data)
    for each in (one, other):
        each.close()


@pytest.fixture
def line(settings: Settings) -> Iterator[Line]:
    parts = urlsplit(settings.database)
    line = Line(parts.hostname or "", parts.port or 0)
    yield line
    line.close()


def test_a_database_that_goes_away_is_said_and_comes_back(settings: Settings, use: Services, line: Line) -> None:
    fill(PostgresStore(use.database))
    far = f":{urlsplit(settings.database).port}/"
    by_line = settings.model_copy(update={"database_url": SecretStr(settings.database.replace(far, f":{line.port}/"))})

    async def script(pilot: Pilot[None]) -> None:
        monitor = pilot.app
        assert isinstance(monitor, Monitor)
        await until(pilot, lambda: monitor.snapshot and not monitor.snapshot.missing)
        line.cut()
        await until(pilot, lambda: monitor.snapshot and "database" in monitor.snapshot.missing)
        assert "documents: not known" in str(pilot.app.query_one("#top", Static).render())
        assert table(pilot, "queues").row_count == 6
        await pilot.press("1", "space", "y")  # what cannot be done is said, and nothing ends
        line.mend()
        await until(pilot, lambda: monitor.snapshot and not monitor.snapshot.missing)
        assert "completed 4" in str(pilot.app.query_one("#top", Static).render())

    with Eye(by_line) as eye:
        run(eye, script)


def test_a_hand_that_cannot_reach_the_database_says_so(settings: Settings) -> None:
    nowhere = settings.model_copy(update={"database_url": None})
    with Eye(nowhere) as eye, pytest.raises(ServiceUnavailable, match="does not run"):
        Hand(eye).cancel("00000000-0000-0000-0000-000000000000")


@pytest.mark.usefixtures("use")
def test_it_runs_in_a_terminal_and_ends_at_q(environment: dict[str, str]) -> None:
    near, far = pty.openpty()
    termios.tcsetwinsize(far, (24, 80))
    command = [sys.executable, str(ROOT / "monitoring" / "live_monitor.py"), "--every", "0.5"]
    with subprocess.Popen(
        command, env=environment | {"TERM": "xterm-256color"}, stdin=far, stdout=far, stderr=far
    ) as running:
        os.close(far)
        said = b""
        while b"all is well" not in said:
            said += os.read(near, 65536)
        os.write(near, b"q")
        with contextlib.suppress(OSError):  # how a terminal says that nobody is left
            while os.read(near, 65536):
                pass
        assert running.wait(60) == 0
    os.close(near)
