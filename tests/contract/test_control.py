"""Cancel, retry, reprocess and delete, on the real database."""

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import psycopg
import pytest

from pipeline.errors import BadDocument, LeaseLost
from pipeline.model import DocumentId, DocumentInfo, Lease, Page, PageSpan, Selection, Source, Submission, Verdict
from pipeline.status import Family, Step
from pipeline.stores.postgres import PostgresStore
from tests.matter import PROJECT, fill

Connection = psycopg.Connection[tuple[object, ...]]
HOLDING = (
    "documents", "pages", "chunks", "mentions", "entities", "entity_keys", "entity_links", "relationships",
    "relationship_evidence", "document_steps", "document_processing_history", "graph_touched",
)  # fmt: skip


def begin(store: PostgresStore, document: DocumentId, step: Step = Step.PROCESS_OCR, engine: str = "engine/1") -> Lease:
    verdict, lease = store.begin(document, step, engine, "worker")
    assert verdict is Verdict.RUN
    return lease


def queued(store: PostgresStore, *paths: str, key: str = "") -> list[DocumentId]:
    files = [Submission(path, path, f"{PROJECT}/{key or path}", 1, path) for path in paths]
    return [document.document_id for document in store.submit(PROJECT, files)]


def state(db: Connection, document: DocumentId) -> tuple[object, ...]:
    row = db.execute("select status::text, step::text from documents where id = %s", (document,)).fetchone()
    assert row
    return row


def steps_left(store: PostgresStore, document: DocumentId) -> list[Step]:
    """The steps that run when the document goes its way with the same engines."""
    store.claim(100, 1000)
    return [step for step in Step if store.begin(document, step, "engine/1", "worker")[0] is Verdict.RUN]


@pytest.mark.parametrize(
    ("selection", "found"),
    [
        (Selection(PROJECT), {"letter", "mail", "note", "talk", "broken"}),
        (Selection("another"), set()),
        (Selection(PROJECT, paths=("in/mail.eml",)), {"mail", "note"}),
        (Selection(PROJECT, paths=("in/",)), {"letter", "mail", "note", "talk", "broken"}),
        (Selection(PROJECT, paths=("in/*.eml", "in/l?tter.txt")), {"letter", "mail", "note"}),
        (Selection(PROJECT, paths=("i_/%", "in/mail", "IN/*")), set()),
        (Selection(PROJECT, statuses=("error",)), {"broken"}),
        (Selection(PROJECT, statuses=("text_failed", "cancelled")), set()),
        (Selection(PROJECT, statuses=("ocr_failed", "text_failed")), {"broken"}),
        (Selection(PROJECT, paths=("in/mail.eml", "in/broken.pdf"), statuses=("completed",)), {"mail", "note"}),
    ],
)
def test_documents_are_selected(store: PostgresStore, selection: Selection, found: set[str]) -> None:
    matter = fill(store)
    assert set(store.select(selection)) == {getattr(matter, name) for name in found}


def test_documents_are_selected_by_id_within_their_project(store: PostgresStore) -> None:
    matter = fill(store)
    assert store.select(Selection(PROJECT, (matter.talk,), ("in/broken.pdf",))) == [matter.broken, matter.talk]
    assert store.select(Selection("another", (matter.talk,))) == []
    with pytest.raises(ValueError, match="lost"):
        store.select(Selection(PROJECT, statuses=("lost",)))


def test_cancel_stops_waiting_and_running_documents_and_refuses_their_results(db: Connection, store: PostgresStore) -> None:
    running, sent = queued(store, "running", "sent")
    store.claim(10, 10)
    (waiting,) = queued(store, "waiting")
    lease = begin(store, running)
    assert {each.outcome for each in store.cancel([running, sent, waiting])} == {"cancelled"}
    assert [state(db, document)[0] for document in (running, sent, waiting)] == ["cancelled"] * 3
    assert not store.renew(lease)
    with pytest.raises(LeaseLost):
        store.save_pages(lease, DocumentInfo("text/plain"), "", [Page(1, "")], [PageSpan(1, 0, 0, Source.TEXT, 1.0)], [])
    assert store.begin(sent, Step.PROCESS_OCR, "e", "w")[0] is Verdict.GONE
    assert store.claim(10, 10) == []
    assert {each.outcome for each in store.cancel([running, sent, waiting])} == {"ended"}
    rows = db.execute("select document_id::text, outcome, worker from document_processing_history").fetchall()
    assert rows == [(running, "cancelled", "worker")]


