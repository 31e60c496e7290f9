"""Paid answers in the database: what outlives the broker, and what goes with its documents."""

import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta

import pytest

from pipeline.endpoints import Endpoints
from pipeline.errors import Outage
from pipeline.model import DocumentId, Submission
from pipeline.ports import Charge, charging
from pipeline.stores.answers import MemoryAnswers
from pipeline.stores.database import Database
from pipeline.stores.kept_answers import KeptAnswers
from pipeline.stores.postgres import PostgresStore
from tests.contract.test_meter import Db, away

ODD = 'a "quoted" \0 line\n🍊 and half a sign \ud83d'


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    with closing(Database(database_url, patience=0.5)) as database:
        yield database


def answers(database: Database) -> KeptAnswers:
    """As a process has them that knows nothing of others."""
    return KeptAnswers(database, MemoryAnswers())


def document(store: PostgresStore, path: str, content: str = "c") -> DocumentId:
    [submitted] = store.submit("matter", [Submission(path, path, path, 1, content)])
    return submitted.document_id


def test_they_outlive_the_broker(database: Database) -> None:
    answers(database).put({"a": ODD, "b": ""})
    assert answers(database).get(["a", "b", "c"]) == {"a": ODD, "b": ""}
    with answers(database).turn("a") as known:
        assert known == ODD


def test_they_go_with_the_last_document_that_asked(database: Database, store: PostgresStore) -> None:
    one, other = document(store, "one"), document(store, "other")
    with charging(Charge(one)):
        answers(database).put({"shared": "1", "own": "2"})
    with charging(Charge(other)), answers(database).turn("shared") as known:
        assert known == "1"
    answers(database).put({"nobody's": "3"})
    store.delete([one])
    assert answers(database).get(["shared", "own", "nobody's"]) == {"shared": "1", "nobody's": "3"}
    store.delete([other])
    assert answers(database).get(["shared", "own", "nobody's"]) == {"nobody's": "3"}


def test_they_go_with_the_content(database: Database, store: PostgresStore) -> None:
    with charging(Charge(document(store, "one", "old"))):
        answers(database).put({"a": "1"})
    store.reprocess([document(store, "one", "old")])
    assert answers(database).get(["a"])
    document(store, "one", "new")
    assert answers(database).get(["a"]) == {}


def test_what_a_deleted_document_asked_for_is_not_kept(database: Database, store: PostgresStore) -> None:
    one = document(store, "one")
    with charging(Charge(one)):
        store.delete([one])
        answers(database).put({"a": "1"})
        assert answers(database).get(["a"]) == {}


def test_what_nobody_asks_for_goes_in_time(database: Database, store: PostgresStore, db: Db) -> None:
    week = KeptAnswers(database, MemoryAnswers(), timedelta(days=7))
    week.put({"a": "1", "b": "2"})
    db.execute("update paid_answers set keep_until = keep_until - interval '6 days 23 hours'")
    assert week.get(["a"])
    db.execute("update paid_answers set keep_until = keep_until - interval '2 hours'")
    store.unused_files()
    assert week.get(["a", "b"]) == {"a": "1"}


def test_what_was_paid_is_kept_when_the_database_is_back(
    endpoints: Endpoints, database_url: str, database: Database, store: PostgresStore
) -> None:
    with charging(Charge(document(store, "one"))):
        with answers(database).turn("a") as known, away(endpoints, database_url):
            assert known is None
            answers(database).put({"a": "1"})
            with pytest.raises(Outage):
                answers(database).get(["a"])
        pause = threading.Event()
        for _ in range(300):
            if found := answers(database).get(["a"]):
                break
            pause.wait(0.1)
    assert found == {"a": "1"}
