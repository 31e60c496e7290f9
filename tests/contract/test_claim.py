"""Which documents go next: priority, then turns, whoever else is at work."""

import psycopg

from pipeline.model import Submission
from pipeline.stores.postgres import PostgresStore

Connection = psycopg.Connection[tuple[object, ...]]


def queue(store: PostgresStore, project: str, documents: int) -> None:
    store.submit(project, [Submission(f"{n:04d}", "a.txt", f"{project}/{n}", 1, str(n)) for n in range(documents)])


def claim(store: PostgresStore, db: Connection, limit: int, in_flight: int) -> list[str]:
    """Projects of the documents that were claimed."""
    claimed = [due.document_id for due in store.claim(limit, in_flight)]
    rows = db.execute(
        "select p.name from documents d join projects p on p.id = d.project_id where d.id = any (%s::uuid[])", (claimed,)
    )
    return sorted(str(name) for (name,) in rows)


def end_all(db: Connection) -> None:
    db.execute("select end_with_error(id, 'x', 'x') from documents where status = 'queued'")


def test_with_one_place_every_project_has_its_turn_before_any_has_a_second(store: PostgresStore, db: Connection) -> None:
    names = [f"p{n}" for n in range(12)]
    for name in names:
        queue(store, name, 3)
    for _ in range(3):
        turns = []
        for _ in names:
            turns += claim(store, db, 100, 1)
            end_all(db)
        assert sorted(turns) == sorted(names)


def test_a_large_project_does_not_hold_up_the_one_that_comes_after(store: PostgresStore, db: Connection) -> None:
    queue(store, "large", 500)
    assert claim(store, db, 100, 8) == ["large"] * 8
    queue(store, "small", 3)
    db.execute("select end_with_error(id, 'x', 'x') from (select id from documents where status = 'queued' limit 3) d")
    assert claim(store, db, 100, 8) == ["small"] * 3


def test_places_are_shared_by_what_is_on_its_way(store: PostgresStore, db: Connection) -> None:
    queue(store, "a", 50)
    queue(store, "b", 50)
    queue(store, "c", 1)
    assert claim(store, db, 100, 9) == ["a"] * 4 + ["b"] * 4 + ["c"]


def test_priority_goes_before_turns_in_all_projects(store: PostgresStore, db: Connection) -> None:
    queue(store, "a", 5)
    queue(store, "b", 5)
    db.execute("update documents set priority = 9 where storage_key in ('b/2', 'b/3', 'b/4')")
    assert claim(store, db, 100, 3) == ["b", "b", "b"]
    assert claim(store, db, 100, 5) == ["a", "a"]


def test_what_another_transaction_holds_is_passed_over(database_url: str, store: PostgresStore, db: Connection) -> None:
    queue(store, "a", 3)
    queue(store, "b", 1)
    with psycopg.connect(database_url) as other:
        other.execute("select id from documents where storage_key in ('a/0', 'a/1', 'a/2') for update")
        assert claim(store, db, 1, 10) == ["b"]
        assert claim(store, db, 100, 10) == []
    assert claim(store, db, 100, 10) == ["a"] * 3


def test_a_thousand_projects_of_which_few_have_documents_waiting(store: PostgresStore, db: Connection) -> None:
    db.execute("select ensure_project('empty ' || n) from generate_series(1, 1000) n")
    queue(store, "a", 40)
    queue(store, "b", 40)
    assert claim(store, db, 100, 20) == ["a"] * 10 + ["b"] * 10


def test_counts_are_folded_into_one_row_a_state(store: PostgresStore, db: Connection) -> None:
    queue(store, "a", 20)
    claim(store, db, 5, 5)
    end_all(db)
    claim(store, db, 0, 100)
    rows = db.execute(
        "select status::text, sum(documents)::integer, count(*) from document_counts where folded group by status order by 1"
    )
    assert rows.fetchall() == [("error", 5, 1), ("pending", 15, 1)]
    assert db.execute("select count(*) from document_counts where not folded").fetchall() == [(0,)]
