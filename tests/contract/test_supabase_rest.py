"""The store over Supabase's REST interface: who may do what, and what its refusals and silences mean."""

from collections.abc import Iterator
from contextlib import closing

import httpx
import psycopg
import pytest

from pipeline.errors import LeaseLost, Misconfigured, Outage, PipelineError, ServiceUnavailable, Throttled
from pipeline.model import DocumentId, Selection, Submission
from pipeline.status import Step
from pipeline.stores.migrations import migrate
from pipeline.stores.postgres import PostgresStore
from pipeline.stores.supabase_calls import SupabaseCalls
from pipeline.stores.supabase_setup import supabase_migrations
from tests.standins.postgrest import PostgRest, make_roles, postgrest, signed

Db = psycopg.Connection[tuple[object, ...]]
OURS = "pronamespace = 'public'::regnamespace and not exists (select from pg_depend where objid = p.oid and deptype = 'e')"
SCHEMA = """
    select 'column', table_name || '.' || column_name, data_type || coalesce(column_default, '')
    from information_schema.columns where table_schema = 'public' and table_name <> 'schema_migrations'
    union all
    select 'function', p.oid::regprocedure::text, md5(prosrc) || prosecdef from pg_proc p
    where pronamespace = 'public'::regnamespace and not exists (select from pg_depend where objid = p.oid and deptype = 'e')
    union all
    select 'index', indexname, indexdef from pg_indexes where schemaname = 'public' and tablename <> 'schema_migrations'
    union all
    select 'trigger', tgname, pg_get_triggerdef(oid) from pg_trigger where not tgisinternal
    order by 1, 2
"""


@pytest.fixture
def store(rest: PostgRest) -> Iterator[PostgresStore]:
    with closing(SupabaseCalls(rest.url, signed("service_role"))) as calls:
        calls._pause = 0
        yield PostgresStore(calls)


def queued(store: PostgresStore, number: int = 1) -> list[DocumentId]:
    files = [Submission(f"{n}.txt", f"{n}.txt", f"matter/{n}", 1, str(n)) for n in range(number)]
    return [submitted.document_id for submitted in store.submit("matter", files)]


def asked(rest: PostgRest, key: str, function: str, arguments: dict[str, object] | None = None) -> httpx.Response:
    headers = {"apikey": key, "Authorization": f"Bearer {key}"}
    return httpx.post(f"{rest.url}/rest/v1/rpc/{function}", headers=headers, json=arguments or {})


@pytest.mark.parametrize(("role", "status"), [("anon", 401), ("authenticated", 403)])
def test_the_public_key_opens_nothing(db: Db, rest: PostgRest, role: str, status: int) -> None:
    key = signed(role)
    assert asked(rest, signed("service_role"), "next_due").status_code == 200
    refused = asked(rest, key, "next_due")
    assert (refused.status_code, refused.json()["code"]) == (status, "42501")
    with pytest.raises(Misconfigured, match="service role") as fault, closing(SupabaseCalls(rest.url, key)) as calls:
        queued(PostgresStore(calls))
    assert fault.value.code == "wrong_key"
    may = f"select count(*) from pg_proc p where {OURS} and has_function_privilege('{role}', p.oid, 'execute')"
    assert db.execute(may.encode()).fetchall() == [(0,)]
    rights = (
        f"select count(*) from information_schema.role_table_grants where grantee = '{role}' and table_schema = 'public'"
    )
    assert db.execute(rights.encode()).fetchall() == [(0,)]


@pytest.mark.parametrize("role", ["anon", "authenticated"])
def test_rows_are_kept_from_a_role_that_was_given_the_tables(db: Db, store: PostgresStore, role: str) -> None:
    queued(store)
    tables = [str(t) for (t,) in db.execute("select tablename from pg_tables where schemaname = 'public'").fetchall()]
    assert len(tables) > 20
    with db.transaction(force_rollback=True):
        db.execute(f"grant select on all tables in schema public to {role}".encode())
        db.execute(f"set local role {role}".encode())
        assert [t for t in tables if db.execute(f"select 1 from {t} limit 1".encode()).fetchall()] == []
    with db.transaction(force_rollback=True):
        db.execute("set local role service_role")
        assert db.execute("select count(*) from documents").fetchall() == [(1,)]


def test_a_stolen_or_broken_key_is_told(rest: PostgRest) -> None:
    for key in (signed("service_role", b"another secret of forty characters here"), "x.y.z"):
        with pytest.raises(Misconfigured) as fault, closing(SupabaseCalls(rest.url, key)) as calls:
            PostgresStore(calls).next_due()
        assert fault.value.code in {"wrong_key", "wrong_url"}
        assert key not in str(fault.value)


