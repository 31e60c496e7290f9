"""The chain as processes: Celery workers and queue processors over real servers."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import psycopg
import pytest

from pipeline.model import Submission
from pipeline.settings import Settings
from pipeline.wiring import Services

Rows = list[tuple[object, ...]]

CELERY = ("celery", "-A", "pipeline.celery_app")
QUEUES = "graph,entity,text,ocr_pages,ocr,default"
TEXT = "Ada Lovelace wrote to Charles Babbage in London. Mr. Babbage thanked Miss Lovelace and left London for Turin."
ENDED = "select file_name, status::text, error_code, error_message from documents order by file_name"
DEADLINE = 120


def environment_of(settings: Settings, **more: str) -> dict[str, str]:
    """The variables by which a process finds the servers of these settings; times are shorter than usual."""
    assert settings.neo4j_password
    return os.environ | {
        "CELERY_BROKER_URL": settings.broker,
        "DATABASE_URL": settings.database,
        "NEO4J_URI": settings.neo4j_uri,
        "NEO4J_USER": settings.neo4j_user,
        "NEO4J_PASSWORD": settings.neo4j_password.get_secret_value(),
        "NLP_PIPELINE_HOME": str(settings.home),
        "LEASE_DURATION": "6",
        "REPAIR_AFTER": "10",
        "POLL_INTERVAL": "1",
        **more,
    }


@contextmanager
def process(environment: dict[str, str], log: Path, *words: str) -> Iterator[subprocess.Popen[bytes]]:
    """A Python process in a group of its own, ended by SIGTERM."""
    with log.open("ab") as file:
        running = subprocess.Popen(
            [sys.executable, "-m", *words], env=environment, stdout=file, stderr=file, start_new_session=True
        )
    try:
        yield running
    finally:
        running.send_signal(signal.SIGTERM)
        try:
            running.wait(40)
        except subprocess.TimeoutExpired:
            os.killpg(running.pid, signal.SIGKILL)
            running.wait()


def worker(
    environment: dict[str, str], log: Path, *options: str, queues: str = QUEUES, tasks: int = 1
) -> AbstractContextManager[subprocess.Popen[bytes]]:
    """A Celery worker, named after its log."""
    name = ("-n", f"{log.stem}@test", "--loglevel", "INFO")
    return process(environment, log, *CELERY, "worker", "-Q", queues, "-c", str(tasks), *name, *options)


def processor(environment: dict[str, str], log: Path) -> AbstractContextManager[subprocess.Popen[bytes]]:
    """A queue processor."""
    return process(environment, log, "pipeline.queue_processor")


@contextmanager
def chain(environment: dict[str, str], folder: Path, *options: str) -> Iterator[None]:
    """One worker for everything, and a queue processor."""
    with worker(environment, folder / "worker.log", *options), processor(environment, folder / "processor.log"):
        yield


def submit(use: Services, folder: Path, files: Mapping[str, bytes], project: str = "matter") -> None:
    """Store files and queue them."""
    for name, content in files.items():
        path = folder / "submitted"
        path.write_bytes(content)
        key = f"{project}/{name.encode().hex()[:120]:0>64}"
        use.blobs.put(key, path)
        use.documents.submit(project, [Submission(name, name, key, len(content), name)])


def until(db: psycopg.Connection[tuple[object, ...]], query: str, holds: Callable[[Rows], bool]) -> Rows:
    """Ask until the answer is right."""
    end = time.monotonic() + DEADLINE
    while True:
        rows = db.execute(query.encode()).fetchall()
        if holds(rows):
            return rows
        if time.monotonic() > end:
            pytest.fail(f"not within {DEADLINE} s: {rows}")
        time.sleep(0.1)


def until_logged(log: Path, words: str, times: int = 1) -> None:
    """Wait for a line of a log."""
    end = time.monotonic() + DEADLINE
    while log.read_text().count(words) < times:
        if time.monotonic() > end:
            pytest.fail(f"not within {DEADLINE} s: {words}\n{log.read_text()[-4000:]}")
        time.sleep(0.05)


def all_ended(rows: Rows) -> bool:
    """Whether no document of ``ENDED`` is on its way."""
    return all(row[1] in ("completed", "partial_error", "error", "cancelled") for row in rows)


def all_completed(rows: Rows) -> bool:
    """Whether every document of ``ENDED`` has completed."""
    assert not any(row[1] in ("error", "partial_error", "cancelled") for row in rows), rows
    return all(row[1] == "completed" for row in rows)
