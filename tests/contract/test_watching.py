"""What a monitor reads of the database."""

from collections.abc import Iterator
from datetime import timedelta

import psycopg
import pytest

from pipeline.errors import Misconfigured, Outage
from pipeline.model import DocumentId, DocumentInfo, Submission, Verdict
from pipeline.queues import WORKER_TYPES
from pipeline.status import Status, Step
from pipeline.stores.database import Database
from pipeline.stores.postgres import PostgresStore
from pipeline.stores.reports import StateCount
from pipeline.stores.watching import Load, Seen, Watching

Db = psycopg.Connection[tuple[object, ...]]


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    database = Database(database_url)
    yield database
    database.close()


@pytest.fixture
def own(database: Database) -> PostgresStore:
    return PostgresStore(database)


def submitted(store: PostgresStore, project: str, *paths: str) -> list[DocumentId]:
    return [s.document_id for s in store.submit(project, [Submission(p, p, f"{project}/{p}", 1, p) for p in paths])]


def begun(store: PostgresStore, worker: str = "ocr@host/7") -> DocumentId:
    (due,) = store.claim(1, 100)
    assert store.begin(due.document_id, Step.PROCESS_OCR, "e", worker)[0] is Verdict.RUN
    return due.document_id


def seen(database: Database, project: str | None = None) -> Seen:
    return Watching(database, project).look()


def test_documents_are_counted_in_one_project_or_in_all(database: Database, own: PostgresStore) -> None:
    submitted(own, "a", "1", "2", "3")
    submitted(own, "b", "1")
    begun(own)
    pending, running = StateCount(Status.PENDING, Step.PROCESS_OCR, 3), StateCount(Status.EXTRACTING, Step.PROCESS_OCR, 1)
    assert set(seen(database).states) == {pending, running}
    assert sum(state.documents for state in seen(database, "a").states) == 3
    assert [state.documents for state in seen(database, "b").states] == [1]


def test_who_works_on_what(database: Database, own: PostgresStore) -> None:
    document = submitted(own, "a", "in/letter.txt")[0]
    begun(own)
    (work,) = seen(database, "a").at_work
    assert work[:5] == ("ocr@host/7", document, "a", "in/letter.txt", "process_ocr")
    assert 0 <= work.heartbeat <= work.seconds < 60
    assert 0 < work.lease <= 20
    assert seen(database).tasks == {"process_ocr": Load(0, 1, None)}
    submitted(own, "b", "1")
    assert seen(database, "b").at_work == ()


def test_page_ranges_wait_and_run_by_themselves(database: Database, own: PostgresStore) -> None:
    document = submitted(own, "a", "long.pdf")[0]
    own.claim(1, 1)
    _, lease = own.begin(document, Step.PROCESS_OCR, "e", "w@host/1")
    own.split(lease, DocumentInfo("application/pdf"), [range(1, 3), range(3, 5), range(5, 7)], [])
    own.begin_part(document, 2, "pages@host/9")
    (work,) = seen(database).at_work
    assert (work.worker, work.source_path, work.task) == ("pages@host/9", "long.pdf", "process_pages")
    waiting, running, seconds = seen(database).tasks["process_pages"]
    assert (waiting, running) == (2, 1)
    assert seconds is not None
    assert 0 <= seconds < 60


def test_the_oldest_waits_whatever_its_priority_and_project(db: Db, database: Database, own: PostgresStore) -> None:
    assert seen(database).pending_seconds is None
    submitted(own, "a", "1", "2", "3", "4")
    submitted(own, "b", "5")
    db.execute(
        "update documents set priority = 9 - 3 * source_path::integer,"
        " created_at = now() - source_path::integer * interval '1 min'"
    )
    of_all, of_a = seen(database).pending_seconds, seen(database, "a").pending_seconds
    assert of_all == pytest.approx(300, abs=30)
    assert of_a == pytest.approx(240, abs=30)


def ended(db: Db, path: str, seconds: float, status: str = "completed") -> None:
    db.execute("alter table documents disable trigger documents_move")
    db.execute(
        "update documents set status = %s::document_status, finished_at = now() - make_interval(secs => %s)"
        " where source_path = %s",
        (status, seconds, path),
    )