def test_who_was_cancelled_cannot_commit_after_a_retry_either(store: PostgresStore) -> None:
    (document,) = queued(store, "a")
    store.claim(1, 1)
    old = begin(store, document)
    store.cancel([document])
    assert [each.outcome for each in store.retry([document])] == ["queued"]
    store.claim(1, 1)
    assert not store.renew(old)
    begin(store, document)
    assert not store.renew(old)
    with pytest.raises(LeaseLost):
        store.fail(old, "x", "x", None, 0)


def test_retry_goes_on_where_it_failed(db: Connection, store: PostgresStore) -> None:
    matter = fill(store)
    assert [each.outcome for each in store.reprocess([matter.letter], Family.ENTITY)] == ["queued"]
    store.claim(10, 10)
    for step in (Step.PROCESS_OCR, Step.CREATE_DOCUMENT_NODE, Step.PROCESS_CHUNKING):
        assert store.begin(matter.letter, step, "engine/1", "w")[0] is Verdict.DONE
    assert not store.fail(begin(store, matter.letter, Step.EXTRACT_ENTITIES), "internal", "Oh.", None, 0)
    handled = store.retry([matter.letter, matter.talk])
    assert {each.source_path: each.outcome for each in handled} == {"in/letter.txt": "queued", "in/talk.mp3": "completed"}
    assert state(db, matter.letter) == ("pending", "extract_entities")
    assert store.retry([matter.letter])[0].outcome == "on_its_way"


@pytest.mark.parametrize(
    ("since", "first"),
    [
        (None, None),
        (Family.OCR, Step.PROCESS_OCR),
        (Family.TEXT, Step.CREATE_DOCUMENT_NODE),
        (Family.ENTITY, Step.EXTRACT_ENTITIES),
        (Family.GRAPH, Step.BUILD_RELATIONSHIPS),
    ],
)
def test_reprocess_runs_what_is_asked_and_nothing_that_is_fresh(
    db: Connection, store: PostgresStore, since: Family | None, first: Step | None
) -> None:
    letter = fill(store).letter
    assert store.reprocess([letter], since)[0].outcome == "queued"
    assert store.reprocess([letter], since)[0].outcome == "on_its_way"
    assert steps_left(store, letter) == ([first] if first else [])
    assert state(db, letter)[0] == ("completed" if first is None else first.running)


def test_reprocess_runs_what_an_engine_made_stale(store: PostgresStore) -> None:
    letter = fill(store).letter
    store.reprocess([letter])
    store.claim(10, 10)
    for step in (Step.PROCESS_OCR, Step.CREATE_DOCUMENT_NODE):
        assert store.begin(letter, step, "engine/1", "w")[0] is Verdict.DONE
    assert store.begin(letter, Step.PROCESS_CHUNKING, "engine/2", "w")[0] is Verdict.RUN


def counts(db: Connection) -> dict[str, object]:
    return {name: db.execute(f"select count(*) from {name}".encode()).fetchone() for name in HOLDING}


def test_a_deleted_document_leaves_nothing_and_takes_its_attachments_along(db: Connection, store: PostgresStore) -> None:
    matter = fill(store)
    handled = store.delete([matter.mail, matter.letter])
    assert [each.source_path for each in handled] == ["in/mail.eml", "in/mail.eml/note.txt", "in/letter.txt"]
    assert store.delete([matter.mail]) == []
    with pytest.raises(BadDocument, match="deleted"):
        store.file(matter.note)
    store.delete([matter.talk, matter.broken])
    assert set(counts(db).values()) == {(0,)}


