"""Documents as the earlier OCR back end told of them, and what can be done with them."""

from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from pipeline.model import DocumentInfo, Submission
from pipeline.status import Step
from tests.api_server import Served
from tests.matter import LETTER, PROJECT, Matter, fill


@pytest.fixture
def matter(api: Served) -> Matter:
    return fill(api.store)


def got(client: httpx.Client, path: str, **query: str | int) -> Any:  # noqa: ANN401  # JSON
    answer = client.get(path, params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_status_has_the_fields_of_the_earlier_system(client: httpx.Client, matter: Matter) -> None:
    body = got(client, f"/api/documents/{matter.letter}/status")
    assert set(body) == {"document_id", "status", "progress_percentage", "task", "error_message", "updated_at"}
    assert (body["document_id"], body["status"], body["progress_percentage"]) == (matter.letter, "completed", 100.0)
    assert (body["task"]["task_id"], body["task"]["state"]) == (matter.letter, "SUCCESS")
    broken = got(client, f"/api/documents/{matter.broken}/status")
    assert (broken["status"], broken["task"]["state"]) == ("error", "FAILURE")
    assert (broken["error_message"], broken["progress_percentage"]) == ("The file is protected by a password.", 0.0)


def test_task_states_follow_the_document(client: httpx.Client, api: Served) -> None:
    document = api.store.submit(PROJECT, [Submission("a.txt", "a.txt", "k", 1, "a")])[0].document_id

    def state() -> tuple[str, str]:
        body = got(client, f"/api/documents/{document}/status")
        return body["status"], body["task"]["state"]

    assert state() == ("pending", "PENDING")
    api.store.claim(10, 10)
    assert state() == ("queued", "PENDING")
    _, lease = api.store.begin(document, Step.PROCESS_OCR, "e", "w")
    assert state() == ("extracting", "STARTED")
    api.store.fail(lease, "service_unavailable", "The reader is away.", timedelta(minutes=1), 5)
    assert state() == ("extracting", "RETRY")
    info = got(client, f"/api/documents/{document}/status")["task"]["info"]
    assert info == {"stage": "ocr", "step": "process_ocr", "retries": 1, "waiting_for": "The reader is away."}


def test_progress_tells_of_each_page_range(client: httpx.Client, api: Served) -> None:
    document = api.store.submit(PROJECT, [Submission("long.pdf", "long.pdf", "k", 1, "long")])[0].document_id
    assert got(client, f"/api/documents/{document}/progress")["chunk_details"] == {"1": {"status": "pending", "error": None}}
    api.store.claim(10, 10)
    _, lease = api.store.begin(document, Step.PROCESS_OCR, "e", "w")
    api.store.split(lease, DocumentInfo("application/pdf"), [range(1, 3), range(3, 5), range(5, 7), range(7, 8)], [])
    _, failing = api.store.begin_part(document, 2, "w")
    api.store.fail(failing, "damaged", "It is damaged.", None, 0)
    api.store.begin_part(document, 3, "w")
    body = got(client, f"/api/documents/{document}/progress")
    assert (body["status"], body["task"]["state"], body["progress_percentage"]) == ("processing_chunks", "PROCESSING", 12.5)
    assert body["real_time_progress"] == {
        "total_chunks": 4,
        "completed_chunks": 0,
        "failed_chunks": 1,
        "processing_chunks": 1,
        "overall_progress": 12.5,
    }
    assert body["chunk_details"]["2"] == {"status": "failed", "error": "It is damaged."}
    assert body["chunk_details"]["3"] == {"status": "processing", "error": None}
    assert body["metadata"] == {}


def test_results_hold_all_that_was_found(client: httpx.Client, matter: Matter) -> None:
    body = got(client, f"/api/documents/{matter.letter}")
    assert [page["text"] for page in body["pages"]] == LETTER.split("\f")
    assert [LETTER[c["start"] : c["end"]] for c in body["chunks"]] == [c["text"] for c in body["chunks"]]
    assert {LETTER[m["start"] : m["end"]] for m in body["mentions"]} >= {"Ada Lovelace", "Charles Babbage"}
    names = {entity["id"]: entity["name"] for entity in body["entities"]}
    assert {names[m["entity_id"]] for m in body["mentions"]} == set(names.values()) >= {"Ada Lovelace"}
    assert {(r["predicate"]) for r in body["relations"]} == {"CO_OCCURS_WITH"}
    assert {names[r["subject"]] for r in body["relations"]} <= set(names.values())
    assert [event["step"] for event in body["history"]] == [step.value for step in Step]
    few = got(client, f"/api/documents/{matter.letter}", include="history")
    assert few["pages"] is None
    assert len(few["history"]) == 6


def test_lists_are_walked_by_cursor_and_narrowed(client: httpx.Client, matter: Matter) -> None:
    seen: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = got(client, "/api/documents", limit=2, cursor=cursor)
        assert len(page["documents"]) <= 2
        seen += [line["source_path"] for line in page["documents"]]
        cursor = page["next_cursor"]
    assert sorted(seen) == ["in/broken.pdf", "in/letter.txt", "in/mail.eml", "in/mail.eml/note.txt", "in/talk.mp3"]
    (failed,) = got(client, "/api/documents", status="ocr_failed")["documents"]
    assert failed["error"] == {"code": "encrypted", "message": "The file is protected by a password."}
    assert got(client, "/api/documents", status="text_failed")["documents"] == []
    assert len(got(client, "/api/documents", status="completed")["documents"]) == 4
    assert [d["filename"] for d in got(client, "/api/documents", status="failed")["documents"]] == ["broken.pdf"]
    assert got(client, "/api/documents", status="in_progress")["documents"] == []
    assert [d["filename"] for d in got(client, "/api/documents", parent=matter.mail)["documents"]] == ["note.txt"]
    assert [d["filename"] for d in got(client, "/api/documents", q="LETTER")["documents"]] == ["letter.txt"]
    assert got(client, "/api/documents", q="%")["documents"] == []
    assert got(client, "/api/documents", project="nothing")["documents"] == []
    for wrong in ({"status": "lost"}, {"cursor": "abc"}, {"cursor": "é"}, {"limit": 0}, {"parent": "x"}):
        assert client.get("/api/documents", params=wrong).status_code == 422, wrong


def test_documents_are_cancelled_retried_run_again_and_deleted(client: httpx.Client, api: Served, matter: Matter) -> None:
    def did(method: str, path: str, **query: str) -> str:
        answer = client.request(method, f"/api/documents/{path}", params=query)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["outcome"])

    assert did("POST", f"{matter.letter}/cancel") == "ended"
    assert did("POST", f"{matter.broken}/retry") == "queued"
    assert did("POST", f"{matter.broken}/cancel") == "cancelled"
    assert did("POST", f"{matter.letter}/retry") == "completed"
    assert did("POST", f"{matter.letter}/reprocess", **{"from": "text"}) == "queued"
    assert did("DELETE", matter.mail) == "deleted"
    assert client.get(f"/api/documents/{matter.note}").status_code == 404  # with its attachments
    assert client.post(f"/api/documents/{matter.letter}/reprocess", params={"from": "x"}).status_code == 422


