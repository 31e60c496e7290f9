"""One worker at a time writes a project's part of the graph: the contract of ``ports.DocumentStore`` on turns."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import timedelta
from threading import Event

import psycopg
import pytest

from pipeline.errors import NotReady
from pipeline.model import DocumentId, Lease, Verdict
from pipeline.status import Family, Step
from pipeline.stores import graph_turns
from pipeline.stores.database import Database
from pipeline.stores.postgres import PostgresStore
from tests.matter import Matter, fill

Db = psycopg.Connection[tuple[object, ...]]
WORKER = "w@host/1"


@pytest.fixture
def matter(db: Db, store: PostgresStore) -> Matter:
    """Documents of which two are to be told to the graph again, and nothing else is."""
    matter = fill(store)
    store.reprocess([matter.letter, matter.mail], Family.GRAPH)
    store.claim(100, 1000)
    with store.graph_refreshing(project_of(db)):
        pass
    return matter


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graph_turns, "PATIENCE", 0.1)


@pytest.fixture
def brief(database_url: str) -> Iterator[PostgresStore]:
    """A store whose turns and leases last for a second."""
    database = Database(database_url)
    yield PostgresStore(database, lease=timedelta(seconds=1))
    database.close()


def project_of(db: Db) -> str:
    ((project,),) = db.execute("select id::text from projects").fetchall()
    return str(project)


def ready(store: PostgresStore, document: DocumentId, worker: str = WORKER) -> Lease:
    for step in (
        Step.PROCESS_OCR,
        Step.CREATE_DOCUMENT_NODE,
        Step.PROCESS_CHUNKING,
        Step.EXTRACT_ENTITIES,
        Step.RESOLVE_ENTITIES,
    ):
        assert store.begin(document, step, "engine/1", worker)[0] is Verdict.DONE
    verdict, lease = store.begin(document, Step.BUILD_RELATIONSHIPS, "engine/1", worker)
    assert verdict is Verdict.RUN
    return lease


def notes(db: Db) -> list[tuple[object, ...]]:
    tables = ("graph_changes", "graph_touched", "graph_outdated")
    return db.execute(f"select {', '.join(f'(select count(*) from {table})' for table in tables)}".encode()).fetchall()


def test_the_next_waits_until_the_turn_is_ended(store: PostgresStore, matter: Matter) -> None:
    one, other = ready(store, matter.letter), ready(store, matter.mail)
    writing = Event()

    def second() -> bool:
        with store.graph_writing(other):
            return writing.is_set()

    with ThreadPoolExecutor(1) as threads:
        with store.graph_writing(one):
            waits = threads.submit(second)
            with pytest.raises(TimeoutError):
                waits.result(0.3)
            writing.set()
        assert waits.result(30)


def test_another_project_does_not_wait(store: PostgresStore, matter: Matter) -> None:
    other = fill(store, "other")
    store.reprocess([other.letter], Family.GRAPH)
    store.claim(100, 1000)
    with store.graph_writing(ready(store, matter.letter)), store.graph_writing(ready(store, other.letter)) as work:
        assert [part.document.id for part in work.parts] == [other.letter]


@pytest.mark.usefixtures("impatient")
def test_who_waits_for_long_does_something_else_and_has_no_try_less(db: Db, store: PostgresStore, matter: Matter) -> None:
    lease = ready(store, matter.mail)
    with store.graph_writing(ready(store, matter.letter)):
        with pytest.raises(NotReady, match="write the project's part"), store.graph_writing(lease):
            pytest.fail("two write at once")
        with pytest.raises(NotReady), store.graph_refreshing(project_of(db)):
            pytest.fail("two write at once")


@pytest.mark.usefixtures("impatient")
def test_a_turn_that_takes_long_is_kept(brief: PostgresStore, store: PostgresStore, matter: Matter) -> None:
    other = ready(store, matter.mail)
    with brief.graph_writing(ready(brief, matter.letter)):
        Event().wait(2)
        with pytest.raises(NotReady), store.graph_writing(other):
            pytest.fail("two write at once")


@pytest.mark.usefixtures("impatient")
def test_who_died_with_the_turn_is_waited_for_no_longer_than_it_lasts(db: Db, store: PostgresStore, matter: Matter) -> None:
    taken = "select take_refresh_turn(%s, 'gone@host/7', 'x', interval '20 s', 10)"
    project, lease = project_of(db), ready(store, matter.letter)
    db.execute(taken, [project])
    with pytest.raises(NotReady), store.graph_writing(lease):
        pytest.fail("two write at once")
    db.execute("update graph_turns set until = now() - interval '1 ms'")
    with store.graph_writing(lease) as work:
        assert len(work.parts) == 1
    for told in (lambda: store.report_crash(matter.mail, 0, "gone@host/7"), lambda: store.release_all("gone@host")):
        db.execute(taken, [project])
        told()
        with store.graph_writing(lease) as work:
            assert len(work.parts) == 1


def test_a_wish_whose_answer_was_lost_gets_the_turn_that_it_has(db: Db, store: PostgresStore, matter: Matter) -> None:
    lease = ready(store, matter.letter)
    asked = "select take_graph_turn(%s, %s, interval '20 s', 64) ->> 'turn'"
    assert db.execute(asked, [lease.document_id, lease.token]).fetchall() != [(None,)]
    with store.graph_writing(lease) as work:
        assert len(work.parts) == 1


def test_what_was_written_without_the_turn_is_told_again(db: Db, store: PostgresStore, matter: Matter) -> None:
    lease, other = ready(store, matter.letter), ready(store, matter.mail)
    db.execute("insert into graph_changes (project_id, entity_id) select project_id, id from entities")
    with ExitStack() as late:
        stale = late.enter_context(store.graph_writing(lease))
        db.execute("update graph_turns set until = now() - interval '1 ms'")
        with store.graph_writing(other) as newer:
            assert newer.figures.entities
        assert notes(db) == [(0, 0, 0)]
        # Only now does the first one write what it read before the other.
        assert stale.change.entities != newer.change.entities
        with pytest.raises(NotReady, match="meanwhile"):
            late.close()
    ((changes, _, outdated),) = notes(db)
    assert (changes, outdated) == (len(stale.change.entities) + len(stale.change.gone), 1)
    with store.graph_refreshing(project_of(db)) as work:
        assert work.change == newer.change
        assert [part.document.id for part in work.parts] == [matter.letter]
        assert {entity.id for entity in work.figures.entities} >= {entity.id for entity in work.parts[0].entities}
    assert notes(db) == [(0, 0, 0)]


def test_what_was_not_written_is_told_to_the_next(db: Db, store: PostgresStore, matter: Matter) -> None:
    lease = ready(store, matter.letter)
    db.execute("insert into graph_changes (project_id, entity_id) select project_id, id from entities")
    with pytest.raises(OSError, match="away"), store.graph_writing(lease) as first:
        raise OSError("away")
    with store.graph_writing(ready(store, matter.mail)) as work:
        assert [entity.id for entity in work.change.entities] == [entity.id for entity in first.change.entities]
    ((changes, _, outdated),) = notes(db)
    assert (changes, outdated) == (0, 0)


def test_many_changes_are_told_in_several_turns(db: Db, store: PostgresStore, matter: Matter) -> None:
    project = project_of(db)
    db.execute("delete from graph_touched")
    db.execute(
        "insert into graph_changes (project_id, entity_id) select %s, gen_random_uuid() from generate_series(1, 1500)",
        (project,),
    )
    store.cancel([matter.letter, matter.mail])
    with store.graph_refreshing(project) as work:
        assert (len(work.change.gone), work.more) == (1000, True)
    db.execute("delete from graph_outdated; update projects set graph_asked_at = null")
    assert store.stale_graphs() == [project], "what is left is asked for"
    with store.graph_refreshing(project) as work:
        assert (len(work.change.gone), work.more) == (500, False)
        db.execute("update projects set graph_asked_at = null")
        assert store.stale_graphs() == [], "nobody is asked to wait for a turn that somebody has"
    assert db.execute("select count(*) from graph_changes").fetchall() == [(0,)]
