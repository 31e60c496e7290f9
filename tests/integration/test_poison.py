"""Documents that kill whatever reads them."""

from pathlib import Path

import psycopg

from pipeline.settings import Settings
from pipeline.wiring import Services
from tests.running import ENDED, TEXT, Rows, all_ended, processor, submit, until, worker

FAULTY = ("--include", "tests.faults.deadly_files")
GOOD = tuple(f"good-{n}.txt" for n in range(4))
CRASHES = (
    "select d.file_name, count(*) from document_processing_history h join documents d on d.id = h.document_id"
    " where h.outcome = 'crashed' group by 1"
)


def ended(use: Services, settings: Settings, environment: dict[str, str], folder: Path, *names: str) -> tuple[Rows, Rows]:
    """How documents of these names end, and how often each killed the process that read it."""
    submit(use, folder, {name: f"{TEXT} {name}".encode() for name in names})
    with (
        psycopg.connect(settings.database, autocommit=True) as db,
        processor(environment, folder / "processor.log"),
        worker(environment, folder / "worker.log", *FAULTY, tasks=2),
    ):
        return until(db, ENDED, all_ended), db.execute(CRASHES.encode()).fetchall()


def test_a_document_that_kills_its_worker_is_set_aside_and_the_others_go_on(
    use: Services, settings: Settings, environment: dict[str, str], tmp_path: Path
) -> None:
    deadly = ("killed-1.txt", "segfault-1.txt")
    rows, crashes = ended(use, settings, environment, tmp_path, *deadly, *GOOD)
    assert {row[0]: row[1] for row in rows if row[0] in GOOD} == dict.fromkeys(GOOD, "completed")
    assert [row[:3] for row in rows if row[0] in deadly] == [(name, "error", "worker_killed") for name in deadly]
    assert all("died 3 times" in str(row[3]) for row in rows if row[0] in deadly)
    assert sorted(crashes) == [(name, 3) for name in deadly]


def test_an_endless_loop_is_ended_by_the_hard_limit_and_set_aside(
    use: Services, settings: Settings, environment: dict[str, str], tmp_path: Path
) -> None:
    environment |= {"CELERY_TASK_SOFT_TIME_LIMIT": "9", "CELERY_TASK_TIME_LIMIT": "10", "LEASE_DURATION": "4"}
    rows, crashes = ended(use, settings, environment, tmp_path, "loop-1.txt")
    assert [row[:3] for row in rows] == [("loop-1.txt", "error", "worker_killed")]
    assert crashes == [("loop-1.txt", 3)]
