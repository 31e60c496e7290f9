"""Vectors of one model give way to those of another, whatever happens meanwhile."""

import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import numpy as np
import psycopg
import pytest
from numpy.typing import NDArray

from pipeline.embeddings import Embeddings, EmbeddingsDiffer
from pipeline.engines.embeddings.onnx_embedder import OnnxEmbedder
from pipeline.engines.remote.embedder import RemoteEmbedder
from pipeline.errors import Misconfigured, ServiceUnavailable
from pipeline.model import Chunk, DocumentInfo, Submission, UnfilledChunk
from pipeline.settings import load_settings
from pipeline.status import Step
from pipeline.stores.database import Database
from pipeline.stores.migrations import migrate, migrations
from pipeline.stores.postgres import PostgresStore
from pipeline.stores.reports import Reports
from tests.matter import PROJECT, axis, fill
from tests.office import TestOffice
from tests.standins.openai import OpenAIStandIn
from tests.tiny_encoder import write_encoder

Db = psycopg.Connection[tuple[object, ...]]
LEASE = timedelta(seconds=60)
OLD, NEW = ("old/1/", 384, {"embedding_model": "old"}), ("new/1/", 8, {"embedding_model": "new"})


def vectors(chunks: list[UnfilledChunk], size: int = 8) -> NDArray[np.float32]:
    rows = np.zeros((len(chunks), size), dtype=np.float32)
    rows[np.arange(len(chunks)), np.arange(len(chunks)) % size] = 1
    return rows


def filled(store: PostgresStore, space: str) -> int:
    chunks = store.take_unfilled(space, 100, LEASE)
    store.save_vectors(space, chunks, vectors(chunks))
    return len(chunks)


def dimension(db: Db) -> object:
    return (db.execute("select chunk_dimension()").fetchone() or (None,))[0]


def test_without_vectors_the_first_that_asks_decides(store: PostgresStore, db: Db) -> None:
    assert store.embeddings() == []
    first = store.open_embeddings(*OLD)
    assert (first.engine, first.dimension, first.active) == ("old/1/", 384, True)
    assert store.open_embeddings(*NEW).engine == "new/1/"
    assert dimension(db) == 8
    assert [space.engine for space in store.embeddings()] == ["new/1/"]


def test_with_vectors_the_database_decides(store: PostgresStore) -> None:
    space = store.open_embeddings(*OLD)
    fill(store)
    assert store.open_embeddings(*NEW) == space
    moved = store.open_embeddings("old/1/", 384, {"embedding_model": "/elsewhere/old"})
    assert moved == space._replace(settings={"embedding_model": "/elsewhere/old"})


def test_the_new_vectors_take_the_place_of_the_old_in_one_moment(store: PostgresStore, db: Db) -> None:
    old = store.open_embeddings(*OLD)
    fill(store)
    new = store.change_embeddings(*NEW)
    assert (new.engine, new.active) == ("new/1/", False)
    chunks, unfilled = store.embedding_progress()
    assert chunks == unfilled > 2
    assert not store.finish_embeddings(new.id)
    assert filled(store, new.id) == chunks
    assert store.embedding_progress() == (chunks, 0)
    assert [space.active for space in store.embeddings()] == [True, False]
    assert dimension(db) == 384
    assert store.finish_embeddings(new.id)
    assert store.embeddings() == [new._replace(active=True)]
    assert dimension(db) == 8
    assert not store.finish_embeddings(new.id)
    assert old.id != new.id


def test_after_a_change_the_schema_is_as_before_but_for_the_dimension(store: PostgresStore, db: Db) -> None:
    def schema() -> list[list[tuple[object, ...]]]:
        return [
            db.execute("select indexdef from pg_indexes where tablename = 'chunks' order by 1").fetchall(),
            db.execute(
                "select column_name, data_type, is_nullable from information_schema.columns"
                " where table_name = 'chunks' order by 1"
            ).fetchall(),
        ]

    before = schema()
    store.open_embeddings(*OLD)
    fill(store)
    space = store.change_embeddings(*NEW)
    assert schema() != before
    filled(store, space.id)
    store.finish_embeddings(space.id)
    assert schema() == before
    assert db.execute("select count(*) from embedding_portions").fetchone() == (0,)


