"""The contract of ``ports.DocumentStore``, on the real database."""

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import pairwise

import numpy as np
import psycopg
import pytest

from pipeline.errors import BadDocument, LeaseLost
from pipeline.model import (
    Box,
    Candidates,
    Chunk,
    DocumentId,
    DocumentInfo,
    EntityType,
    Evidence,
    GraphFigures,
    GraphWork,
    Lease,
    Mention,
    NameLink,
    NewName,
    Page,
    PageSpan,
    Source,
    StoredFile,
    Submission,
    Verdict,
    Word,
)
from pipeline.status import MOVES, Status, Step
from pipeline.stores import graph_turns
from pipeline.stores.database import Database
from pipeline.stores.migrations import migrate, migrations
from pipeline.stores.postgres import PostgresStore

TEXT = "Ada Lovelace wrote to Charles Babbage. Mr. Babbage answered."
NOW = timedelta(0)


def queue(store: PostgresStore, path: str = "a.txt", sha: str = "1", project: str = "matter") -> DocumentId:
    return store.submit(project, [Submission(path, path, f"{project}/{sha}", 10, sha)])[0].document_id


def claimed(store: PostgresStore, path: str = "a.txt", project: str = "matter") -> DocumentId:
    document = queue(store, path, sha=path, project=project)
    assert document in [d.document_id for d in store.claim(100, 1000)]
    return document


def begin(store: PostgresStore, document: DocumentId, step: Step, engine: str = "e/1") -> Lease:
    verdict, lease = store.begin(document, step, engine, "worker")
    assert verdict is Verdict.RUN
    return lease


def read(store: PostgresStore, document: DocumentId, text: str = TEXT) -> None:
    page = Page(1, text, words=(Word(0, 3, Box(0.1, 0.1, 0.2, 0.2), 0.9),))
    span = PageSpan(1, 0, len(text), Source.TEXT, 1.0)
    store.save_pages(
        begin(store, document, Step.PROCESS_OCR), DocumentInfo("text/plain", {"title": "t"}), text, [page], [span], []
    )


def chunked(store: PostgresStore, document: DocumentId, text: str = TEXT) -> None:
    read(store, document, text)
    store.save_node(begin(store, document, Step.CREATE_DOCUMENT_NODE), "en", "letter")
    vectors = np.eye(2, 384, dtype=np.float32)
    half = text.index(". ") + 2
    store.save_chunks(begin(store, document, Step.PROCESS_CHUNKING), [Chunk(0, 0, half), Chunk(1, half, len(text))], vectors)


def related(store: PostgresStore, document: DocumentId) -> Lease:
    chunked(store, document)
    mentions = [Mention(0, 12, EntityType.PERSON), Mention(22, 37, EntityType.PERSON), Mention(43, 50, EntityType.PERSON)]
    store.save_mentions(begin(store, document, Step.EXTRACT_ENTITIES), mentions)
    lease = begin(store, document, Step.RESOLVE_ENTITIES)
    clusters = [("ada lovelace", [0]), ("charles babbage", [1, 2])]
    known = store.candidates(document, [key for key, _ in clusters], ["lovelace", "babbage"])
    new = [NewName(key, 2, (key.split()[-1],)) for key, _ in clusters if key not in known.keys]
    assert store.save_resolution(lease, known.arrival, clusters, new, [])
    lease = begin(store, document, Step.BUILD_RELATIONSHIPS)
    ada, charles, again = store.mentions(document)
    assert charles.entity_id == again.entity_id != ada.entity_id
    store.save_relations(lease, [Evidence(ada.entity_id, "CO_OCCURS_WITH", charles.entity_id, 0, 38, 1.0)])
    return lease


def finished(store: PostgresStore, document: DocumentId) -> None:
    store.finish_graph(related(store, document))


def test_permitted_moves_are_the_same_in_code_and_database(db: psycopg.Connection[tuple[str, ...]]) -> None:
    rows = db.execute("select old::text, new::text from permitted_moves").fetchall()
    assert set(rows) == {(old.value, new.value) for old, news in MOVES.items() for new in news}
    for name, enum in (("document_status", Status), ("pipeline_step", Step), ("entity_type", EntityType)):
        labels = db.execute(
            "select enumlabel from pg_enum join pg_type t on t.oid = enumtypid where typname = %s order by enumsortorder",
            (name,),
        )
        assert [row[0] for row in labels] == [member.value for member in enum]


