"""Large documents in ``ports.DocumentStore``: ranges of pages with leases of their own, on the real database."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import numpy as np
import psycopg
import pytest

from pipeline.errors import LeaseLost
from pipeline.model import Box, DocumentId, DocumentInfo, Lease, Page, Source, Submission, Verdict, Word
from pipeline.ports import DocumentStore
from pipeline.stages.canonical import assemble
from pipeline.status import Step
from pipeline.stores.database import Database
from pipeline.stores.postgres import PostgresStore

Db = psycopg.Connection[tuple[object, ...]]
INFO = DocumentInfo("application/pdf", {"title": "Long"})
WORDS = (Word(0, 4, Box(0, 0, 1, 1)),)
PAGES = [Page(n, f"Page {n} \u00e4\U0001f600", words=WORDS) for n in range(1, 8)]
PAGES[2] = replace(PAGES[2], source=Source.OCR, confidence=0.5)
RANGES = [range(1, 4), range(4, 6), range(6, 8)]
NOW = timedelta(0)


def claimed(store: DocumentStore, path: str = "long.pdf") -> DocumentId:
    document = store.submit("matter", [Submission(path, path, f"matter/{path}", 10, path)])[0].document_id
    store.claim(10, 10)
    return document


def begin(store: DocumentStore, document: DocumentId, step: Step = Step.PROCESS_OCR) -> Lease:
    verdict, lease = store.begin(document, step, "e/1", "worker")
    assert verdict is Verdict.RUN
    return lease


def split(store: DocumentStore, path: str = "long.pdf") -> DocumentId:
    document = claimed(store, path)
    store.split(begin(store, document), INFO, RANGES, [])
    return document


def begin_part(store: DocumentStore, document: DocumentId, part: int) -> Lease:
    verdict, lease = store.begin_part(document, part, "worker")
    assert (verdict, lease.part) == (Verdict.RUN, part)
    return lease


def save(store: DocumentStore, lease: Lease) -> None:
    own = [PAGES[number - 1] for number in store.part_pages(lease)]
    text, spans = assemble(own)
    store.save_part(lease, text, own, spans)


def read_all(store: DocumentStore, document: DocumentId) -> None:
    for part in range(1, len(RANGES) + 1):
        save(store, begin_part(store, document, part))


def give_up(store: DocumentStore, document: DocumentId, part: int, code: str = "damaged") -> None:
    assert not store.fail(begin_part(store, document, part), code, "It is damaged.", None, 5)


def join(store: DocumentStore, document: DocumentId) -> None:
    lease = begin(store, document)
    assert store.missing_parts(lease) is None
    store.join_parts(lease)


def finish(store: DocumentStore, document: DocumentId) -> None:
    store.save_node(begin(store, document, Step.CREATE_DOCUMENT_NODE), "en", "report")
    store.save_chunks(begin(store, document, Step.PROCESS_CHUNKING), [], np.zeros((0, 384), dtype=np.float32))
    store.save_mentions(begin(store, document, Step.EXTRACT_ENTITIES), [])
    assert store.save_resolution(begin(store, document, Step.RESOLVE_ENTITIES), 0, [], [], [])
    store.finish_graph(begin(store, document, Step.BUILD_RELATIONSHIPS))


def state(db: Db, document: DocumentId) -> tuple[object, ...]:
    query = "select status::text, step::text, error_code, error_message, failed_pages from documents where id = %s"
    return db.execute(query, (document,)).fetchall()[0]


def test_ranges_put_together_are_what_reading_in_one_piece_gives(db: Db, store: PostgresStore) -> None:
    whole, parts = claimed(store, "whole.pdf"), split(store)
    text, spans = assemble(PAGES)
    store.save_pages(begin(store, whole), INFO, text, PAGES, spans, [])
    assert state(db, parts)[:2] == ("processing_chunks", "process_ocr")
    assert store.file(parts).split
    read_all(store, parts)
    join(store, parts)
    assert store.reading(parts) == store.reading(whole)
    rows = [
        db.execute(
            "select number, start_offset, end_offset, source, confidence, width, height, words, segments"
            " from pages where document_id = %s order by number",
            (document,),
        ).fetchall()
        for document in (whole, parts)
    ]
    assert rows[0] == rows[1]
    assert state(db, parts) == ("processing", "create_document_node", None, None, [])
    assert db.execute("select sum(length(text) + length(pages::text)) from document_parts").fetchone() == (2 * len(RANGES),)
    done = "select count(*) from document_processing_history where outcome = 'done' and document_id = %s"
    assert db.execute(done, (parts,)).fetchone() == (1,)


def test_a_range_delivered_twice_is_read_once(store: PostgresStore) -> None:
    document = split(store)
    lease = begin_part(store, document, 1)
    assert store.begin_part(document, 1, "other")[0] is Verdict.TAKEN
    save(store, lease)
    assert store.begin_part(document, 1, "other")[0] is Verdict.DONE
    with pytest.raises(LeaseLost):
        save(store, lease)
    with pytest.raises(LeaseLost):
        store.fail(lease, "x", "x", None, 0)
    assert not store.renew(lease)


def test_many_workers_never_get_one_range(store: PostgresStore) -> None:
    document = split(store)
    with ThreadPoolExecutor(6) as pool:
        verdicts = list(pool.map(lambda n: store.begin_part(document, 1 + n % 3, "w")[0], range(18)))
    assert verdicts.count(Verdict.RUN) == 3
    assert verdicts.count(Verdict.TAKEN) == 15


def test_an_old_token_is_refused(store: PostgresStore) -> None:
    document = split(store)
    old = begin_part(store, document, 2)
    store.release(old)
    new = begin_part(store, document, 2)
    with pytest.raises(LeaseLost):
        save(store, old)
    assert not store.renew(old)
    assert store.renew(new)
    save(store, new)


def test_a_failed_range_leaves_empty_pages_and_the_document_goes_on(db: Db, store: PostgresStore) -> None:
    document = split(store)
    give_up(store, document, 2)
    save(store, begin_part(store, document, 1))
    save(store, begin_part(store, document, 3))
    join(store, document)
    expected, _ = assemble([Page(page.number, "" if page.number in RANGES[1] else page.text) for page in PAGES])
    reading = store.reading(document)
    assert reading.text == expected
    assert [reading.text[p.start : p.end] for p in reading.pages] == ["" if p.number in RANGES[1] else p.text for p in PAGES]
    assert [(p.number, p.confidence) for p in reading.pages if p.number in RANGES[1]] == [(4, 0.0), (5, 0.0)]
    finish(store, document)
    named = "Pages 4-5 could not be read: It is damaged."
    assert state(db, document) == ("partial_error", "build_relationships", "pages_failed", named, [4, 5])


def test_pages_that_failed_are_read_again_when_the_document_is(db: Db, store: PostgresStore) -> None:
    document = split(store)
    give_up(store, document, 1)
    save(store, begin_part(store, document, 2))
    save(store, begin_part(store, document, 3))
    join(store, document)
    finish(store, document)
    db.execute("select restart_document(%s, 'process_ocr')", (document,))
    store.claim(1, 1)
    store.split(begin(store, document), INFO, RANGES, [])
    save(store, begin_part(store, document, 1))
    join(store, document)
    finish(store, document)
    assert state(db, document) == ("completed", "build_relationships", None, None, [])
    db.execute("select restart_document(%s, 'process_ocr')", (document,))
    store.claim(1, 1)
    assert store.begin(document, Step.PROCESS_OCR, "e/1", "worker")[0] is Verdict.DONE


def test_a_document_of_which_no_page_can_be_read_ends_in_error(db: Db, store: PostgresStore) -> None:
    document = split(store)
    for part, code in ((3, "timeout"), (1, "damaged"), (2, "timeout")):
        give_up(store, document, part, code)
    join(store, document)
    assert state(db, document) == ("error", "process_ocr", "damaged", "No page could be read. It is damaged.", [])


def test_no_document_has_more_text_than_one_that_is_read_at_once(db: Db, store: PostgresStore) -> None:
    document = split(store)
    for part in (1, 2):
        page = Page(RANGES[part - 1][0], "x" * 40_000_000)
        text, spans = assemble([page])
        store.save_part(begin_part(store, document, part), text, [page], spans)
    assert db.execute("select status, error_code from document_parts order by number limit 2").fetchall() == [
        ("done", None),
        ("failed", "too_large"),
    ]


def test_a_passing_fault_is_tried_again(db: Db, store: PostgresStore) -> None:
    document = split(store)
    for _ in range(2):
        assert store.fail(begin_part(store, document, 1), "service_unavailable", "S3 is away.", NOW, 2)
        assert db.execute("select waiting_for from documents").fetchone() == ("S3 is away.",)
    assert not store.fail(begin_part(store, document, 1), "service_unavailable", "S3 is away.", NOW, 2)
    save(store, begin_part(store, document, 2))
    assert db.execute("select waiting_for from documents").fetchone() == (None,)


def test_a_range_that_kills_its_worker_fails_after_three_times(database_url: str, db: Db, store: PostgresStore) -> None:
    document = split(store)
    deaf = PostgresStore(Database(database_url), lease=timedelta(seconds=-1))
    for _ in range(2):
        begin_part(store, document, 2)
        store.report_crash(document, 2, "another")
        store.report_crash(document, 2, "worker")
    begin_part(deaf, document, 2)
    begin_part(store, document, 2)
    store.report_crash(document, 2, "worker")
    assert deaf.begin_part(document, 2, "worker")[0] is Verdict.DONE
    save(store, begin_part(store, document, 1))
    save(store, begin_part(store, document, 3))
    join(store, document)
    assert state(db, document)[2:] == (
        "pages_failed",
        "Pages 4-5 could not be read: The worker died 3 times while reading them.",
        [4, 5],
    )


def test_what_was_lost_is_sent_again_and_nothing_else(database_url: str, db: Db, store: PostgresStore) -> None:
    document = split(store)
    idle = timedelta(seconds=20)

    def lost() -> bool:
        db.execute("update documents set updated_at = updated_at - interval '15 s'")
        return [due.document_id for due in store.repair(idle, 10)] == [document]

    def later() -> None:
        db.execute("update document_parts set updated_at = updated_at - interval '1 minute'")

    assert not lost()  # its messages wait
    later()
    db.execute("update documents set updated_at = now() - interval '1 minute'")
    assert lost()
    assert store.missing_parts(begin(store, document)) == [1, 2, 3]  # all messages were lost
    save(store, begin_part(store, document, 1))
    living = begin_part(store, document, 3)
    later()
    assert not lost()  # one range is being read
    deaf = PostgresStore(Database(database_url), lease=timedelta(seconds=-1))
    begin_part(deaf, document, 2)
    assert lost()  # a worker died
    assert store.missing_parts(begin(store, document)) == [2]
    save(store, living)
    save(store, begin_part(store, document, 2))
    later()
    db.execute("update documents set updated_at = now() - interval '1 minute'")
    assert lost()  # nobody put the ranges together
    join(store, document)


def test_a_document_of_whose_ranges_one_waits_in_the_broker_is_left_alone(db: Db, store: PostgresStore) -> None:
    document = split(store)
    save(store, begin_part(store, document, 1))
    for table in ("documents", "document_parts"):
        db.execute(f"update {table} set updated_at = now() - interval '1 hour'".encode())
    assert store.repair(timedelta(seconds=20), 10, {document}) == []
    assert [due.document_id for due in store.repair(timedelta(seconds=20), 10)] == [document]


def test_a_worker_that_stops_hands_its_range_back(db: Db, store: PostgresStore) -> None:
    document = split(store)
    store.release(begin_part(store, document, 1))
    assert [due.document_id for due in store.repair(timedelta(hours=1), 10)] == [document]
    assert 1 in (store.missing_parts(begin(store, document)) or [])
    assert db.execute("select count(*) from document_processing_history").fetchone() == (0,)


def test_ranges_of_a_document_that_was_cancelled_end(db: Db, store: PostgresStore) -> None:
    document = split(store)
    lease = begin_part(store, document, 1)
    db.execute("update documents set status = 'cancelled' where id = %s", (document,))
    assert not store.renew(lease)
    with pytest.raises(LeaseLost):
        save(store, lease)
    assert store.begin_part(document, 2, "worker")[0] is Verdict.GONE
    assert store.begin(document, Step.PROCESS_OCR, "e/1", "worker")[0] is Verdict.GONE


def test_ranges_of_an_earlier_split_do_not_count(db: Db, store: PostgresStore) -> None:
    document = split(store)
    old = begin_part(store, document, 1)
    db.execute("update documents set status = 'cancelled' where id = %s", (document,))
    db.execute("select restart_document(%s, 'process_ocr')", (document,))
    store.claim(1, 1)
    assert not store.file(document).split
    store.split(begin(store, document), INFO, RANGES[:2], [])
    with pytest.raises(LeaseLost):
        save(store, old)
    assert store.begin_part(document, 3, "worker")[0] is Verdict.GONE


def test_files_inside_a_large_document_become_documents(store: PostgresStore) -> None:
    document = claimed(store)
    child = Submission("long.pdf/a.txt", "a.txt", "k", 3, "3")
    store.split(begin(store, document), INFO, RANGES, [child])
    assert [store.file(due.document_id).source_path for due in store.claim(10, 10)] == ["long.pdf/a.txt"]


def parts(db: Db) -> list[object]:
    return [status for (status,) in db.execute("select status from document_parts order by number").fetchall()]


def test_a_retry_reads_the_failed_ranges_alone(db: Db, store: PostgresStore) -> None:
    document, whole = split(store), claimed(store, "whole.pdf")
    text, spans = assemble(PAGES)
    store.save_pages(begin(store, whole), INFO, text, PAGES, spans, [])
    save(store, begin_part(store, document, 1))
    give_up(store, document, 2)
    save(store, begin_part(store, document, 3))
    join(store, document)
    finish(store, document)
    assert state(db, document)[0] == "partial_error"
    store.retry([document])
    store.claim(10, 10)
    store.split(begin(store, document), INFO, RANGES, [])
    assert parts(db) == ["done", "waiting", "done"]
    save(store, begin_part(store, document, 2))
    join(store, document)
    assert store.reading(document) == store.reading(whole)
    finish(store, document)
    assert state(db, document) == ("completed", "build_relationships", None, None, [])


@pytest.mark.parametrize(("engine", "ranges"), [("e/2", RANGES), ("e/1", [range(1, 5), range(5, 8)])])
def test_a_range_is_read_again_where_it_would_be_another(
    db: Db, store: PostgresStore, engine: str, ranges: list[range]
) -> None:
    document = split(store)
    save(store, begin_part(store, document, 1))
    store.cancel([document])
    store.retry([document])
    store.claim(10, 10)
    store.split(begin(store, document), INFO, RANGES, [])
    assert parts(db) == ["done", "waiting", "waiting"]
    store.cancel([document])
    store.retry([document])
    store.claim(10, 10)
    store.split(store.begin(document, Step.PROCESS_OCR, engine, "worker")[1], INFO, ranges, [])
    assert set(parts(db)) == {"waiting"}
