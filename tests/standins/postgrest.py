"""A stand-in of PostgREST, as Supabase puts it before a database: functions of the real PostgreSQL, in the caller's role.

Its answers, error bodies and status codes are those of PostgREST's documentation.
"""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg import sql
from psycopg_pool import ConnectionPool

from tests.standins.server import Handler, serving

SECRET = b"a secret of forty characters that signs it"
ROLES = ("anon", "authenticated", "service_role")
FUNCTION = """
    select p.oid, p.proargnames, p.proargmodes::text[], array(select format_type(t, null) from unnest(p.proargtypes) t),
           p.pronargdefaults, p.proretset, p.prorettype = 'void'::regtype, t.typtype = 'c' or p.proargmodes is not null
    from pg_proc p join pg_type t on t.oid = p.prorettype
    where p.proname = %s and p.pronamespace = 'public'::regnamespace
"""


def signed(role: str, secret: bytes = SECRET) -> str:
    """A key as Supabase gives it: a token that names a role."""
    parts = [json.dumps(part).encode() for part in ({"alg": "HS256", "typ": "JWT"}, {"role": role, "exp": 4_000_000_000})]
    head = b".".join(base64.urlsafe_b64encode(part).rstrip(b"=") for part in parts)
    return f"{head.decode()}.{_signature(head, secret)}"


def _signature(head: bytes, secret: bytes) -> str:
    return base64.urlsafe_b64encode(hmac.digest(secret, head, hashlib.sha256)).rstrip(b"=").decode()


@dataclass
class PostgRest:
    """What it does, and how it is to fail next."""

    pool: ConnectionPool
    url: str = ""
    most_rows: int = 1000
    statement_timeout: str = "0"
    delay: float = 0.0
    retry_after: str = "7"  # seconds, said with 429
    refusals: list[tuple[int, dict[str, str]]] = field(default_factory=list)  # answers given in place of the next calls
    dropped_before: int = 0  # so many next calls are not run, and have no answer
    dropped_after: int = 0  # so many next calls are run, and have no answer
    calls: list[str] = field(default_factory=list)


class Refused(Exception):
    """An answer that is an error, with its body."""

    def __init__(self, status: int, body: Mapping[str, str | None]) -> None:
        super().__init__(status)
        self.status, self.body = status, body


def fault(code: str, message: str, details: str | None = None) -> dict[str, str | None]:
    """An error's body as PostgREST writes it."""
    return {"code": code, "message": message, "details": details, "hint": None}


@contextmanager
def postgrest(database_url: str) -> Iterator[PostgRest]:
    """It in front of this database, as a role that may take on the three others."""
    with psycopg.connect(database_url, autocommit=True) as db:
        make_roles(db)
    with ConnectionPool(database_url, min_size=1, max_size=8, kwargs={"autocommit": True}) as pool:
        service = PostgRest(pool)

        class Speaking(_Speaking):
            rest = service

        with serving(Speaking) as url:
            service.url = url
            yield service


def make_roles(db: psycopg.Connection[Any]) -> None:
    """The roles of a Supabase project, with its default privileges: whatever is made is open to all three."""
    with db.transaction():
        db.execute("select pg_advisory_xact_lock(hashtext('roles'))")
        for role in ROLES:
            if not db.execute("select 1 from pg_roles where rolname = %s", [role]).fetchone():
                bypass = "bypassrls" if role == "service_role" else "nobypassrls"
                db.execute(sql.SQL("create role {} nologin {}").format(sql.Identifier(role), sql.SQL(bypass)))
        db.execute("grant usage on schema public to anon, authenticated, service_role")
        for kind in ("tables", "functions", "sequences"):
            db.execute(f"grant all on all {kind} in schema public to {', '.join(ROLES)}".encode())


