"""A worker that is stopped finishes what it can and hands back the rest."""

import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from pipeline.settings import Settings
from pipeline.wiring import Services
from tests.running import ENDED, TEXT, all_completed, processor, submit, until, until_logged, worker

FAULTY = ("--include", "tests.faults.deadly_files")
RUNNING = "select lease_until is not null and starts_with(worker, '{worker}@test') from documents"
STOPS = 4


@pytest.fixture
def db(settings: Settings) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    with psycopg.connect(settings.database, autocommit=True) as connection:
        yield connection


@pytest.fixture
def hours(environment: dict[str, str]) -> dict[str, str]:
    """Leases that last for hours: what moves on was handed back."""
    return environment | {"LEASE_DURATION": "3000", "CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT": "1"}


def stop(running: subprocess.Popen[bytes]) -> None:
    running.send_signal(signal.SIGTERM)
    assert running.wait(60) == 0


def outcomes(db: psycopg.Connection[tuple[object, ...]]) -> list[object]:
    rows = db.execute("select outcome from document_processing_history where step = 'process_ocr' order by id").fetchall()
    return [row[0] for row in rows]


def is_true(rows: list[tuple[object, ...]]) -> bool:
    return rows == [(True,)]


def test_short_work_is_finished(
    use: Services, db: psycopg.Connection[tuple[object, ...]], hours: dict[str, str], tmp_path: Path
) -> None:
    hours |= {"CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT": "60"}
    submit(use, tmp_path, {"slow-1.txt": TEXT.encode()})
    with processor(hours, tmp_path / "processor.log"), worker(hours, tmp_path / "w.log", *FAULTY) as running:
        until(db, RUNNING.format(worker="w"), is_true)
        stop(running)
    assert outcomes(db) == ["done"]


def test_stops_in_the_middle_of_a_long_step_never_count_against_the_document(
    use: Services, db: psycopg.Connection[tuple[object, ...]], hours: dict[str, str], tmp_path: Path
) -> None:
    submit(use, tmp_path, {"slow-1.txt": TEXT.encode()})
    with processor(hours, tmp_path / "processor.log"):
        for number in range(STOPS):
            with worker(hours, tmp_path / f"w{number}.log", *FAULTY) as running:
                until(db, RUNNING.format(worker=f"w{number}"), is_true)
                stop(running)
            assert db.execute("select lease_until is null, crashes from documents").fetchall() == [(True, 0)]
        with worker(hours, tmp_path / "last.log", *FAULTY):
            until(db, ENDED, all_completed)
    assert outcomes(db) == ["done"]


def test_what_does_not_listen_is_ended_and_handed_back(
    use: Services, db: psycopg.Connection[tuple[object, ...]], hours: dict[str, str], tmp_path: Path
) -> None:
    submit(use, tmp_path, {"loop-1.txt": TEXT.encode()})
    with processor(hours, tmp_path / "processor.log"):
        with worker(hours, tmp_path / "first.log", *FAULTY) as running:
            until(db, RUNNING.format(worker="first"), is_true)
            stop(running)
        with worker(hours, tmp_path / "second.log", *FAULTY) as running:
            until(db, RUNNING.format(worker="second"), is_true)
            stop(running)
    assert db.execute("select lease_until is null, crashes, status::text from documents").fetchall() == [
        (True, 0, "extracting")
    ]


def test_a_second_signal_means_at_once(
    use: Services, db: psycopg.Connection[tuple[object, ...]], hours: dict[str, str], tmp_path: Path
) -> None:
    hours |= {"CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT": "3000"}
    submit(use, tmp_path, {"endless-1.txt": TEXT.encode()})
    with processor(hours, tmp_path / "processor.log"), worker(hours, tmp_path / "w.log", *FAULTY) as running:
        until(db, RUNNING.format(worker="w"), is_true)
        running.send_signal(signal.SIGTERM)
        until_logged(tmp_path / "w.log", "Warm shutdown")
        stop(running)
    assert db.execute("select lease_until is null, crashes from documents").fetchall() == [(True, 0)]