def test_a_project_without_our_migrations_is_told(empty_database_url: str) -> None:
    with postgrest(empty_database_url) as rest, closing(SupabaseCalls(rest.url, signed("service_role"))) as calls:
        store = PostgresStore(calls)
        with pytest.raises(Misconfigured, match="migrations"):
            store.next_due()


REFUSALS: list[tuple[int, dict[str, str], type[PipelineError]]] = [
    (429, {"message": "API rate limit exceeded"}, Throttled),
    (503, {"code": "PGRST000", "message": "Could not connect with the database"}, Outage),
    (504, {"code": "PGRST003", "message": "Timed out acquiring connection from connection pool."}, Outage),
    (503, {"code": "57P01", "message": "terminating connection"}, Outage),
    (502, {}, Outage),
    (500, {"code": "40001", "message": "could not serialize access"}, ServiceUnavailable),
    (409, {"code": "23503", "message": "violates foreign key constraint"}, ServiceUnavailable),
    (400, {"code": "NL001", "message": "the lease was lost"}, LeaseLost),
    (400, {"code": "22P02", "message": "invalid input"}, PipelineError),
]


@pytest.mark.parametrize(("status", "body", "meant"), REFUSALS)
def test_what_refusals_mean(
    rest: PostgRest, store: PostgresStore, status: int, body: dict[str, str], meant: type[PipelineError]
) -> None:
    rest.refusals.append((status, body))
    with pytest.raises(PipelineError) as fault:
        store.next_due()
    assert type(fault.value) is meant
    if isinstance(fault.value, Throttled):
        assert fault.value.retry_after == 7
    assert store.next_due() is None


def test_a_call_that_takes_too_long_is_no_outage(rest: PostgRest, store: PostgresStore) -> None:
    rest.statement_timeout = "1ms"
    with pytest.raises(ServiceUnavailable) as fault:
        queued(store, 300)
    assert fault.value.code == "timeout"


def test_an_answer_that_is_lost_is_asked_for_again(rest: PostgRest, store: PostgresStore) -> None:
    (document,) = queued(store)
    store.claim(1, 1)
    rest.dropped_before = 1
    _, lease = store.begin(document, Step.PROCESS_OCR, "e/1", "w@host/1")
    rest.dropped_after = 1
    assert store.renew(lease)
    assert rest.calls[-2:] == ["renew_lease", "renew_lease"]
    rest.dropped_after = 1
    with pytest.raises(LeaseLost):  # it was committed: who asks again has the lease no more
        store.fail(lease, "encrypted", "It is encrypted.", None, 0)


def test_a_commit_is_not_lost_to_a_moment_of_refusals(rest: PostgRest, store: PostgresStore) -> None:
    (document,) = queued(store)
    store.claim(1, 1)
    _, lease = store.begin(document, Step.PROCESS_OCR, "e/1", "w@host/1")
    rest.retry_after = "0"
    rest.refusals += [(429, {"message": "API rate limit exceeded"}), (503, {"code": "PGRST000", "message": "no connection"})]
    assert store.fail(lease, "encrypted", "It is encrypted.", None, 0) is False
    assert rest.refusals == []


def test_a_project_that_cannot_be_reached_is_an_outage(rest: PostgRest, store: PostgresStore) -> None:
    rest.dropped_before = 2
    with pytest.raises(Outage):
        store.next_due()
    with pytest.raises(Outage), closing(SupabaseCalls("http://127.0.0.1:9", signed("service_role"))) as calls:
        PostgresStore(calls).next_due()


def test_nothing_is_cut_off_by_the_limit_of_rows(rest: PostgRest, store: PostgresStore) -> None:
    documents = queued(store, 40)
    rest.most_rows = 10
    assert len(store.select(Selection("matter"))) == len(documents)


def test_the_folder_of_the_supabase_tool_makes_the_same_database(database_url: str, empty_database_url: str) -> None:
    with psycopg.connect(empty_database_url, autocommit=True) as db:
        make_roles(db)
        for text in supabase_migrations().values():
            db.execute(text.encode())
        made = db.execute(SCHEMA).fetchall()
        open_to = f"select count(*) from pg_proc p where {OURS} and has_function_privilege('anon', p.oid, 'execute')"
        assert db.execute(open_to.encode()).fetchall() == [(0,)]
    with psycopg.connect(database_url) as db:
        assert db.execute(SCHEMA).fetchall() == made
    assert (migrate(database_url), migrate(empty_database_url)) == ([], [])