class _Speaking(Handler):
    rest: PostgRest

    def do_POST(self) -> None:
        body = self.body()
        try:
            answer = self._answer(body)
        except Refused as refused:
            self._say(refused.status, refused.body)
            return
        if answer is None:
            self.close_connection = True
            return
        status, content = answer
        self.answer(status, content, Content_Type="application/json")

    def _answer(self, body: bytes) -> tuple[int, bytes] | None:
        rest = self.rest
        time.sleep(rest.delay)
        if rest.dropped_before:
            rest.dropped_before -= 1
            return None
        if rest.refusals:
            status, said = rest.refusals.pop(0)
            raise Refused(status, said)
        role = self._role()
        if not self.path.startswith("/rest/v1/rpc/"):
            raise Refused(404, fault("PGRST125", "Invalid path specified in request URL"))
        name = self.path.removeprefix("/rest/v1/rpc/")
        rest.calls.append(name)
        answer = _called(rest, role, name, json.loads(body or b"{}"))
        if rest.dropped_after:
            rest.dropped_after -= 1
            return None
        return answer

    def _role(self) -> str:
        key, bearer = self.headers.get("apikey", ""), self.headers.get("Authorization", "").removeprefix("Bearer ")
        if not key:
            raise Refused(401, {"message": "No API key found in request"})
        head, _, signature = bearer.rpartition(".")
        if not hmac.compare_digest(signature, _signature(head.encode(), SECRET)):
            raise Refused(401, fault("PGRST301", "No suitable key or wrong key type"))
        part = head.partition(".")[2]
        return str(json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))["role"])

    def _say(self, status: int, body: object) -> None:
        headers = {"Content_Type": "application/json"} | ({"Retry_After": self.rest.retry_after} if status == 429 else {})
        self.answer(status, json.dumps(body).encode(), **headers)


def _called(rest: PostgRest, role: str, name: str, arguments: dict[str, object]) -> tuple[int, bytes]:
    try:
        with rest.pool.connection() as db, db.transaction():
            db.execute(sql.SQL("set local role {}").format(sql.Identifier(role)))
            db.execute("select set_config('statement_timeout', %s, true)", [rest.statement_timeout])
            return _run(rest, db, name, arguments)
    except psycopg.Error as wrong:
        state, said = wrong.sqlstate or "08000", wrong.diag
        raise Refused(_status(state, role), fault(state, said.message_primary or "", said.message_detail)) from None


def _run(rest: PostgRest, db: psycopg.Connection[Any], name: str, arguments: dict[str, object]) -> tuple[int, bytes]:
    for _, names, modes, types, defaults, many, void, record in db.execute(FUNCTION, [name]).fetchall():
        given = [n for n, mode in zip(names or [], modes or "i" * len(names or []), strict=True) if mode == "i"]
        needed = given[: len(given) - defaults]
        if not set(needed) <= set(arguments) <= set(given):
            continue
        kinds = dict(zip(given, types, strict=True))
        columns = ", ".join(f"{n} {kinds[n]}" for n in arguments)
        passed = ", ".join(f"{n} => a.{n}" for n in arguments)
        source = f"json_to_record(%(body)s::json) as a ({columns})" if arguments else "(values (1)) a"
        call = f"{name}({passed})"
        if many:
            column = "to_json(t.r)" if record else f"to_json(t.{name})"
            inner = f"select r from {source}, {call} r limit {rest.most_rows}" if record else (
                f"select {name} from {source}, {call} {name} limit {rest.most_rows}")  # fmt: skip
            query = f"select coalesce(json_agg({column}), '[]')::text from ({inner}) t"
        else:
            query = f"select to_json({call})::text from {source}"
        ((content,),) = db.execute(query.encode(), {"body": json.dumps(arguments)}).fetchall()
        return (204, b"") if void else (200, (content or "null").encode())
    raise Refused(404, fault("PGRST202", f"Could not find the function public.{name} in the schema cache"))


def _status(state: str, role: str) -> int:
    """As PostgREST's documentation maps SQLSTATE to HTTP."""
    if state == "42501":
        return 401 if role == "anon" else 403
    exact = {"23503": 409, "23505": 409, "25006": 405, "42883": 404, "42P01": 404, "57P01": 503, "P0001": 400}
    forbidden, away = {"0L", "0P", "28"}, {"08", "53"}
    at_fault = {"09", "25", "2D", "38", "39", "3B", "40", "54", "55", "57", "58", "F0", "HV", "P0", "XX"}
    kind = state[:2]
    return exact.get(state) or (403 if kind in forbidden else 503 if kind in away else 500 if kind in at_fault else 400)
