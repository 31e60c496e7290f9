"""Requests that come slowly, broken, too large or not to their end: each is answered or given up."""

import json
import socket
import time
from contextlib import suppress
from datetime import timedelta
from urllib.parse import urlsplit

import httpx
import pytest

from pipeline.api import connections
from pipeline.settings import Settings
from pipeline.stores.api_keys import Scope
from tests.api_server import Served, served

SESSION = "/api/session"
JSON = "application/json"


def refused(answer: httpx.Response, status: int, code: str) -> None:
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["x-content-type-options"] == "nosniff"


def connection(api: Served, head: str) -> socket.socket:
    """A connection on which so much was sent."""
    address = urlsplit(api.url)
    line = socket.create_connection((address.hostname, address.port), timeout=60)
    line.sendall(head.encode())
    return line


def test_a_body_that_is_too_large_is_not_taken_in(api: Served) -> None:
    """Its length is told, or not; there is a key, or not."""
    large = b'{"key": "' + b"a" * 300_000 + b'"}'
    for path in (SESSION, "/api/keys"):
        refused(api.ask("POST", path, content=large, headers={"Content-Type": JSON}), 413, "too_large")
        pieces = (large[at : at + 50_000] for at in range(0, len(large), 50_000))
        refused(api.ask("POST", path, content=pieces, headers={"Content-Type": JSON}), 413, "too_large")
    with api.client(Scope.ADMIN) as admin:
        refused(admin.post("/api/keys", content=large), 413, "too_large")
        fits = b'{"name": "made", "other": "' + b"a" * 200_000 + b'"}'
        assert admin.post("/api/keys", content=fits, headers={"Content-Type": JSON}).status_code == 201


def test_who_never_ends_a_request_is_not_read_for_ever(api: Served) -> None:
    endless = (b"a" * 65_536 for _ in range(1_000_000))
    with suppress(httpx.WriteError):  # given up before it could be told
        refused(api.ask("POST", SESSION, content=endless, headers={"Content-Type": JSON}), 413, "too_large")
    assert api.ask("GET", "/health").status_code == 200


def test_a_byte_now_and_then_is_given_up(settings: Settings) -> None:
    impatient = settings.model_copy(update={"api_upload_patience": timedelta(seconds=1)})
    head = f"POST {SESSION} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {JSON}\r\nContent-Length: 100\r\n\r\n"
    with served(impatient) as api, connection(api, head) as line:
        line.settimeout(0.2)
        answer, end = b"", time.monotonic() + 60
        while not answer.endswith(b"}") and time.monotonic() < end:
            with suppress(OSError):  # nothing more is taken when the answer comes
                line.sendall(b"a")
            with suppress(TimeoutError):
                answer += line.recv(65536)
        first, _, body = answer.partition(b"\r\n\r\n")
        assert first.startswith(b"HTTP/1.1 408 ")
        assert json.loads(body)["code"] == "too_slow"


def test_a_head_that_does_not_come_is_given_up_and_a_pause_between_requests_is_not(
    api: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "PATIENCE", 0.5)
    with httpx.Client(base_url=api.url, timeout=60) as client:
        assert client.get("/health").status_code == 200
        with connection(api, "") as silent, connection(api, "GET /health HTTP/1.1\r\nX-Slow: ") as slow:
            with suppress(OSError):  # it is closed
                while not closed(slow, 0.1):
                    slow.sendall(b"a")
            assert closed(silent, 60)
        assert client.get("/health").status_code == 200


def closed(line: socket.socket, seconds: float) -> bool:
    """Whether the other end closes it within that time."""
    line.settimeout(seconds)
    try:
        return line.recv(1) == b""
    except TimeoutError:
        return False


def test_who_goes_away_in_the_middle_is_forgotten(api: Served, caplog: pytest.LogCaptureFixture) -> None:
    for sent in ("", '{"key'):
        head = f"POST {SESSION} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {JSON}\r\nContent-Length: 100\r\n\r\n{sent}"
        connection(api, head).close()
    assert api.ask("GET", "/health").status_code == 200
    assert "Traceback" not in caplog.text


def test_what_is_no_request_is_refused(api: Served) -> None:
    for head in ("nonsense\r\n\r\n", "GET / HTTP/9\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "\0\r\n\r\n"):
        with connection(api, head) as line:
            assert b" 400 " in line.recv(65536)[:30], head
    refused(api.ask("PATCH", "/api/documents"), 405, "method_not_allowed")
    refused(api.ask("POST", SESSION, content=b'{"key": ', headers={"Content-Type": JSON}), 422, "invalid_request")
    refused(api.ask("POST", SESSION, content=b"[" * 100_000, headers={"Content-Type": JSON}), 400, "bad_request")


def test_ids_that_are_none_and_names_that_lead_out_find_nothing(api: Served) -> None:
    with api.client(Scope.ADMIN) as admin:
        for wrong in ("x", "0", "../../etc/passwd", "%2e%2e%2f", "00000000-0000-0000-0000-00000000000g", "%00", "é"):
            answer = admin.get(f"/api/documents/{wrong.replace('/', '%2F')}/file")
            assert answer.status_code in {404, 422}, wrong
        refused(admin.get("/api/documents/00000000-0000-0000-0000-000000000000/file"), 404, "no_such_document")
