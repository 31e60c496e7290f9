"""Servers go away in the middle of the work and come back: everything goes on by itself, and says what it waits for."""

import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import closing, contextmanager
from email.message import EmailMessage
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest

from pipeline.endpoints import Endpoints
from pipeline.errors import Outage
from pipeline.home import Home
from pipeline.settings import Settings, load_settings
from pipeline.stores.database import Database
from pipeline.stores.migrations import migrate
from pipeline.supervisor import Supervisor
from pipeline.wiring import Services
from tests.running import (
    ENDED,
    TEXT,
    Rows,
    all_completed,
    chain,
    environment_of,
    processor,
    submit,
    until,
    until_logged,
    worker,
)
from tests.servers import embedded_settings, temporary_home

WAITING = "select waiting_for, waits, retries from documents where waiting_for is not null"
NEVER_TWICE = (
    "select document_id, step, count(*) from document_processing_history where outcome = 'done' group by 1, 2"
    " having count(*) > 1"
)
CRASHED = "select * from document_processing_history where outcome = 'crashed'"


class Servers:
    """Servers of this module's own, which can be killed."""

    def __init__(self, home: Path) -> None:
        self._home = Home(home)
        self._supervisor = Supervisor(embedded_settings(home))
        self.endpoints: Endpoints = self._supervisor.up()

    @contextmanager
    def without(self, name: str) -> Iterator[None]:
        """One server is killed, and comes back with its data on its old port."""
        server = self._home.state().servers[name].process
        assert server
        os.kill(server.pid, signal.SIGKILL)
        yield
        self._supervisor.watch_servers()

    def wipe(self, name: str) -> None:
        """Remove a killed server's data."""
        data = self._home.state().servers[name].data
        for entry in data.iterdir():
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()

    def end(self) -> None:
        self._supervisor.down()


@pytest.fixture(scope="module")
def servers() -> Iterator[Servers]:
    with temporary_home() as home:
        running = Servers(home)
        yield running
        running.end()


@pytest.fixture
def settings(servers: Servers, tmp_path: Path) -> Settings:
    located = servers.endpoints.fill(load_settings(_env_file=None, nlp_pipeline_home=tmp_path / "home"))
    migrate(located.database)
    with psycopg.connect(located.database) as db:
        db.execute("truncate projects cascade")
    return located


@pytest.fixture
def environment(settings: Settings) -> dict[str, str]:
    return environment_of(settings, STEP_RETRIES="0")


def texts(count: int) -> dict[str, bytes]:
    return {f"{n}.txt": f"{TEXT} {n}".encode() * 5 for n in range(count)}


def nothing(rows: Rows) -> bool:
    return rows == []


def test_the_graph_is_away(
    use: Services, servers: Servers, settings: Settings, environment: dict[str, str], tmp_path: Path
) -> None:
    with psycopg.connect(settings.database, autocommit=True) as db, chain(environment, tmp_path):
        with servers.without("arcadedb"):
            submit(use, tmp_path, texts(3))
            rows = until(db, WAITING, lambda rows: len(rows) == 3 and all(int(str(row[1])) > 1 for row in rows))
            assert {str(row[0]).partition(" at ")[0] for row in rows} == {"The graph server"}
            assert {row[2] for row in rows} == {0}
        until(db, ENDED, all_completed)
        assert db.execute(NEVER_TWICE.encode()).fetchall() == []


def test_the_broker_is_away_and_comes_back_with_nothing(
    use: Services, servers: Servers, settings: Settings, environment: dict[str, str], tmp_path: Path
) -> None:
    late = tmp_path / "late.log"
    with psycopg.connect(settings.database, autocommit=True) as db, processor(environment, tmp_path / "processor.log"):
        submit(use, tmp_path, texts(4))
        until(db, "select 1 from documents where status = 'pending'", nothing)
        with worker(environment, tmp_path / "early.log"):
            until_logged(tmp_path / "early.log", "ready")
            with servers.without("valkey"):
                servers.wipe("valkey")
                with worker(environment, late):
                    until_logged(late, "Cannot connect")
                    submit(use, tmp_path, {"during.txt": TEXT.encode()})
            until(db, ENDED, all_completed)
        assert len(db.execute(ENDED.encode()).fetchall()) == 5
        assert db.execute(NEVER_TWICE.encode()).fetchall() == []


def test_the_database_is_killed_in_the_middle_of_a_step(
    use: Services, servers: Servers, settings: Settings, environment: dict[str, str], tmp_path: Path
) -> None:
    faulty = ("--include", "tests.faults.deadly_files")
    with chain(environment, tmp_path, *faulty):
        submit(use, tmp_path, texts(3) | {"slow-1.txt": TEXT.encode()})
        with psycopg.connect(settings.database, autocommit=True) as db:
            until(db, "select 1 from documents where lease_until is not null", bool)
        with servers.without("postgres"):
            until_logged(tmp_path / "processor.log", "waiting: ")
        with psycopg.connect(settings.database, autocommit=True) as db:
            until(db, ENDED, all_completed)
            assert db.execute(NEVER_TWICE.encode()).fetchall() == []
            assert db.execute(CRASHED.encode()).fetchall() == []


def test_the_disk_of_the_file_store_is_full(
    use: Services, settings: Settings, environment: dict[str, str], tmp_path: Path
) -> None:
    mail = EmailMessage()
    mail["Subject"] = "Drawings"
    mail.set_content(TEXT)
    mail.add_attachment(TEXT, filename="drawing.txt")
    full = tmp_path / "full"
    full.touch()
    environment |= {"FULL_WHILE": str(full)}
    faulty = ("--include", "tests.faults.full_disk")
    with psycopg.connect(settings.database, autocommit=True) as db, chain(environment, tmp_path, *faulty):
        submit(use, tmp_path, {"letter.eml": mail.as_bytes()})
        ((message, _, retries),) = until(db, WAITING, lambda rows: bool(rows) and int(str(rows[0][1])) > 1)
        assert str(message).startswith("No space is left for files in ")
        assert retries == 0
        full.unlink()
        until(db, ENDED, lambda rows: len(rows) == 2 and all_completed(rows))


def test_a_refused_password_is_told_from_a_database_that_is_away(database_url: str) -> None:
    refused = urlsplit(database_url)
    wrong = refused._replace(netloc=refused.netloc.replace(f":{refused.password}@", ":wrong@"))
    away = refused._replace(netloc="nobody:nothing@127.0.0.1:1")
    for url, said in ((wrong, "refuses the user or password"), (away, "does not answer")):
        with closing(Database(urlunsplit(url), patience=0.5)) as database, pytest.raises(Outage, match=said) as told:
            database.rows("stale_graphs")
        assert str(refused.password) not in str(told.value)
