"""A large document in the real chain: its ranges are read by workers, and the result is that of reading it in one piece."""

import os
import signal
from pathlib import Path

import psycopg
import pytest
import redis
from PIL import Image, ImageDraw

from pipeline.model import DocumentId, Submission
from pipeline.settings import Settings
from pipeline.stages.canonical import assemble
from pipeline.stages.reading import read_document
from pipeline.status import Step
from pipeline.wiring import Services
from tests import reader_files as files
from tests import running

Db = psycopg.Connection[tuple[object, ...]]
SCANNED = "q 612 0 0 792 0 0 cm /Im Do Q"
RESULT = (
    "select number, start_offset, end_offset, source, confidence, width, height, words, segments from pages"
    " where document_id = %s order by number"
)


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"ocr_engine": "tesseract"})


@pytest.fixture
def environment(environment: dict[str, str]) -> dict[str, str]:
    return environment | {"OCR_ENGINE": "tesseract"}


def long_pdf(pages: int, *scanned: int) -> bytes:
    """A page of text each, but for the scanned ones."""
    picture = Image.new("L", (100, 100), 255)
    ImageDraw.Draw(picture).text((5, 40), "Harbour office", fill=0)
    texts = (
        files.lines(f"Ada Lovelace wrote page {n}.", f"Charles Babbage read it in London in {1800 + n}.")
        for n in range(pages)
    )
    contents = [SCANNED if number in scanned else text for number, text in enumerate(texts, 1)]
    return files.pdf(contents, image=picture.tobytes())


def ended(db: Db) -> list[tuple[object, ...]]:
    return running.until(db, running.ENDED, running.all_ended)


def same_as_in_one_piece(use: Services, db: Db, path: Path) -> bool:
    """Whether the one document of the database holds what reading ``path`` at once gives."""
    (stored,) = (row[0] for row in db.execute("select id::text from documents").fetchall())
    use.documents.submit("other", [Submission("whole.pdf", "whole.pdf", "k", 1, "whole")])
    (due,) = use.documents.claim(1, 1)
    _, lease = use.documents.begin(due.document_id, Step.PROCESS_OCR, "e", "w")
    document = read_document(use.reader.read(path, "x"), lambda: use.ocr, lambda: use.speech, lambda _: None)
    text, spans = assemble(document.pages)
    use.documents.save_pages(lease, document.info, text, document.pages, spans, [])
    assert use.documents.reading(DocumentId(str(stored))) == use.documents.reading(due.document_id)
    return db.execute(RESULT, (stored,)).fetchall() == db.execute(RESULT, (due.document_id,)).fetchall()


def parts(db: Db, status: str) -> int:
    return len(db.execute("select from document_parts where status = %s", (status,)).fetchall())


def test_ranges_give_the_same_as_reading_in_one_piece(
    use: Services, settings: Settings, environment: dict[str, str], tmp_path: Path
) -> None:
    running.submit(use, tmp_path, {"long.pdf": long_pdf(45, 31)})
    with psycopg.connect(settings.database, autocommit=True) as db:
        with running.chain(environment, tmp_path):
            assert [row[1] for row in ended(db)] == ["completed"]
        assert parts(db, "done") == 3
        sources = db.execute("select source from pages order by number").fetchall()
        assert [number for number, (source,) in enumerate(sources, 1) if source == "ocr"] == [31]
        assert same_as_in_one_piece(use, db, tmp_path / "submitted")
    with redis.Redis.from_url(settings.broker) as broker:
        assert [key for key in broker.scan_iter("celery-task-meta-*") if broker.ttl(key) < 0] == []


def test_a_worker_that_is_killed_among_the_ranges_costs_nothing(
    use: Services, settings: Settings, environment: dict[str, str], tmp_path: Path
) -> None:
    environment = environment | {"LARGE_DOCUMENT_PAGES": "1"}
    running.submit(use, tmp_path, {"scans.pdf": long_pdf(12, *range(1, 13))})
    with psycopg.connect(settings.database, autocommit=True) as db:
        with running.processor(environment, tmp_path / "processor.log"):
            with running.worker(environment, tmp_path / "first.log") as victim:
                running.until(db, "select from document_parts where status = 'done'", lambda rows: len(rows) >= 2)
                os.killpg(victim.pid, signal.SIGKILL)
                victim.wait()
            assert parts(db, "done") < 12
            with running.worker(environment, tmp_path / "second.log"):
                assert [row[1] for row in ended(db)] == ["completed"]
        done = db.execute(
            "select step, count(*) from document_processing_history where outcome = 'done' group by 1"
        ).fetchall()
        assert [row[1] for row in done] == [1] * len(Step)
        assert same_as_in_one_piece(use, db, tmp_path / "submitted")


def test_a_broker_that_forgets_everything_after_the_last_range_costs_nothing(
    use: Services, settings: Settings, environment: dict[str, str], tmp_path: Path
) -> None:
    running.submit(use, tmp_path, {"long.pdf": long_pdf(45)})
    with psycopg.connect(settings.database, autocommit=True) as db:
        with running.processor(environment | {"REPAIR_AFTER": "3600"}, tmp_path / "processor.log"):
            with running.worker(environment, tmp_path / "splits.log", queues="ocr"):
                running.until(db, "select from document_parts", lambda rows: len(rows) == 3)
            with running.worker(environment, tmp_path / "reads.log", queues="ocr_pages"):
                running.until(db, "select from document_parts where status = 'done'", lambda rows: len(rows) == 3)
        with redis.Redis.from_url(settings.broker) as broker:
            broker.flushdb()
        with running.chain(environment, tmp_path):
            assert [row[1] for row in ended(db)] == ["completed"]
        assert same_as_in_one_piece(use, db, tmp_path / "submitted")
