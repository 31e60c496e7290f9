"""Documents of earlier systems, and those that nobody goes on with, on the real database by each way to it."""

from datetime import timedelta
from threading import Barrier, Thread

import psycopg

from pipeline.model import DocumentId, Moving, Submission
from pipeline.status import Step
from pipeline.stores.postgres import PostgresStore

Connection = psycopg.Connection[tuple[object, ...]]
SOURCE = "old/public.papers"
DAY = timedelta(hours=24)


def rows(*ids: str) -> list[Moving]:
    return [Moving(i, "matter", f"papers/{i}/a.txt", "a.txt", f"matter/{i}", 1, f"sum {i}") for i in ids]


def test_a_row_is_moved_once_for_each_source(store: PostgresStore, db: Connection) -> None:
    first = store.move(SOURCE, rows("2", "1"))
    assert [(m.source_id, m.outcome) for m in first] == [("1", "moved"), ("2", "moved")]
    again = store.move(SOURCE, rows("1", "2", "3"))
    assert [(m.source_id, m.outcome) for m in again] == [("1", "before"), ("2", "before"), ("3", "moved")]
    assert again[:2] == [m._replace(outcome="before") for m in first]
    assert store.moved(SOURCE, ["1", "3", "4"]) == {"1", "3"}
    assert store.moved("another", ["1"]) == set()
    assert db.execute("select count(*) from documents").fetchone() == (3,)


def test_two_who_move_the_same_rows_move_each_once(store: PostgresStore, db: Connection) -> None:
    ids = [str(number) for number in range(40)]
    both, told = Barrier(2), []

    def move(order: list[str]) -> None:
        both.wait()
        for start in range(0, len(order), 10):
            told.extend(store.move(SOURCE, rows(*order[start : start + 10])))

    threads = [Thread(target=move, args=(order,)) for order in (ids, ids[::-1])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(m.outcome for m in told) == ["before"] * 40 + ["moved"] * 40
    assert db.execute("select count(*) from documents").fetchone() == (40,)


def test_what_stands_still_is_queued_again_and_who_wakes_after_all_is_refused(store: PostgresStore, db: Connection) -> None:
    names = ("alive", "dead", "waits", "parts", "quick")
    store.submit("matter", [Submission(name, name, f"matter/{name}", 1, name) for name in names])
    store.claim(10, 100)
    ids = {str(name): str(i) for name, i in db.execute("select source_path, id::text from documents").fetchall()}
    leases = {name: store.begin(DocumentId(ids[name]), Step.PROCESS_OCR, "engine/1", "worker")[1] for name in names}
    old = "update documents set updated_at = now() - interval '2 days'"
    db.execute(f"{old} where source_path <> 'quick'".encode())
    db.execute(f"{old}, lease_until = now() - interval '2 days' where source_path = 'dead'".encode())
    db.execute(f"{old}, lease_until = null, not_before = now() + interval '1 hour' where source_path = 'waits'".encode())
    db.execute(f"{old}, lease_until = null, status = 'processing_chunks' where source_path = 'parts'".encode())
    db.execute(
        "insert into document_parts (document_id, number, first_page, last_page, lease_until) values (%s, 1, 1, 9, now())",
        (ids["parts"],),
    )
    assert store.stalled("matter", DAY) == [ids["dead"]]
    assert store.stalled("another", DAY) == []
    everything = [DocumentId(document) for document in ids.values()]
    outcomes = {handled.source_path: handled.outcome for handled in store.restart_stalled(everything, DAY)}
    assert outcomes == {name: "queued" if name == "dead" else "on_its_way" for name in names}
    assert not store.renew(leases["dead"])
    assert store.renew(leases["alive"])
    assert db.execute("select status::text from documents where source_path = 'dead'").fetchone() == ("pending",)
