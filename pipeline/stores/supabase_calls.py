"""The database over Supabase's REST interface: each call is a request ``POST /rest/v1/rpc/function``."""

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

from psycopg.types.json import Jsonb

from pipeline.errors import Misconfigured, Outage, PipelineError, ServiceUnavailable, Throttled
from pipeline.stores.calls import DATABASE_AWAY, Calls, Rows, call, translated

if TYPE_CHECKING:
    import httpx

    from supabase import Client

CONNECT_SECONDS, SECONDS = 5, 320
"""The second is for an answer: longer than the database lets a call run (``sql/supabase.sql``)."""
CONNECTIONS = 20
RETRY_AFTER = 5.0  # seconds, where it asks to slow down and does not say for how long
NO_CONNECTION = "PGRST00"  # the REST interface itself cannot reach the database
NO_FUNCTION, NO_TABLE = ("PGRST202", "42883"), "42P01"
TIMEOUT = "57014"


class SupabaseCalls(Calls):
    """Implements ``Calls`` with the project's own client.

    Args:
        url: of the Supabase project.
        key: of its service role, or a secret key; other roles may do nothing.

    Raises:
        Misconfigured: from every method: the package is missing, or URL, key or migrations are wrong.
    """

    _pause = 15.0

    def __init__(self, url: str, key: str) -> None:
        self._url = url
        self._key = key
        self._lock = threading.Lock()

    def rows(self, statement: str, **values: object) -> Rows:
        """See ``Calls``; once more if the connection broke."""
        try:
            return self._rows(statement, values)
        except ConnectionBroken:
            return self._rows(statement, values)

    def close(self) -> None:
        """Close all connections."""
        if "_connections" in self.__dict__:
            self._connections.close()

    def _rows(self, statement: str, values: Mapping[str, object]) -> Rows:
        called = call(statement)
        arguments = {parameter: plain(values[name]) for parameter, name in called.arguments.items()}
        with self._lock:
            client = self._client
        with _failures():
            data: Any = client.rpc(called.function, arguments).execute().data
        if not called.columns:
            return [(data,)]
        return [tuple(row[c] for c in called.columns) if isinstance(row, dict) else (row,) for row in data]

    @cached_property
    def _client(self) -> "Client":
        try:
            from supabase import ClientOptions, create_client
        except ImportError:
            raise Misconfigured("supabase is not installed: pip install 'nlp-pipeline[supabase]'", "not_installed") from None
        options = ClientOptions(auto_refresh_token=False, persist_session=False, httpx_client=self._connections)
        try:
            return create_client(self._url, self._key, options)
        except Exception as fault:
            if type(fault).__name__ != "SupabaseException":
                raise
            raise Misconfigured("SUPABASE_URL or SUPABASE_KEY is none.", "wrong_url") from fault

    @cached_property
    def _connections(self) -> "httpx.Client":
        import httpx

        return httpx.Client(
            timeout=httpx.Timeout(SECONDS, connect=CONNECT_SECONDS),
            limits=httpx.Limits(max_connections=CONNECTIONS),
            event_hooks={"response": [_refuse]},  # the client's own errors know neither status nor headers
        )


class ConnectionBroken(Outage):
    """The connection broke before the answer was there."""


def plain(value: object) -> object:
    """A value as JSON has it."""
    if isinstance(value, timedelta):
        return f"{value.total_seconds():f} s"
    return value.obj if isinstance(value, Jsonb) else value


@contextmanager
def _failures() -> Iterator[None]:
    import httpx

    try:
        yield
    except (httpx.UnsupportedProtocol, httpx.InvalidURL, UnicodeError):
        raise Misconfigured("SUPABASE_URL is not the address of a Supabase project.", "wrong_url") from None
    except httpx.TimeoutException as fault:
        raise Outage("Supabase does not answer.") from fault
    except httpx.TransportError as fault:
        raise ConnectionBroken(f"Supabase cannot be reached ({type(fault).__name__}).") from fault


def _refuse(answer: "httpx.Response") -> None:
    if answer.is_error:
        answer.read()
        raise _meaning(answer)


def _meaning(answer: "httpx.Response") -> Exception:
    said = _object(answer.content)
    code, message = str(said.get("code") or ""), str(said.get("message") or "")
    status = answer.status_code
    if meant := translated(code, message):
        return meant
    if status == 429:
        wait = answer.headers.get("Retry-After", "")
        return Throttled("Supabase asks to slow down.", retry_after=float(wait) if wait.isdecimal() else RETRY_AFTER)
    if code == TIMEOUT:
        return ServiceUnavailable("The database took longer than service_role's statement_timeout allows.", "timeout")
    if code in NO_FUNCTION or code == NO_TABLE:
        return Misconfigured("The Supabase project lacks our migrations: see docs/supabase.md.", "no_schema")
    if status in {401, 403}:
        return Misconfigured("Supabase refuses the key. Set SUPABASE_KEY to that of the service role.", "wrong_key")
    if code.startswith(NO_CONNECTION) or code[:2] in DATABASE_AWAY or (status >= 500 and not code):
        return Outage(f"Supabase's database is not available ({code or status}).")
    return PipelineError(f"Supabase refuses a call ({status} {code}).", "refused")


def _object(content: bytes) -> dict[str, object]:
    try:
        value = json.loads(content)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