def test_search_goes_on_with_the_old_vectors_and_then_with_the_new(store: PostgresStore, database_url: str) -> None:
    old = store.open_embeddings(*OLD)
    fill(store)
    database = Database(database_url)
    reports = Reports(database, PROJECT)
    (best, *_) = reports.search("", axis(1), 10, old.id)
    new = store.change_embeddings(*NEW)
    filled(store, new.id)
    assert reports.search("", axis(1), 10, old.id)[0] == best
    store.finish_embeddings(new.id)
    with pytest.raises(ServiceUnavailable) as fault:
        reports.search("", axis(1), 10, old.id)
    assert fault.value.code == "conflict"
    assert len(reports.search("", np.eye(8, dtype=np.float32)[1], 10, new.id)) > 1
    database.close()


def test_search_reads_the_new_index(store: PostgresStore, db: Db) -> None:
    store.open_embeddings(*OLD)
    fill(store)
    space = store.change_embeddings(*NEW)
    filled(store, space.id)
    store.finish_embeddings(space.id)
    db.execute("set enable_seqscan = off")
    plan = db.execute("explain select id from chunks order by embedding <=> '[1,0,0,0,0,0,0,0]'::vector limit 5").fetchall()
    assert any("chunks_embedding" in str(line) for (line,) in plan)


def test_a_passage_is_given_to_one_at_a_time_and_again_when_that_one_has_died(store: PostgresStore) -> None:
    store.open_embeddings(*OLD)
    fill(store)
    space = store.change_embeddings(*NEW)
    first = store.take_unfilled(space.id, 2, LEASE)
    rest = store.take_unfilled(space.id, 100, timedelta())
    chunks, _ = store.embedding_progress()
    assert {c.id for c in first}.isdisjoint(c.id for c in rest)
    assert len(first) + len(rest) == chunks
    assert {c.id for c in store.take_unfilled(space.id, 100, LEASE)} == {c.id for c in rest}
    assert store.take_unfilled(space.id, 100, LEASE) == []


def test_documents_that_come_meanwhile_are_taken_along(store: PostgresStore) -> None:
    store.open_embeddings(*OLD)
    fill(store)
    space = store.change_embeddings(*NEW)
    filled(store, space.id)
    fill(store, "another")
    assert not store.finish_embeddings(space.id)
    assert filled(store, space.id) > 2
    assert store.finish_embeddings(space.id)


def test_a_vector_of_a_text_that_was_changed_meanwhile_is_not_kept(store: PostgresStore, db: Db) -> None:
    store.open_embeddings(*OLD)
    matter = fill(store)
    space = store.change_embeddings(*NEW)
    chunks = store.take_unfilled(space.id, 100, LEASE)
    db.execute("update chunks set text = 'another text' where id = %s", (chunks[0].id,))
    gone = db.execute("select count(*) from chunks where document_id = %s", (matter.letter,)).fetchone() or (0,)
    store.delete([matter.letter])
    store.save_vectors(space.id, chunks, vectors(chunks))
    left, unfilled = store.embedding_progress()
    assert left == len(chunks) - int(str(gone[0]))
    assert unfilled == (1 if db.execute("select from chunks where id = %s", (chunks[0].id,)).fetchone() is not None else 0)
    filled(store, space.id)
    assert store.embedding_progress() == (left, 0)


def test_vectors_of_the_old_model_are_refused_after_the_change(store: PostgresStore) -> None:
    old = store.open_embeddings(*OLD)
    fill(store)
    space = store.change_embeddings(*NEW)
    filled(store, space.id)
    assert store.finish_embeddings(space.id)
    with pytest.raises(ServiceUnavailable) as fault:
        commit(store, [], np.zeros((0, 384), dtype=np.float32), old.id)
    assert fault.value.code == "conflict"