def test_what_other_documents_support_stays_as_if_the_deleted_had_never_been(db: Connection, store: PostgresStore) -> None:
    def facts() -> list[object]:
        names = "select key, root::text, merged_into::text, merge_reason from entities order by key"
        relations = "select subject_id::text, object_id::text, document_id::text from canonical_evidence order by 1, 2, 3"
        stored = "select subject_id::text, object_id::text from relationships order by 1, 2"
        return [db.execute(query.encode()).fetchall() for query in (names, relations, stored)]

    matter = fill(store)
    store.delete([matter.letter])
    without = facts()
    store.delete([matter.mail, matter.talk, matter.broken])
    again = fill(store)
    assert again == matter
    store.delete([again.letter])
    assert facts() == without
    assert all(without)


def test_a_deletion_is_final_and_the_path_can_come_again(db: Connection, store: PostgresStore) -> None:
    (document,) = queued(store, "a")
    store.claim(1, 1)
    old = begin(store, document)
    store.delete([document])
    assert queued(store, "a") == [document]
    assert [due.step for due in store.claim(1, 1)] == [Step.PROCESS_OCR]
    assert not store.renew(old)
    new = begin(store, document)
    with pytest.raises(LeaseLost):
        store.fail(old, "x", "x", None, 0)
    assert store.renew(new)


def removed(store: PostgresStore) -> list[str]:
    store.unused_files()
    with store.removing_files() as keys:
        return keys


def test_a_file_goes_with_its_last_document(db: Connection, store: PostgresStore) -> None:
    one, other = queued(store, "one", "other", key="same")
    store.delete([one])
    assert not store.unused_files()
    store.delete([other])
    assert store.unused_files()
    assert not store.unused_files()
    assert removed(store) == [f"{PROJECT}/same"]
    assert removed(store) == []


def test_a_file_that_is_used_again_stays(store: PostgresStore) -> None:
    for marked in (False, True):
        store.delete(queued(store, "one", key="same"))
        if marked:
            assert store.unused_files()
        queued(store, "other", key="same")
        assert removed(store) == []
        store.delete(store.select(Selection(PROJECT)))
        assert removed(store) == [f"{PROJECT}/same"]


def test_a_file_that_could_not_be_removed_is_tried_again(store: PostgresStore) -> None:
    store.delete(queued(store, "one"))
    store.unused_files()
    with pytest.raises(OSError, match="full"), store.removing_files():
        raise OSError("full")
    assert removed(store) == [f"{PROJECT}/one"]


def test_a_file_that_is_expected_stays_whatever_was_deleted_before(store: PostgresStore) -> None:
    """Marked before or after it was expected: a file that is stored now is not taken away from the document to come."""
    for marked in (False, True):
        store.delete(queued(store, "one", key="same"))
        if marked:
            assert store.unused_files()
        with store.expecting_files() as expect:
            expect([f"{PROJECT}/same", f"{PROJECT}/other"])
            assert removed(store) == []
            queued(store, "other", key="same")
            assert removed(store) == []
        assert removed(store) == [f"{PROJECT}/other"], "it came to nothing"
        store.delete(store.select(Selection(PROJECT)))
        assert removed(store) == [f"{PROJECT}/same"]


def test_two_who_expect_a_file_do_not_take_it_from_each_other(store: PostgresStore) -> None:
    with store.expecting_files() as other:
        other([f"{PROJECT}/same"])
        with store.expecting_files() as expect:
            expect([f"{PROJECT}/same"])
            store.delete(queued(store, "one", key="same"))
        assert removed(store) == []
        queued(store, "one", key="same")
    assert removed(store) == []


def test_who_expects_a_file_waits_until_it_is_removed(store: PostgresStore) -> None:
    """And stores it after that, so it is there."""
    store.delete(queued(store, "one", key="same"))
    assert store.unused_files()
    with ThreadPoolExecutor(1) as pool, store.expecting_files() as expect:
        with store.removing_files() as keys:
            assert keys == [f"{PROJECT}/same"]
            waiting = pool.submit(expect, keys)
            time.sleep(0.2)
            assert not waiting.done()
        waiting.result(60)
        queued(store, "one", key="same")
    assert removed(store) == []