def test_the_database_refuses_an_illegal_move(db: psycopg.Connection[tuple[str]], store: PostgresStore) -> None:
    document = queue(store)
    with pytest.raises(psycopg.Error, match="cannot go from pending to completed"):
        db.execute("update documents set status = 'completed' where id = %s", (document,))


def test_migrating_in_steps_gives_the_same_schema_as_at_once(database_url: str, db: psycopg.Connection[tuple[str]]) -> None:
    def catalogue(connection: psycopg.Connection[tuple[str]]) -> list[tuple[str]]:
        return connection.execute(
            "select table_name || '.' || column_name || ':' || data_type || coalesce(column_default, '')"
            " from information_schema.columns"
            " where table_schema = 'public' union select pg_get_functiondef(p.oid) from pg_proc p"
            " join pg_language l on l.oid = p.prolang"
            " where pronamespace = 'public'::regnamespace and lanname in ('sql', 'plpgsql')"
            " union select indexdef from pg_indexes where schemaname = 'public' order by 1"
        ).fetchall()

    at_once = catalogue(db)
    db.execute("drop schema public cascade; create schema public")
    assert [name for n in range(len(migrations())) for name in migrate(database_url, n + 1)] == [
        name for name, _ in migrations()
    ]
    with psycopg.connect(database_url) as fresh:
        assert catalogue(fresh) == at_once
    assert migrate(database_url) == []


def test_a_document_goes_through_all_steps_once(db: psycopg.Connection[tuple[object, ...]], store: PostgresStore) -> None:
    document = claimed(store)
    finished(store, document)
    assert db.execute("select status::text, lease_until from documents").fetchall() == [("completed", None)]
    outcomes = db.execute("select step::text, outcome from document_processing_history order by id").fetchall()
    assert outcomes == [(step.value, "done") for step in Step]
    assert store.reading(document).text == TEXT
    assert store.claim(10, 10) == []


def test_a_commit_with_an_old_token_is_refused_and_writes_nothing(
    db: psycopg.Connection[tuple[int]], store: PostgresStore
) -> None:
    document = claimed(store)
    old = begin(store, document, Step.PROCESS_OCR)
    store.release(old)
    new = begin(store, document, Step.PROCESS_OCR)
    assert new.token > old.token
    page, span = Page(1, "old"), PageSpan(1, 0, 3, Source.TEXT, 1.0)
    for _ in range(2):
        with pytest.raises(LeaseLost):
            store.save_pages(old, DocumentInfo("text/plain"), "old", [page], [span], [])
    assert db.execute("select count(*) from pages").fetchone() == (0,)
    assert not store.renew(old)
    assert store.renew(new)
    with pytest.raises(LeaseLost):
        store.fail(old, "x", "x", None, 0)


def test_a_step_delivered_twice_commits_once(db: psycopg.Connection[tuple[int]], store: PostgresStore) -> None:
    document = claimed(store)
    lease = begin(store, document, Step.PROCESS_OCR)
    assert store.begin(document, Step.PROCESS_OCR, "e/1", "other")[0] is Verdict.TAKEN
    assert store.begin(document, Step.PROCESS_CHUNKING, "e/1", "other")[0] is Verdict.EARLY
    store.save_pages(lease, DocumentInfo("text/plain"), "x", [Page(1, "x")], [PageSpan(1, 0, 1, Source.TEXT, 1.0)], [])
    assert store.begin(document, Step.PROCESS_OCR, "e/1", "other")[0] is Verdict.DONE
    with pytest.raises(LeaseLost):
        store.save_pages(lease, DocumentInfo("text/plain"), "x", [Page(1, "x")], [PageSpan(1, 0, 1, Source.TEXT, 1.0)], [])
    assert db.execute("select count(*) from document_processing_history").fetchone() == (1,)


