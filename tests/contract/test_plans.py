"""What is asked again and again reads what it answers with, however many documents there are.

No plan is looked at: the database itself counts what each transaction scans and reads, functions and triggers included.
"""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from pipeline.stores import calls, reports, watching
from pipeline.supervisor import Endpoints
from tests.servers import fresh_database

FILL = Path(__file__).parents[2] / "benchmarks" / "many_documents.sql"
PENDING, FINISHED = 20_000, 20_000
LARGE = ("documents", "document_steps", "document_processing_history", "pages")
SCANS = """
    select relname from pg_stat_xact_user_tables where relname = any (%s) and seq_scan > 0
"""
READ = """
    select pg_stat_get_xact_tuples_fetched(t.oid) + coalesce(sum(pg_stat_get_xact_tuples_returned(i.indexrelid)), 0)
    from pg_class t join pg_index i on i.indrelid = t.oid where t.relname = 'documents' group by t.oid
"""
DOCUMENT = "(select derived_id('moving', '20'))"
ASKED: dict[str, tuple[str, dict[str, object], int]] = {
    "claim one": (calls.SQL["claim"], {"limit": 1, "in_flight": 1000}, 300),
    "claim many": (calls.SQL["claim"], {"limit": 32, "in_flight": 1000}, 3000),
    "repair": (calls.SQL["repair"], {"idle": "20 s", "known": [], "limit": 100}, 300),
    "next due": (calls.SQL["next_due"], {}, 300),
    "stale graphs": (calls.SQL["stale_graphs"], {}, 300),
    "states": (reports.SQL["states"], {}, 300),
    "totals": (reports.SQL["totals"], {}, 300),
    "waiting": (reports.SQL["waiting"], {}, 300),
    "failures": (reports.SQL["failures"], {"limit": 20}, 300),
    "begin": (f"select * from begin_step({DOCUMENT}, 'process_chunking', 'e', 'w', '20 s', 3)", {}, 30),
    "renew": (f"select * from renew_lease({DOCUMENT}, 20, '20 s')", {}, 30),
    "cancel": (f"select * from cancel_documents(array[{DOCUMENT}])", {}, 30),
    "resume": (calls.SQL["resume"], {"queue": "text"}, 300),
}
# What ended within the hour is counted, and of each of the 1,000 projects a row or two is looked at.
WATCHED = {name: 600 for name in watching.SQL if name != "project"} | {
    "ended": 2000,
    "failures": 8000,
    "oldest_pending": 8000,
    "list_pending": 800,  # a hundred twice: in the index, and what is shown of them
}


@pytest.fixture(scope="module", params=["counted", "never counted"])
def url(request: pytest.FixtureRequest, endpoints: Endpoints, migrated_template: str) -> Iterator[str]:
    with fresh_database(endpoints, migrated_template) as url:
        with psycopg.connect(url, autocommit=True) as db:
            if request.param == "never counted":
                db.execute("alter table documents set (autovacuum_enabled = off)")
            for statement in FILL.read_text().split(";\n"):
                db.execute(statement.encode(), {"pending": PENDING, "finished": FINISHED})
            if request.param == "counted":
                db.execute("analyze")
        yield url


@pytest.mark.parametrize("question", ASKED)
def test_no_large_table_is_read_from_its_beginning(url: str, question: str) -> None:
    statement, values, most = ASKED[question]
    with psycopg.connect(url) as db:
        (project,) = db.execute("select id::text from projects where name = 'p0'").fetchone() or ("",)
        db.execute(statement.encode(), {**values, "project": project}).fetchall()
        assert db.execute(SCANS, (list(LARGE),)).fetchall() == []
        ((read,),) = db.execute(READ).fetchall()
        db.rollback()
    assert 0 <= read <= most


@pytest.mark.parametrize("every", [False, True], ids=["one project", "all projects"])
@pytest.mark.parametrize("question", WATCHED)
def test_nor_by_a_monitor(url: str, question: str, every: bool) -> None:  # noqa: FBT001
    with psycopg.connect(url) as db:
        for limit in watching.LIMITS:
            db.execute(limit.encode())
        (project,) = db.execute("select id::text from projects where name = 'p0'").fetchone() or ("",)
        values = {"project": None if every else project, "limit": 100, "text": "", "document": project}
        db.execute(watching.SQL[question].encode(), values, prepare=False).fetchall()
        assert db.execute(SCANS, (list(LARGE),)).fetchall() == []
        ((read,),) = db.execute(READ).fetchall()
        db.rollback()
    assert 0 <= read <= WATCHED[question]


def test_a_scan_would_be_noticed(url: str) -> None:
    with psycopg.connect(url) as db:
        db.execute("select count(text) from documents")
        assert db.execute(SCANS, (list(LARGE),)).fetchall() == [("documents",)]
        db.rollback()
