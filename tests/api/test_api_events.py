"""Server-sent events: what is told, to whom, and what becomes of clients that are slow, many, or come again."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import httpx
import psycopg
import pytest

from pipeline.api import events, hub
from pipeline.model import DocumentId, Submission
from pipeline.settings import Settings
from pipeline.stores.api_keys import ApiKeys, Scope
from tests.api_server import Served, served

SECONDS = 30.0


class Told(NamedTuple):
    """An event."""

    kind: str
    id: str
    data: Any


class Listener:
    """A client that takes what it is told."""

    def __init__(self, answer: httpx.Response) -> None:
        self._lines = answer.iter_lines()

    def next(self, kind: str = "") -> Told:
        """The next event of this kind."""
        while True:
            fields = dict(line.split(": ", 1) for line in self._event())
            if "event" in fields and kind in {"", fields["event"]}:
                return Told(fields["event"], fields.get("id", ""), json.loads(fields["data"]))

    def _event(self) -> list[str]:
        lines = []
        for line in self._lines:
            if line:
                lines.append(line)
            elif lines:
                return lines
        raise EOFError


@contextmanager
def listening(client: httpx.Client, last: str = "", **query: str) -> Iterator[Listener]:
    headers = {"Last-Event-ID": last} if last else {}
    with client.stream("GET", "/api/events", params=query, headers=headers, timeout=SECONDS) as answer:
        assert answer.status_code == 200, answer.read()
        assert answer.headers["content-type"].startswith("text/event-stream")
        yield Listener(answer)


def submit(api: Served, *names: str, project: str = "matter") -> list[DocumentId]:
    return [each.document_id for each in api.store.submit(project, [Submission(n, n, n, 1, n) for n in names])]


def test_a_document_is_told_of_as_it_goes_on_and_so_are_the_figures(api: Served, client: httpx.Client) -> None:
    with listening(client) as events, listening(client, project="another") as others:
        first = events.next()
        assert (first.kind, first.data["name"], first.data["documents"], first.data["states"]) == (
            "project",
            "matter",
            0,
            [],
        )
        assert others.next().data["name"] == "another"
        submit(api, "elsewhere", project="other")
        (letter,) = submit(api, "letter.txt")
        told = events.next("document").data
        assert (told["document_id"], told["source_path"], told["status"]) == (letter, "letter.txt", "pending")
        assert (told["step"], told["progress_percentage"], told["error_message"]) == ("process_ocr", 0, None)
        assert events.next("project").data == client.get("/api/project").json()
        api.store.cancel([letter])
        ended = events.next("document").data
        assert ended["status"] == "cancelled"
        api.store.retry([letter])
        api.store.cancel([letter])
        again = events.next("document").data
        if again["status"] == "pending":  # a look came in between
            again = events.next("document").data
        assert (again["status"], again["updated_at"] > ended["updated_at"]) == ("cancelled", True)
        submit(api, "third", project="another")
        assert others.next("document").data["source_path"] == "third"


def test_who_comes_again_is_told_what_was_missed(api: Served, client: httpx.Client) -> None:
    with listening(client) as events:
        submit(api, "one")
        last = events.next("document").id
    submit(api, "two", "three")
    with listening(client, last) as events:
        assert events.next().kind == "project"
        assert {"two", "three"} <= {events.next("document").data["source_path"] for _ in range(3)}
    with listening(client, "none of ours") as events:
        assert [events.next().kind for _ in range(2)] == ["project", "resync"]


def test_a_change_that_is_long_in_being_committed_is_told(api: Served, client: httpx.Client) -> None:
    slow, quick = submit(api, "slow", "quick")
    with psycopg.connect(api.settings.database) as db, listening(client) as events:
        db.execute("update documents set status = 'cancelled', updated_at = now() where id = %s", [slow])
        events.next("project")
        time.sleep(2 * hub.EVERY)
        api.store.cancel([quick])
        while events.next("document").data["document_id"] != quick:
            pass
        time.sleep(2 * hub.EVERY)
        db.commit()
        while (told := events.next("document").data)["document_id"] != slow:
            pass
        assert told["status"] == "cancelled"


def test_one_document_alone_and_its_end(api: Served, client: httpx.Client) -> None:
    one, _ = submit(api, "one", "other")
    with listening(client, document=one) as events:
        assert [events.next().kind, events.next().data["document_id"]] == ["project", one]
        submit(api, "third")
        api.store.cancel([one])
        while (told := events.next("document").data)["status"] != "cancelled":
            assert told["document_id"] == one
        assert told["document_id"] == one
        api.store.delete([one])
        assert events.next("gone").data == {"document_id": one}
        with pytest.raises(EOFError):
            events.next()
    assert client.get("/api/events", params={"document": one}).json()["code"] == "no_such_document"


def test_more_than_can_be_told_is_loaded_anew(api: Served, client: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "AT_ONCE", 3)
    with listening(client) as events:
        events.next("project")
        submit(api, *(f"document {n}" for n in range(10)))
        assert events.next("resync").data == {}


def test_a_client_that_takes_nothing_holds_a_bounded_number_of_events() -> None:
    slow = hub.Stream("matter", "")
    for number in range(10 * hub.KEPT):
        slow.put(hub.News("", str(number).encode()))
    waiting = list(slow._waiting)
    assert len(waiting) <= hub.KEPT
    assert hub.RESYNC in waiting


def test_streams_of_a_key_are_limited_and_given_back(settings: Settings) -> None:
    with served(settings.model_copy(update={"api_event_streams": 2})) as api, api.client() as client:
        with listening(client), listening(client):
            answer = client.get("/api/events")
            assert (answer.status_code, answer.json()["code"]) == (429, "too_many_streams")
            with api.client() as other, listening(other) as events:
                assert events.next().kind == "project"
        until = time.monotonic() + SECONDS
        while client.get("/api/events", params={"limit": 1}).status_code != 200:
            assert time.monotonic() < until


def test_streams_end_when_the_api_is_stopped(settings: Settings) -> None:
    ended = threading.Event()

    def listen(client: httpx.Client, heard: threading.Event) -> None:
        with listening(client) as events:
            events.next()
            heard.set()
            with pytest.raises(EOFError):
                events.next("none")
            ended.set()

    heard = threading.Event()
    with served(settings) as api:
        client = api.client()
        thread = threading.Thread(target=listen, args=(client, heard))
        thread.start()
        assert heard.wait(SECONDS)
        began = time.monotonic()
    assert time.monotonic() - began < 8  # not the time that answers under way have
    assert ended.wait(SECONDS)
    thread.join()
    client.close()


def test_who_has_a_revoked_key_hears_no_more(api: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "HEARTBEAT", 0.2)
    keys = ApiKeys(api.database)
    with api.client() as client, listening(client) as listener:
        listener.next("project")
        submit(api, "one.txt")
        assert listener.next("document").data["source_path"] == "one.txt"
        assert keys.revoke("test") == 1
        with pytest.raises(EOFError):
            listener.next("what never comes")


def test_who_has_signed_out_hears_no_more(api: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "HEARTBEAT", 0.2)
    with httpx.Client(base_url=api.url, timeout=SECONDS) as person:
        token = person.post("/api/session", json={"key": api.key(Scope.READ)}).json()["csrf_token"]
        with listening(person) as listener:
            listener.next("project")
            with api.database.connection() as db:
                db.execute("update api_sessions set seen_at = now() - interval '1 hour'")
            submit(api, "one.txt")
            assert listener.next("document").data["source_path"] == "one.txt"  # heartbeats do not end it
            time.sleep(3 * events.HEARTBEAT)
            with api.database.connection() as db:  # nor are they what somebody does
                idle = db.execute("select seen_at < now() - interval '59 minutes' from api_sessions").fetchall()
            assert idle == [(True,)]
            assert person.delete("/api/session", headers={"X-CSRF-Token": token}).status_code == 204
            with pytest.raises(EOFError):
                listener.next("what never comes")


def test_a_key_of_one_project_hears_of_no_other(api: Served) -> None:
    (letter,) = submit(api, "letter.txt")
    with api.client(Scope.READ, "other") as foreign:
        assert foreign.get("/api/events", params={"project": "matter"}).status_code == 403
        assert foreign.get("/api/events", params={"document": letter}).status_code == 404
        with listening(foreign) as events:
            events.next("project")
            api.store.cancel([letter])
            submit(api, "own.txt", project="other")
            assert events.next("document").data["source_path"] == "own.txt"