def test_two_claimers_never_get_one_document(store: PostgresStore) -> None:
    for n in range(60):
        queue(store, f"{n}.txt", str(n), project=f"p{n % 3}")
    with ThreadPoolExecutor(4) as pool:
        claims = [due.document_id for batch in pool.map(lambda _: store.claim(7, 1000), range(12)) for due in batch]
    assert len(claims) == len(set(claims)) == 60


def test_no_more_than_so_many_documents_are_in_flight_and_projects_take_turns(store: PostgresStore) -> None:
    first = [queue(store, f"{n}.txt", str(n), project="large") for n in range(10)]
    second = [queue(store, f"{n}.txt", str(n), project="small") for n in range(2)]
    got = [due.document_id for due in store.claim(100, 4)]
    assert len(got) == 4
    assert set(second) <= set(got)
    assert len(set(first) & set(got)) == 2
    assert store.claim(100, 4) == []


def test_submitting_again_does_nothing_until_the_content_changes(store: PostgresStore) -> None:
    one = Submission("a.txt", "a.txt", "k1", 1, "1")
    assert store.submit("m", [one])[0].outcome == "submitted"
    assert store.submit("m", [one])[0].outcome == "known"
    document = store.claim(1, 1)[0].document_id
    assert store.submit("m", [one])[0].outcome == "known"
    finished(store, document)
    assert store.submit("m", [one])[0].outcome == "known"
    assert store.submit("m", [one._replace(storage_key="k2", sha256="2")])[0].outcome == "changed"
    assert [due.document_id for due in store.claim(1, 1)] == [document]
    assert store.file(document).storage_key == "k2"


def test_new_content_that_cannot_be_read_does_not_show_the_old(
    db: psycopg.Connection[tuple[object, ...]], store: PostgresStore
) -> None:
    document = claimed(store)
    finished(store, document)
    store.submit("matter", [Submission("a.txt", "a.txt", "matter/2", 10, "2")])
    store.claim(1, 1)
    store.fail(begin(store, document, Step.PROCESS_OCR), "damaged", "It is damaged.", None, 0)
    assert store.reading(document).text == ""
    for table in ("pages", "chunks", "mentions", "relationship_evidence", "entities"):
        assert db.execute(f"select count(*) from {table}".encode()).fetchone() == (0,)


def test_a_bad_document_ends_at_once_and_a_passing_fault_is_tried_again(
    db: psycopg.Connection[tuple[object, ...]], store: PostgresStore
) -> None:
    bad, unlucky = claimed(store, "bad.pdf"), claimed(store, "unlucky.pdf")
    assert not store.fail(begin(store, bad, Step.PROCESS_OCR), "encrypted", "It is encrypted.", None, 5)
    for _ in range(2):
        assert store.fail(begin(store, unlucky, Step.PROCESS_OCR), "service_unavailable", "S3 is away.", NOW, 2)
    assert db.execute("select waiting_for from documents where id = %s", (unlucky,)).fetchone() == ("S3 is away.",)
    assert not store.fail(begin(store, unlucky, Step.PROCESS_OCR), "service_unavailable", "S3 is away.", NOW, 2)
    rows = db.execute("select file_name, status::text, step::text, error_code from documents order by file_name").fetchall()
    assert rows == [
        ("bad.pdf", "error", "process_ocr", "encrypted"),
        ("unlucky.pdf", "error", "process_ocr", "service_unavailable"),
    ]
    assert store.begin(bad, Step.PROCESS_OCR, "e", "w")[0] is Verdict.GONE
    known = [Submission(name, name, f"matter/{name}", 10, name) for name in ("bad.pdf", "unlucky.pdf")]
    assert [s.outcome for s in store.submit("matter", known)] == ["known", "retried"]


def test_an_expired_lease_is_repaired_and_does_not_count_as_much_as_a_death(
    database_url: str, db: psycopg.Connection[tuple[object, ...]]
) -> None:
    store = PostgresStore(Database(database_url), lease=timedelta(seconds=-1))
    document = claimed(store)
    for _ in range(6):
        assert store.begin(document, Step.PROCESS_OCR, "e", "w")[0] is Verdict.RUN
        db.execute("update documents set updated_at = now() - interval '1 minute'")
        assert [due.document_id for due in store.repair(timedelta(seconds=20), 10)] == [document]
        assert store.repair(timedelta(seconds=20), 10) == []
    assert store.begin(document, Step.PROCESS_OCR, "e", "w")[0] is Verdict.GONE
    assert db.execute("select status::text, error_code from documents").fetchall() == [("error", "worker_killed")]


