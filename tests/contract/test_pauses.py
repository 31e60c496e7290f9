"""A paused queue: nothing of it begins, whoever asks, and what was put aside goes on when it is resumed."""

from datetime import timedelta

import psycopg
import pytest

from pipeline.model import DocumentId, DocumentInfo, Lease, Submission, Verdict
from pipeline.queues import WORKER_TYPES
from pipeline.status import Step
from pipeline.stores.postgres import PostgresStore

Db = psycopg.Connection[tuple[object, ...]]
TASKS = {kind.name: [str(task) for task in kind.tasks] for kind in WORKER_TYPES}
NO_TIME = timedelta(0)


@pytest.fixture
def document(store: PostgresStore) -> DocumentId:
    (one,) = store.submit("p", [Submission("a.txt", "a.txt", "k", 1, "s")])
    store.claim(1, 10)
    return one.document_id


def verdict(store: PostgresStore, document: DocumentId, step: Step = Step.PROCESS_OCR) -> Verdict:
    return store.begin(document, step, "e", "w@host/1")[0]


def sent_on(store: PostgresStore) -> list[str]:
    return [due.document_id for due in store.repair(NO_TIME, 10)]


def test_nothing_of_a_paused_queue_begins_until_it_is_resumed(db: Db, store: PostgresStore, document: DocumentId) -> None:
    store.pause("ocr", TASKS["ocr"])
    assert verdict(store, document) is Verdict.PAUSED
    assert db.execute("select status::text, waiting_for from documents").fetchall() == [
        ("queued", "The queue ocr is paused.")
    ]
    assert sent_on(store) == []
    assert store.next_due() is None
    assert store.resume("ocr")
    assert store.next_due() == 0
    assert sent_on(store) == [document]
    assert verdict(store, document) is Verdict.RUN
    assert db.execute("select waiting_for from documents").fetchall() == [(None,)]


def test_other_queues_go_on(store: PostgresStore, document: DocumentId) -> None:
    store.pause("graph", TASKS["graph"])
    store.pause("ocr_pages", TASKS["ocr_pages"])
    assert verdict(store, document) is Verdict.RUN


def test_what_runs_ends_and_the_next_step_waits(store: PostgresStore, document: DocumentId) -> None:
    _, lease = store.begin(document, Step.PROCESS_OCR, "e", "w@host/1")
    store.pause("ocr", TASKS["ocr"])
    store.pause("text", TASKS["text"])
    assert store.renew(lease)
    store.save_pages(lease, DocumentInfo("text/plain"), "", [], [], [])
    assert verdict(store, document, Step.CREATE_DOCUMENT_NODE) is Verdict.PAUSED
    assert store.resume("ocr")
    assert sent_on(store) == []
    assert store.resume("text")
    assert sent_on(store) == [document]
    assert verdict(store, document, Step.CREATE_DOCUMENT_NODE) is Verdict.RUN


def test_a_worker_that_dies_meanwhile_leaves_its_document_waiting(
    db: Db, store: PostgresStore, document: DocumentId
) -> None:
    assert verdict(store, document) is Verdict.RUN
    store.pause("ocr", TASKS["ocr"])
    db.execute("update documents set lease_until = now() - interval '1 s', updated_at = now() - interval '1 min'")
    assert sent_on(store) == [document]
    assert verdict(store, document) is Verdict.PAUSED
    assert sent_on(store) == []
    assert db.execute("select outcome, error_code from document_processing_history").fetchall() == [("crashed", "vanished")]
    store.resume("ocr")
    assert sent_on(store) == [document]


def split(store: PostgresStore, document: DocumentId) -> None:
    _, lease = store.begin(document, Step.PROCESS_OCR, "e", "w@host/1")
    store.split(lease, DocumentInfo("application/pdf"), [range(1, 3), range(3, 5)], [])


def test_page_ranges_have_a_queue_of_their_own(db: Db, store: PostgresStore, document: DocumentId) -> None:
    split(store, document)
    store.pause("ocr_pages", TASKS["ocr_pages"])
    assert [store.begin_part(document, number, "w")[0] for number in (1, 2)] == [Verdict.PAUSED, Verdict.PAUSED]
    # Who is to put them together finds nothing to send a message for, and nobody looks for them again.
    _, lease = store.begin(document, Step.PROCESS_OCR, "e", "w@host/1")
    assert store.missing_parts(lease) == []
    db.execute("update documents set updated_at = now() - interval '1 h'")
    db.execute("update document_parts set updated_at = now() - interval '1 h'")
    assert store.repair(timedelta(seconds=20), 10) == []
    assert store.resume("ocr_pages")
    assert sent_on(store) == [document]
    _, lease = store.begin(document, Step.PROCESS_OCR, "e", "w@host/1")
    assert store.missing_parts(lease) == [1, 2]
    assert store.begin_part(document, 1, "w")[0] is Verdict.RUN


def test_a_paused_document_can_be_cancelled_and_retried(store: PostgresStore, document: DocumentId) -> None:
    store.pause("ocr", TASKS["ocr"])
    assert verdict(store, document) is Verdict.PAUSED
    assert [each.outcome for each in store.cancel([document])] == ["cancelled"]
    store.resume("ocr")
    assert sent_on(store) == []
    store.retry([document])
    assert [due.document_id for due in store.claim(1, 1)] == [document]
    assert verdict(store, document) is Verdict.RUN


def test_pauses_are_told(store: PostgresStore) -> None:
    assert store.pauses() == []
    assert not store.resume("text")
    for _ in range(2):
        store.pause("text", TASKS["text"])
    (pause,) = store.pauses()
    assert (pause.queue, list(pause.tasks)) == ("text", TASKS["text"])
    assert 0 <= pause.seconds < 600


def test_a_lease_that_was_never_given_commits_nothing(store: PostgresStore, document: DocumentId) -> None:
    store.pause("ocr", TASKS["ocr"])
    _, lease = store.begin(document, Step.PROCESS_OCR, "e", "w@host/1")
    assert isinstance(lease, Lease)
    assert not store.renew(lease)