def commit(store: PostgresStore, chunks: list[Chunk], vectors: NDArray[np.float32], space: str | None = None) -> None:
    """Take a document as far as its chunks."""
    text = "Ada wrote to Charles."
    (document,) = store.submit("late", [Submission("late.txt", "late.txt", "late/late", 1, "late")])
    store.claim(100, 1000)
    _, lease = store.begin(document.document_id, Step.PROCESS_OCR, "e", "w")
    store.save_pages(lease, DocumentInfo("text/plain"), text, [], [], [])
    _, lease = store.begin(document.document_id, Step.CREATE_DOCUMENT_NODE, "e", "w")
    store.save_node(lease, "", "")
    _, lease = store.begin(document.document_id, Step.PROCESS_CHUNKING, "e", "w")
    store.save_chunks(lease, chunks, vectors, space)


def test_a_change_is_given_up_or_gives_way_to_another(store: PostgresStore, db: Db) -> None:
    old = store.open_embeddings(*OLD)
    fill(store)
    space = store.change_embeddings(*NEW)
    assert store.change_embeddings(*NEW) == space
    store.take_unfilled(space.id, 1, LEASE)
    third = store.change_embeddings("third/1/", 16, {})
    assert store.take_unfilled(space.id, 10, LEASE) == []
    assert [each.engine for each in store.embeddings()] == ["old/1/", "third/1/"]
    assert store.take_unfilled(third.id, 1, LEASE)
    assert store.cancel_embeddings()
    assert not store.cancel_embeddings()
    assert store.embeddings() == [old]
    assert db.execute("select count(*) from embedding_portions").fetchone() == (0,)


def test_while_chunks_are_read_the_change_waits(store: PostgresStore, database_url: str) -> None:
    store.open_embeddings(*OLD)
    fill(store)
    space = store.change_embeddings(*NEW)
    filled(store, space.id)
    with psycopg.connect(database_url) as reader:
        reader.execute("select id from chunks limit 1")
        assert not store.finish_embeddings(space.id)
    assert store.finish_embeddings(space.id)


def test_a_change_that_cannot_begin_says_why(store: PostgresStore, db: Db, database_url: str) -> None:
    store.open_embeddings(*OLD)
    fill(store)
    db.execute("alter function change_embeddings set lock_timeout = '100ms'")
    with psycopg.connect(database_url) as reader:
        reader.execute("select id from chunks limit 1")
        with pytest.raises(ServiceUnavailable, match="try it again"):
            store.change_embeddings(*NEW)
    assert [space.active for space in store.embeddings()] == [True]


def test_why_it_stands_still_is_news_once_and_forgotten_when_it_goes_on(store: PostgresStore) -> None:
    store.open_embeddings(*OLD)
    fill(store)
    space = store.change_embeddings(*NEW)
    assert store.note_embedding_fault(space.id, "No such model.")
    assert not store.note_embedding_fault(space.id, "No such model.")
    assert store.embeddings()[1].fault == "No such model."
    filled(store, space.id)
    assert store.embeddings()[1].fault == ""


def test_a_database_of_an_older_version_knows_what_its_vectors_were_made_by(empty_database_url: str) -> None:
    before = next(n for n, (name, _) in enumerate(migrations()) if name.endswith("_embeddings.sql"))
    migrate(empty_database_url, before)
    with psycopg.connect(empty_database_url, autocommit=True) as db:
        db.execute("insert into projects (id, name) values (gen_random_uuid(), 'p')")
        db.execute(
            "insert into documents (project_id, source_path, file_name, storage_key, status)"
            " select id, 'a', 'a', 'a', 'completed' from projects"
        )
        db.execute(
            "insert into chunks (id, document_id, project_id, position, start_offset, end_offset, heading, text, terms,"
            " length, embedding)"
            " select id, id, project_id, 0, 0, 1, '', 'a', '', 1, array_fill(0.1, array[384])::vector from documents"
        )
        engine = "chunking/1/max_tokens=200 + onnx-embedder/all-MiniLM-L6-v2@53aa51172d142c89/1/max_tokens=254"
        db.execute(
            "insert into document_steps (document_id, step, fingerprint, engine)"
            " select id, 'process_chunking', 'f', %s from documents", (engine,)
        )  # fmt: skip
        migrate(empty_database_url)
        database = Database(empty_database_url)
        (space,) = PostgresStore(database).embeddings()
        database.close()
        assert (space.engine, space.dimension) == (engine.partition(" + ")[2], 384)
        assert space.settings == {"embedding_engine": "onnx", "embedding_model": "all-MiniLM-L6-v2"}