def test_three_deaths_in_a_row_set_a_document_aside(
    db: psycopg.Connection[tuple[object, ...]], store: PostgresStore
) -> None:
    document = claimed(store)
    for process in range(3):
        assert store.begin(document, Step.PROCESS_OCR, "e", f"w/{process}")[0] is Verdict.RUN
        store.report_crash(document, 0, "w/another")
        assert store.begin(document, Step.PROCESS_OCR, "e", "w/another")[0] is Verdict.TAKEN
        store.report_crash(document, 0, f"w/{process}")
        store.report_crash(document, 0, f"w/{process}")
        assert len(store.repair(timedelta(hours=1), 10)) == (process < 2)
    ((status, code, message),) = db.execute("select status::text, error_code, error_message from documents").fetchall()
    assert (status, code) == ("error", "worker_killed")
    assert str(message).startswith("The worker died 3 times while working on this document (process_ocr)")


def test_deaths_do_not_count_once_the_step_is_done(store: PostgresStore) -> None:
    document = claimed(store)
    for _ in range(2):
        begin(store, document, Step.PROCESS_OCR)
        store.report_crash(document, 0, "worker")
    read(store, document)
    for _ in range(2):
        begin(store, document, Step.CREATE_DOCUMENT_NODE)
        store.report_crash(document, 0, "worker")
    begin(store, document, Step.CREATE_DOCUMENT_NODE)


def test_a_lease_that_is_renewed_is_left_alone(db: psycopg.Connection[tuple[object, ...]], store: PostgresStore) -> None:
    begin(store, claimed(store), Step.PROCESS_OCR)
    db.execute("update documents set updated_at = now() - interval '1 day'")
    assert store.repair(timedelta(seconds=1), 10) == []


def test_the_same_fingerprint_is_skipped_and_a_changed_engine_makes_what_follows_stale(
    db: psycopg.Connection[tuple[object, ...]], store: PostgresStore
) -> None:
    document = claimed(store)
    finished(store, document)
    db.execute("select restart_document(%s, 'process_ocr')", (document,))
    store.claim(1, 1)
    assert store.begin(document, Step.PROCESS_OCR, "e/1", "w")[0] is Verdict.DONE
    assert store.begin(document, Step.CREATE_DOCUMENT_NODE, "e/1", "w")[0] is Verdict.DONE
    store.save_chunks(
        begin(store, document, Step.PROCESS_CHUNKING, "e/2"), [Chunk(0, 0, len(TEXT))], np.ones((1, 384), dtype=np.float32)
    )
    assert store.begin(document, Step.EXTRACT_ENTITIES, "e/1", "w")[0] is Verdict.RUN


def test_attachments_become_documents(db: psycopg.Connection[tuple[object, ...]], store: PostgresStore) -> None:
    document = claimed(store, "mail.eml")
    child = Submission("mail.eml/a.pdf", "a.pdf", "k", 3, "3")
    page, span = Page(1, "x"), PageSpan(1, 0, 1, Source.TEXT, 1.0)
    store.save_pages(begin(store, document, Step.PROCESS_OCR), DocumentInfo("message/rfc822"), "x", [page], [span], [child])
    (due,) = store.claim(10, 10)
    assert store.file(due.document_id) == StoredFile("k", "a.pdf", "mail.eml/a.pdf", 1, "matter")
    assert db.execute("select parent_id::text from documents where id = %s", (due.document_id,)).fetchone() == (document,)


