"""Documents that a service reads, in ``ports.DocumentStore``: jobs, their pages and their failures, on the real database."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from pipeline.errors import LeaseLost
from pipeline.model import DocumentId, FailedPage, Job, Lease, Page, Source, Submission, Verdict
from pipeline.ports import DocumentStore
from pipeline.stages.canonical import assemble
from pipeline.status import Step
from pipeline.stores.postgres import PostgresStore
from tests.contract import test_page_ranges as ranges
from tests.contract.test_page_ranges import INFO, NOW, Db, begin, claimed, state

PAGES = [replace(page, source=Source.OCR) for page in ranges.PAGES]
HOUR = timedelta(hours=1)


def handed_over(store: DocumentStore, path: str = "scan.pdf") -> DocumentId:
    document = claimed(store, path)
    store.hand_over(begin(store, document), INFO, [Submission("a/b.txt", "b.txt", "matter/b", 1, "b")])
    return document


def submitted(store: DocumentStore, document: DocumentId, job: str = "text:1") -> None:
    lease = begin(store, document)
    store.save_job(lease, job)
    assert store.fail(lease, "not_ready", "Textract reads the file.", HOUR, None)


def save(store: DocumentStore, lease: Lease, number: int, pages: Sequence[Page]) -> None:
    text, spans = assemble(pages)
    store.save_job_part(lease, number, text, pages, spans)


def job(store: DocumentStore, document: DocumentId) -> tuple[str, int] | None:
    known = store.job(document)
    return known and (known.name, known.attempt)


def test_a_document_that_was_handed_over_waits_without_a_lease(db: Db, store: PostgresStore) -> None:
    document = handed_over(store)
    assert db.execute("select file_name from documents where parent_id = %s", (document,)).fetchall() == [("b.txt",)]
    assert store.job(document) == Job("", 1, 0.0, "scan.pdf")
    submitted(store, document)
    known = store.job(document)
    assert known
    assert (known.name, known.waited >= 0) == ("text:1", True)
    assert store.repair(NOW, 10) == []
    row = db.execute("select status::text, waiting_for, lease_until, retries from documents where id = %s", (document,))
    assert row.fetchall() == [("extracting", "Textract reads the file.", None, 0)]
    assert store.pass_on(begin(store, document)) == "text:1"
    assert begin(store, document)


def test_what_a_service_read_is_what_reading_in_one_piece_gives(db: Db, store: PostgresStore) -> None:
    whole, document = claimed(store, "whole.pdf"), handed_over(store)
    text, spans = assemble(PAGES)
    store.save_pages(begin(store, whole), INFO, text, PAGES, spans, [])
    lease = begin(store, document)
    save(store, lease, 1, PAGES[:3])
    save(store, lease, 2, PAGES[3:])
    store.finish_job(lease, 2, [])
    assert store.reading(document) == store.reading(whole)
    assert state(db, document) == ("processing", "create_document_node", None, None, [])
    assert store.job(document) is None


def test_what_an_interrupted_look_left_is_replaced(store: PostgresStore) -> None:
    document = handed_over(store)
    lease = begin(store, document)
    for number, page in enumerate(PAGES, 1):
        save(store, lease, number, [page])
    save(store, lease, 1, PAGES[:2])
    store.finish_job(lease, 1, [])
    assert store.reading(document).text == assemble(PAGES[:2])[0]


def test_pages_that_failed_are_named_and_keep_their_numbers(db: Db, store: PostgresStore) -> None:
    document = handed_over(store)
    lease = begin(store, document)
    save(store, lease, 1, PAGES[:2])
    save(store, lease, 2, PAGES[3:5])
    store.finish_job(lease, 2, [FailedPage(6, "No."), FailedPage(3, "It is blurred."), FailedPage(5, "It is torn.")])
    said = "Pages 3, 6 could not be read: It is blurred. Pages 5 could be read in part only."
    assert state(db, document)[2:] == ("pages_failed", said, [3, 5, 6])
    reading = store.reading(document)
    assert [span.number for span in reading.pages] == [1, 2, 3, 4, 5, 6]
    assert [reading.text[span.start : span.end] for span in reading.pages] == [
        *(p.text for p in PAGES[:2]),
        "",
        *(p.text for p in PAGES[3:5]),
        "",
    ]
    ranges.finish(store, document)
    store.retry([document])
    assert store.claim(10, 10)
    store.hand_over(begin(store, document), INFO, [])
    assert job(store, document) == ("", 2)


def test_a_document_of_which_nothing_could_be_read_has_failed(db: Db, store: PostgresStore) -> None:
    document = handed_over(store)
    store.finish_job(begin(store, document), 0, [FailedPage(1, "It is blurred.")])
    assert state(db, document)[0] == "error"


def test_a_job_that_came_to_nothing_is_followed_by_another(store: PostgresStore) -> None:
    document = handed_over(store)
    submitted(store, document)
    lease = begin(store, document)
    store.drop_job(lease)
    assert not store.fail(lease, "unreadable", "It is broken.", None, 0)
    assert job(store, document) == ("", 2)


def test_a_job_outlives_cancellation_and_retry_but_not_other_content_or_engines(store: PostgresStore) -> None:
    document = handed_over(store)
    submitted(store, document)
    store.cancel([document])
    store.retry([document])
    store.claim(10, 10)
    lease = begin(store, document)
    assert job(store, document) == ("text:1", 1)
    store.fail(lease, "failed", "It failed.", None, 0)
    store.retry([document])
    store.claim(10, 10)
    verdict, lease = store.begin(document, Step.PROCESS_OCR, "another engine", "worker")
    assert verdict is Verdict.RUN
    assert job(store, document) is None
    store.hand_over(lease, INFO, [])
    assert job(store, document) == ("", 1)
    store.submit("matter", [Submission("scan.pdf", "scan.pdf", "matter/new", 10, "new")])
    store.claim(10, 10)
    store.begin(document, Step.PROCESS_OCR, "another engine", "worker")
    assert job(store, document) is None


def test_after_cancellation_nothing_is_kept(db: Db, store: PostgresStore) -> None:
    document = handed_over(store)
    lease = begin(store, document)
    store.cancel([document])
    with pytest.raises(LeaseLost):
        save(store, lease, 1, PAGES)
    with pytest.raises(LeaseLost):
        store.save_job(lease, "text:1")
    with pytest.raises(LeaseLost):
        store.finish_job(lease, 0, [])
    assert state(db, document)[0] == "cancelled"


def test_a_notice_has_the_document_sent_on_unless_it_is_looked_at(store: PostgresStore) -> None:
    document, other = handed_over(store), handed_over(store, "other.pdf")
    submitted(store, document)
    submitted(store, other, "text:2")
    assert store.wake_jobs(["text:1", "text:9"]) == []
    assert [due.document_id for due in store.repair(HOUR, 10)] == [document]
    assert begin(store, document)
    assert store.wake_jobs(["text:1"]) == ["text:1"]