def test_what_is_not_there_is_told(client: httpx.Client) -> None:
    for method, path in (("GET", ""), ("GET", "/status"), ("GET", "/file"), ("POST", "/retry"), ("DELETE", "")):
        answer = client.request(method, f"/api/documents/{uuid4()}{path}")
        assert (answer.status_code, answer.json()["code"]) == (404, "no_such_document")
        assert answer.headers["content-type"] == "application/problem+json"
    assert client.get("/api/documents/x").json()["code"] == "invalid_request"
    assert client.get("/api/nothing").json()["code"] == "not_found"
    assert client.put("/api/documents").json()["code"] == "method_not_allowed"


def test_the_original_comes_as_a_file_whole_or_in_ranges(client: httpx.Client) -> None:
    page = b"<script>alert(1)</script>" * 9
    made = client.post("/api/documents/upload", files={"f": ("ü/page.html", page)}).json()
    path = f"/api/documents/{made['document_id']}/file"
    whole = client.get(path)
    assert whole.content == page
    assert whole.headers["content-disposition"].startswith("attachment;")
    assert whole.headers["x-content-type-options"] == "nosniff"
    assert whole.headers["content-security-policy"].startswith("sandbox")
    part = client.get(path, headers={"Range": "bytes=8-12", "If-Range": whole.headers["etag"]})
    assert (part.status_code, part.content, part.headers["content-range"]) == (206, page[8:13], f"bytes 8-12/{len(page)}")
    for asked, status, code in (
        (f"{len(page)}-", 416, "no_such_range"),
        ("8-2", 400, "bad_byte_range"),
        ("", 400, "bad_byte_range"),
    ):
        wrong = client.get(path, headers={"Range": f"bytes={asked}"})
        assert (wrong.status_code, wrong.json()["code"]) == (status, code)
        assert wrong.headers["content-type"] == "application/problem+json"
        assert wrong.headers.get("content-range") == (f"bytes */{len(page)}" if status == 416 else None)
    known = client.get(path, headers={"If-None-Match": whole.headers["etag"]})
    assert (known.status_code, known.content) == (304, b"")


def test_a_file_that_is_gone_from_the_store_is_told(client: httpx.Client, api: Served, matter: Matter) -> None:
    answer = client.get(f"/api/documents/{matter.letter}/file")
    assert (answer.status_code, answer.json()["code"]) == (410, "file_missing")


def test_projects_and_what_they_hold(client: httpx.Client, api: Served, matter: Matter) -> None:
    fill(api.store, "other")
    assert [(p["name"], p["documents"]) for p in got(client, "/api/projects")["projects"]] == [(PROJECT, 5), ("other", 5)]
    report = got(client, "/api/project", project="other")
    assert (report["documents"], report["entities"], report["pages"]) == (5, 3, 5)
    assert client.get("/api/project", params={"project": "nothing"}).status_code == 404


def test_health_needs_no_key(api: Served, tmp_path: Path) -> None:
    body = httpx.get(f"{api.url}/health").json()
    assert body["status"] == "ok"