def test_a_name_that_arrived_meanwhile_is_compared_first(store: PostgresStore) -> None:
    one, other = claimed(store, "one.txt"), claimed(store, "other.txt")
    for document in (one, other):
        chunked(store, document)
        store.save_mentions(begin(store, document, Step.EXTRACT_ENTITIES), [Mention(0, 12, EntityType.PERSON)])
    mine, yours = begin(store, one, Step.RESOLVE_ENTITIES), begin(store, other, Step.RESOLVE_ENTITIES)
    seen = store.candidates(one, [], ["lovelace"])
    assert seen == Candidates(0, ())
    assert store.save_resolution(yours, 0, [("a lovelace", [0])], [NewName("a lovelace", 2, ("lovelace",))], [])
    new = NewName("ada lovelace", 2, ("lovelace",))
    assert not store.save_resolution(mine, seen.arrival, [("ada lovelace", [0])], [new], [])
    seen = store.candidates(one, [], ["lovelace"])
    assert seen.keys == ("a lovelace",)
    link = NameLink("a lovelace", "ada lovelace", strong=True, reason="initial", score=0.9)
    assert store.save_resolution(mine, seen.arrival, [("ada lovelace", [0])], [new], [link])
    ready = begin(store, one, Step.BUILD_RELATIONSHIPS)
    with store.graph_writing(ready) as work:
        assert len(work.change.gone) == 1
        (entity,) = work.change.entities
        # What the graph was not told of does not count there.
        assert (entity.name, entity.mentions, entity.documents) == ("Ada Lovelace", 1, 1)
        assert work.figures == GraphFigures()
    with store.graph_writing(begin(store, other, Step.BUILD_RELATIONSHIPS)) as work:
        assert work.change.gone == ()
        assert [(e.id, e.mentions, e.documents) for e in work.figures.entities] == [(entity.id, 2, 2)]


def written(store: PostgresStore, lease: Lease) -> GraphWork:
    with store.graph_writing(lease) as work:
        return work


def test_what_the_graph_is_told(store: PostgresStore) -> None:
    document, second = claimed(store), claimed(store, "b.txt")
    first, _ = related(store, document), related(store, second)
    (part,) = written(store, first).parts
    assert part.document.file_name == "a.txt"
    assert [c.index for c in part.chunks] == [0, 1]
    assert {e.name for e in part.entities} == {"Ada Lovelace", "Babbage"}
    assert sorted(m.count for m in part.mentions) == [1, 1, 1]


def test_figures_wait_for_the_last_document_of_a_project(
    db: psycopg.Connection[tuple[object, ...]], store: PostgresStore
) -> None:
    document, second = claimed(store), claimed(store, "b.txt")
    first, last = related(store, document), related(store, second)
    assert written(store, first).figures == GraphFigures()
    figures = written(store, last).figures
    assert {(e.name, e.mentions, e.documents) for e in figures.entities} == {
        ("Ada Lovelace", 2, 2),
        ("Charles Babbage", 4, 2),
    }
    assert [(r.weight, r.documents) for r in figures.relations] == [(2, 2)]
    assert db.execute("select count(*) from graph_touched").fetchone() == (0,)