def test_files_of_who_died_before_the_document_was_queued_are_removed(db: Connection, store: PostgresStore) -> None:
    with suppress(OSError), store.expecting_files() as expect:
        expect([f"{PROJECT}/left"])
        db.execute("update files_expected set claim = gen_random_uuid()")  # so that nobody forgets it
        raise OSError
    assert removed(store) == []
    db.execute("update files_expected set until = now()")
    assert removed(store) == [f"{PROJECT}/left"]
    assert db.execute("select count(*) from files_expected").fetchone() == (0,)


def gone(store: PostgresStore) -> list[tuple[str, ...]]:
    """What the graph is told to remove by those projects that ask."""
    told = []
    for project in store.stale_graphs():
        with store.graph_refreshing(project) as work:
            told.append(work.gone)
    return told


def test_the_graph_is_told_once_and_once_more_where_a_worker_was_at_it(db: Connection, store: PostgresStore) -> None:
    matter = fill(store)
    assert gone(store) == [()], "changes of entities, that no graph was told of"
    assert gone(store) == []
    store.reprocess([matter.talk], Family.GRAPH)
    assert steps_left(store, matter.talk) == [Step.BUILD_RELATIONSHIPS]
    store.delete([matter.letter, matter.talk])
    ((*first,),) = gone(store)
    assert set(first) == {matter.letter, matter.talk}
    assert gone(store) == []
    db.execute("update graph_outdated set not_before = now(), again_at = now()")
    assert gone(store) == [(matter.talk,)]
    assert db.execute("select count(*) from graph_outdated").fetchone() == (0,)


def test_a_graph_that_is_away_is_told_later(db: Connection, store: PostgresStore) -> None:
    matter = fill(store)
    store.delete([matter.letter])
    (project,) = store.stale_graphs()
    with pytest.raises(OSError, match="away"), store.graph_refreshing(project):
        raise OSError("away")
    assert store.stale_graphs() == []
    db.execute("update projects set graph_asked_at = graph_asked_at - interval '1 minute'")
    assert gone(store) == [(matter.letter,)]


def test_what_came_again_is_not_removed(store: PostgresStore) -> None:
    matter = fill(store)
    store.delete([matter.letter, matter.mail, matter.talk, matter.broken])
    fill(store)
    (project,) = store.stale_graphs()
    with store.graph_refreshing(project) as work:
        assert {part.document.id for part in work.parts} >= {matter.letter, matter.mail, matter.talk}
        assert not set(work.gone) & {matter.letter, matter.mail, matter.talk}
    assert gone(store) == []


def test_new_content_is_forgotten_by_the_graph_too(store: PostgresStore) -> None:
    matter = fill(store)
    store.submit(PROJECT, [Submission("in/letter.txt", "letter.txt", f"{PROJECT}/new", 1, "new")])
    assert gone(store) == [(matter.letter,)]


def test_new_content_takes_the_place_of_the_old_even_while_that_is_read(db: Connection, store: PostgresStore) -> None:
    matter = fill(store)
    store.reprocess([matter.mail], Family.OCR)
    store.claim(1, 1)
    lease = begin(store, matter.mail)
    new = Submission("in/mail.eml", "mail.eml", f"{PROJECT}/new", 1, "new")
    assert store.submit(PROJECT, [new])[0].outcome == "changed"
    assert not store.renew(lease)
    assert state(db, matter.mail) == ("pending", "process_ocr")
    with pytest.raises(BadDocument, match="deleted"):
        store.file(matter.note)
    assert sorted(removed(store)) == [f"{PROJECT}/mail.eml", f"{PROJECT}/note"]


def test_many_hands_at_once_leave_whole_documents(db: Connection, store: PostgresStore) -> None:
    """Submitting, processing, cancelling, retrying and deleting the same documents at the same time."""

    def hand(number: int) -> None:
        for turn in range(4):
            documents = store.select(Selection(PROJECT))
            match (number + turn) % 4:
                case 0:
                    store.delete(documents)
                case 1:
                    store.cancel(documents)
                    store.retry(documents)
                case 2:
                    store.reprocess(documents, Family.ENTITY)
                case _:
                    queued(store, "in/letter.txt", "in/mail.eml", "in/talk.mp3")
                    store.claim(100, 100)

    fill(store)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(hand, range(4)))
    store.delete(store.select(Selection(PROJECT)))
    assert set(counts(db).values()) == {(0,)}