@pytest.fixture
def embeddings(store: PostgresStore, tmp_path: Path) -> Callable[[str], Embeddings]:
    """As a process has it whose settings name this folder."""

    def of(model: str) -> Embeddings:
        settings = load_settings(_env_file=None, nlp_pipeline_home=tmp_path / "home", embedding_model=model)
        return Embeddings(store, settings, lambda s: OnnxEmbedder(s.embedding_model, s.models))

    return of


def test_engines_are_found_by_what_the_database_keeps(
    store: PostgresStore, embeddings: Callable[[str], Embeddings], tmp_path: Path
) -> None:
    first, second = (
        str(write_encoder(tmp_path / name, tmp_path, 32, seed)) for seed, name in enumerate(("first", "second"))
    )
    assert embeddings(first).check() is None
    space, engine = embeddings(first).writing()
    assert (space.dimension, engine.dimension) == (32, 32)
    commit(store, [Chunk(0, 0, 10)], np.eye(1, 32, dtype=np.float32))
    with pytest.raises(EmbeddingsDiffer, match="second") as fault:  # of the same length, and yet not the same
        embeddings(second).writing()
    assert fault.value.code == "dimension_mismatch"
    told, engine = embeddings(second).reading()
    assert (told, "/".join(engine.engine)) == (space, space.engine)
    coming = embeddings(second).change()
    assert embeddings(second).check() == embeddings(first).check() == space
    assert embeddings(first).fill(coming, 60)
    assert store.finish_embeddings(coming.id)
    assert embeddings(second).writing()[0].id == coming.id


def test_weights_that_changed_under_their_name_are_told_of(
    store: PostgresStore, embeddings: Callable[[str], Embeddings], tmp_path: Path
) -> None:
    folder = write_encoder(tmp_path / "first", tmp_path)
    embeddings(str(folder)).writing()
    commit(store, [Chunk(0, 0, 10)], np.eye(1, 32, dtype=np.float32))
    shutil.rmtree(folder)
    write_encoder(folder, tmp_path, seed=7)
    with pytest.raises(EmbeddingsDiffer):
        embeddings(str(folder)).writing()
    coming = embeddings(str(folder)).change()
    assert not coming.active


def test_a_moved_folder_is_the_same_model(
    store: PostgresStore, embeddings: Callable[[str], Embeddings], tmp_path: Path
) -> None:
    folder = write_encoder(tmp_path / "a" / "first", tmp_path)
    space, _ = embeddings(str(folder)).writing()
    commit(store, [Chunk(0, 0, 10)], np.eye(1, 32, dtype=np.float32))
    moved = str(shutil.move(folder, tmp_path / "first"))
    assert embeddings(moved).writing()[0].id == space.id
    assert store.embeddings()[0].settings["embedding_model"] == moved


def test_vectors_that_no_index_takes_are_refused(store: PostgresStore, tmp_path: Path) -> None:
    settings = load_settings(_env_file=None, nlp_pipeline_home=tmp_path / "home")
    with OpenAIStandIn() as standin:
        large = RemoteEmbedder(TestOffice().caller(standin), 2048)
        with pytest.raises(Misconfigured, match="2000") as fault:
            Embeddings(store, settings, lambda _: large).change()
    assert fault.value.code == "dimension_too_large"
