"""When a document is sent on: the contract of ``ports.DocumentStore`` on leases, failures and what was lost."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import psycopg
import pytest

from pipeline.model import DocumentId, Lease, Submission, Verdict
from pipeline.status import Step
from pipeline.stores.database import Database
from pipeline.stores.postgres import PostgresStore

IDLE = timedelta(seconds=20)
SECOND = timedelta(seconds=1)
LONGEST = timedelta(seconds=15)
Db = psycopg.Connection[tuple[object, ...]]


@pytest.fixture
def document(store: PostgresStore) -> DocumentId:
    store.submit("matter", [Submission("a.txt", "a.txt", "matter/a", 1, "a")])
    ((document, _),) = store.claim(1, 1)
    return document


def begin(store: PostgresStore, document: DocumentId, worker: str = "w@host/1") -> Lease:
    verdict, lease = store.begin(document, Step.PROCESS_OCR, "e/1", worker)
    assert verdict is Verdict.RUN
    return lease


def sent_on(store: PostgresStore, *known: str) -> list[str]:
    return [due.document_id for due in store.repair(IDLE, 10, known)]


def expire(db: Db) -> None:
    db.execute("update documents set lease_until = now() - interval '1 s', updated_at = now() - interval '21 s'")


def test_a_document_without_a_message_is_sent_on_once_it_stood_still(
    db: Db, store: PostgresStore, document: DocumentId
) -> None:
    assert sent_on(store) == []
    db.execute("update documents set updated_at = now() - interval '21 s'")
    assert sent_on(store, document) == []
    assert sent_on(store) == [document]
    assert sent_on(store) == []


def test_what_is_handed_back_is_sent_on_at_once_and_cannot_be_committed_any_more(
    db: Db, store: PostgresStore, document: DocumentId
) -> None:
    lease = begin(store, document)
    store.release(lease)
    assert not store.renew(lease)
    assert store.next_due() == 0
    assert sent_on(store) == [document]
    assert sent_on(store) == []
    assert store.next_due() is None
    begin(store, document)
    assert store.release_all("other@host") == 0
    assert store.release_all("w@host") == 1
    assert sent_on(store) == [document]
    assert db.execute("select crashes, vanished, retries from documents").fetchall() == [(0, 0, 0)]


def test_an_outage_never_uses_up_the_retries_and_is_written_down_once(
    db: Db, store: PostgresStore, document: DocumentId
) -> None:
    for _ in range(12):
        assert store.fail(begin(store, document), "outage", "The graph server is away.", SECOND, None, LONGEST)
        ((wait, reason),) = db.execute(
            "select extract(epoch from not_before - now())::float, waiting_for from documents"
        ).fetchall()
        assert 0 < float(str(wait)) <= LONGEST.total_seconds()
        assert reason == "The graph server is away."
    assert float(str(wait)) >= LONGEST.total_seconds() / 2 - 1
    assert store.fail(begin(store, document), "throttled", "Slow down.", timedelta(hours=1), 1)
    assert not store.fail(begin(store, document), "throttled", "Slow down.", timedelta(hours=1), 1)
    outcomes = db.execute("select outcome, error_code from document_processing_history order by id").fetchall()
    assert outcomes == [("retry", "outage"), ("retry", "throttled"), ("failed", "throttled")]


def test_the_next_try_comes_when_it_is_due(db: Db, store: PostgresStore, document: DocumentId) -> None:
    store.fail(begin(store, document), "throttled", "Slow down.", timedelta(hours=1), 5)
    due = store.next_due()
    assert due is not None
    assert 3500 < due <= 3600
    db.execute("update documents set updated_at = now() - interval '1 day'")
    assert sent_on(store) == []
    db.execute("update documents set not_before = now()")
    assert sent_on(store) == [document]


def test_a_lease_that_ran_out_can_be_renewed_as_long_as_nobody_else_has_one(
    db: Db, store: PostgresStore, document: DocumentId
) -> None:
    lease = begin(store, document)
    expire(db)
    assert store.renew(lease)
    assert sent_on(store) == []


def test_a_worker_that_was_slow_and_not_killed_does_not_speak_against_the_document(
    database_url: str, db: Db, document: DocumentId
) -> None:
    database = Database(database_url)
    store = PostgresStore(database, lease=timedelta(microseconds=1))
    slow = begin(store, document)
    db.execute("update documents set updated_at = now() - interval '1 minute'")
    assert sent_on(store) == [document]
    begin(store, document)
    assert db.execute("select vanished from documents").fetchall() == [(1,)]
    assert not store.renew(slow)
    assert db.execute("select vanished from documents").fetchall() == [(0,)]
    assert db.execute("select outcome, error_code from document_processing_history").fetchall() == [("retry", "silent")]
    assert not store.renew(slow)
    assert db.execute("select vanished from documents").fetchall() == [(0,)]
    database.close()


def test_leases_from_before_the_database_started_are_no_sign_of_a_crash(
    db: Db, store: PostgresStore, document: DocumentId
) -> None:
    begin(store, document)
    db.execute("update documents set lease_until = pg_postmaster_start_time() + interval '1 s'")
    begin(store, document)
    assert db.execute("select vanished from documents").fetchall() == [(0,)]


def test_a_renewal_that_had_to_wait_for_a_long_commit_counts_from_when_it_came_through(
    database_url: str, db: Db, document: DocumentId
) -> None:
    database = Database(database_url)
    store = PostgresStore(database, timedelta(seconds=1))
    lease = begin(store, document)
    with psycopg.connect(database_url) as long, ThreadPoolExecutor(1) as pool:
        long.execute("select from documents where id = %s for update", (document,))
        renewed = pool.submit(store.renew, lease)
        time.sleep(1.5)
        assert not renewed.done()
        long.commit()
        assert renewed.result()
    assert db.execute("select lease_until > clock_timestamp() from documents").fetchall() == [(True,)]
    database.close()


def test_relations_that_took_longer_than_the_lease_to_save_keep_it(
    store: PostgresStore, db: Db, document: DocumentId
) -> None:
    lease = begin(store, document)
    db.execute("update documents set step = 'build_relationships', lease_until = now() - interval '1 s'")
    store.save_relations(lease._replace(step=Step.BUILD_RELATIONSHIPS), [])
    assert db.execute("select lease_until > now() from documents").fetchall() == [(True,)]