def test_what_ended_is_counted_by_minute(db: Db, database: Database, own: PostgresStore) -> None:
    submitted(own, "a", *"1234567")
    for path, seconds in (("1", 3), ("2", 61), ("3", 90), ("4", 1000), ("5", 4000)):
        ended(db, path, seconds)
    ended(db, "6", 62, "error")
    ended(db, "7", 5, "cancelled")
    pace = seen(database).pace
    assert len(pace.minutes) == 60
    assert [(60 - place, n) for place, n in enumerate(pace.minutes) if n] == [(17, 1), (2, 3), (1, 1)]
    assert (pace.failed, pace.recent) == (1, 4)
    assert pace.seconds == pytest.approx(90, abs=5)


def test_failures_come_with_their_reasons_the_last_first(database: Database, own: PostgresStore) -> None:
    for path in ("1", "2"):
        submitted(own, "a", path)
        document = begun(own)
        _, lease = own.begin(document, Step.PROCESS_OCR, "e", "w")
        own.fail(lease._replace(token=_token(database, document)), "encrypted", f"{path} is locked.", None, 0)
    assert [(f.source_path, f.status, f.code, f.message) for f in seen(database, "a").failures] == [
        ("2", Status.ERROR, "encrypted", "2 is locked."),
        ("1", Status.ERROR, "encrypted", "1 is locked."),
    ]
    own.retry([DocumentId(seen(database).failures[0].document_id)])
    assert [f.source_path for f in seen(database).failures] == ["1"]


def _token(database: Database, document: DocumentId) -> int:
    with database.connection() as connection:
        row = connection.execute("select token from documents where id = %s", (document,)).fetchone()
    assert row
    return int(row[0])


def test_a_worker_that_died_is_told_of_although_its_document_goes_on(db: Db, database: Database, own: PostgresStore) -> None:
    document = submitted(own, "a", "1")[0]
    begun(own, "ocr@host/7")
    db.execute("update documents set lease_until = now() - interval '1 s', updated_at = now() - interval '30 s'")
    (work,) = seen(database).at_work
    assert work.lease < 0
    assert work.heartbeat >= 29
    assert own.begin(document, Step.PROCESS_OCR, "e", "ocr@host/8")[0] is Verdict.RUN
    (trouble,) = seen(database).troubles
    assert (trouble.source_path, trouble.outcome, trouble.worker, trouble.code) == ("1", "crashed", "ocr@host/7", "vanished")


def test_what_is_waited_for(database: Database, own: PostgresStore) -> None:
    submitted(own, "a", "1", "2")
    for _ in range(2):
        document = begun(own)
        _, lease = own.begin(document, Step.PROCESS_OCR, "e", "w")
        own.fail(
            lease._replace(token=_token(database, document)), "outage", "The graph is away.", timedelta(seconds=9), None
        )
    assert seen(database).waits == (("The graph is away.", 2),)
    assert [t.outcome for t in seen(database).troubles] == ["retry", "retry"]


def test_pauses_and_queue_processors(db: Db, database: Database, own: PostgresStore, database_url: str) -> None:
    own.pause("graph", [str(t) for kind in WORKER_TYPES if kind.name == "graph" for t in kind.tasks])
    assert [pause.queue for pause in seen(database).pauses] == ["graph"]
    assert seen(database).queue_processors == 0
    with psycopg.connect(database_url, application_name="nlp-pipeline listen"):
        assert seen(database).queue_processors == 1


def test_graphs_that_wait_for_their_figures(db: Db, database: Database, own: PostgresStore) -> None:
    submitted(own, "a", "1")
    submitted(own, "b", "1")
    assert seen(database).stale_graphs == 0
    db.execute("insert into graph_touched (document_id, project_id) select id, project_id from documents")
    assert seen(database).stale_graphs == 2
    assert seen(database, "a").stale_graphs == 1


def test_an_unknown_project_is_said(database: Database, own: PostgresStore) -> None:
    submitted(own, "a", "1")
    with pytest.raises(Misconfigured, match="There is no project c"):
        seen(database, "c")
    assert sum(state.documents for state in seen(database, "a").states) == 1


def test_a_database_that_was_never_set_up_or_is_away(empty_database_url: str) -> None:
    fresh = Database(empty_database_url)
    with pytest.raises(Misconfigured, match="nlp-pipeline migrate"):
        seen(fresh)
    fresh.close()
    away = Database("postgresql://nobody@127.0.0.1:1/none", patience=0.5)
    with pytest.raises(Outage):
        seen(away)
    away.close()