def test_of_a_large_project_more_documents_wait_for_their_figures(
    db: psycopg.Connection[tuple[object, ...]], store: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(graph_turns, "FIGURES_AFTER", 1)
    one, two, three, _ = (related(store, claimed(store, f"{name}.txt")) for name in "abcd")
    assert written(store, one).figures.entities
    db.execute(
        "insert into document_counts (project_id, status, step, documents, pages, chunks, mentions)"
        " select id, 'completed', 'build_relationships', 16, 0, 0, 0 from projects"
    )
    assert written(store, two).figures == GraphFigures()
    assert written(store, three).figures.entities


def test_figures_that_nobody_wrote_are_found(db: psycopg.Connection[tuple[object, ...]], store: PostgresStore) -> None:
    document, failing = claimed(store), claimed(store, "b.txt")
    lease = related(store, document)
    written(store, lease)
    store.finish_graph(lease)
    db.execute("update graph_touched set touched_at = now() - interval '1 minute'")
    assert store.stale_graphs() == []
    store.fail(begin(store, failing, Step.PROCESS_OCR), "encrypted", "It is encrypted.", None, 0)
    (project,) = store.stale_graphs()
    with store.graph_refreshing(project) as work:
        assert (work.parts, len(work.figures.entities)) == ((), 2)
    assert store.stale_graphs() == []


def test_names_that_nothing_mentions_any_more_are_dropped(
    db: psycopg.Connection[tuple[object, ...]], store: PostgresStore
) -> None:
    document = claimed(store)
    finished(store, document)
    db.execute("select restart_document(%s, 'process_ocr')", (document,))
    store.claim(1, 1)
    verdict, lease = store.begin(document, Step.PROCESS_OCR, "e/2", "w")
    assert verdict is Verdict.RUN
    page, span = Page(1, TEXT), PageSpan(1, 0, len(TEXT), Source.TEXT, 1.0)
    store.save_pages(lease, DocumentInfo("text/plain"), TEXT, [page], [span], [])
    store.save_node(begin(store, document, Step.CREATE_DOCUMENT_NODE), "en", "")
    store.save_chunks(begin(store, document, Step.PROCESS_CHUNKING), [], np.zeros((0, 384), dtype=np.float32))
    store.save_mentions(begin(store, document, Step.EXTRACT_ENTITIES), [])
    assert db.execute("select count(*) from entities").fetchone() == (0,)


def test_a_deleted_document_is_said_to_be_deleted(store: PostgresStore) -> None:
    missing = DocumentId("00000000-0000-0000-0000-000000000000")
    assert store.begin(missing, Step.PROCESS_OCR, "e", "w")[0] is Verdict.GONE
    with pytest.raises(BadDocument, match="deleted"):
        store.file(missing)


def test_results_that_come_in_portions_are_the_same(
    db: psycopg.Connection[tuple[object, ...]], store: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def content(document: DocumentId) -> list[list[tuple[object, ...]]]:
        return [
            db.execute(f"select {columns} from {table} where document_id = %s order by 1".encode(), (document,)).fetchall()
            for table, columns in (
                ("chunks", "position, start_offset, end_offset, heading, text, embedding"),
                ("mentions", "number, start_offset, end_offset, type, confidence, name, entity_id"),
                ("relationship_evidence", "start_offset, end_offset, confidence, relationship_id"),
            )
        ]

    whole, portions = claimed(store), claimed(store, "b.txt")
    finished(store, whole)
    monkeypatch.setattr("pipeline.stores.postgres.CHUNKS_AT_ONCE", 1)
    monkeypatch.setattr("pipeline.stores.postgres.ROWS_AT_ONCE", 1)
    lease = related(store, portions)
    assert content(portions) == content(whole)
    ada, charles, _ = store.mentions(portions)
    evidence = [Evidence(ada.entity_id, "CO_OCCURS_WITH", charles.entity_id, n, 38, 1.0) for n in range(4)]
    store.save_relations(lease, evidence)
    rows = db.execute("select start_offset from relationship_evidence where document_id = %s order by 1", (portions,))
    assert [start for (start,) in rows.fetchall()] == [0, 1, 2, 3]
    store.finish_graph(lease)
    assert db.execute("select count(*) from staged_rows").fetchone() == (0,)
    with pytest.raises(LeaseLost):
        store.save_relations(lease, evidence)


def test_passages_of_a_long_text_are_cut_where_they_lie(
    db: psycopg.Connection[tuple[object, ...]], store: PostgresStore
) -> None:
    text = "".join(f"Élan\n{n:05} " for n in range(20_000))  # several windows; two bytes in a letter
    document = claimed(store)
    read(store, document, text)
    store.save_node(begin(store, document, Step.CREATE_DOCUMENT_NODE), "en", "report")
    borders = [0, 900, 32_760, 32_768, 32_790, 98_300, 200_000, len(text)]
    chunks = [Chunk(n, start, end) for n, (start, end) in enumerate(pairwise(borders))]
    vectors = np.eye(len(chunks), 384, dtype=np.float32)
    store.save_chunks(begin(store, document, Step.PROCESS_CHUNKING), chunks, vectors)
    stored = db.execute("select text from chunks order by position").fetchall()
    assert [passage for (passage,) in stored] == [text[c.start : c.end] for c in chunks]
    spans = [(at, at + 10) for at in range(0, len(text) - 10, 1_000)] + [(32_760, 32_775), (98_295, 98_310)]
    mentions = sorted(Mention(start, end, EntityType.OTHER) for start, end in spans)
    store.save_mentions(begin(store, document, Step.EXTRACT_ENTITIES), mentions)
    names = db.execute("select name from mentions order by number").fetchall()
    assert [name for (name,) in names] == [re.sub(r"\s+", " ", text[m.start : m.end]) for m in mentions]
