"""Uploads: what is answered is safely here, and what is wrong is told."""

import hashlib
import json
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from pipeline.settings import MEGABYTE, Settings
from pipeline.stores.api_keys import Scope
from pipeline.wiring import Services
from tests.api_server import Served, served

LETTER = b"Ada Lovelace wrote to Charles Babbage in London."
UPLOAD = "/api/documents/upload"


def one(name: str, content: bytes = LETTER) -> dict[str, tuple[str, bytes]]:
    return {"file": (name, content)}


def documents(api: Served) -> list[tuple[str, str, str]]:
    with api.database.connection() as db:
        return db.execute(
            "select p.name, d.source_path, d.status::text from documents d join projects p on p.id = d.project_id order by 2"
        ).fetchall()


def left(settings: Settings) -> list[Path]:
    return list((settings.home / "uploads").glob("*"))


def refused(answer: httpx.Response, status: int, code: str) -> str:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert (body["status"], body["code"]) == (status, code)
    return str(body["detail"])


def test_an_upload_is_answered_in_the_words_of_the_earlier_system(client: httpx.Client, api: Served) -> None:
    answer = client.post(UPLOAD, files=one("letter.txt"))
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert list(body)[:1] == ["document_id"]
    assert {name: body[name] for name in ("filename", "status", "message")} == {
        "filename": "letter.txt",
        "status": "queued",
        "message": "Document uploaded successfully. Processing queued in background.",
    }
    assert body["task_id"] == body["document_id"]
    assert documents(api) == [("matter", "letter.txt", "pending")]
    stored = api.settings.files / "matter" / hashlib.sha256(LETTER).hexdigest()[:2] / hashlib.sha256(LETTER).hexdigest()
    assert stored.read_bytes() == LETTER
    assert left(api.settings) == []


def test_many_files_keep_their_folders(client: httpx.Client, api: Served) -> None:
    files = [("files", (name, name.encode())) for name in ("box/a.txt", "box/b/ü b.txt", "/c.txt", "d\\e.txt")]
    body = client.post(UPLOAD, files=files, params={"project": "harbour"}).json()
    assert [d["source_path"] for d in body["documents"]] == ["box/a.txt", "box/b/ü b.txt", "c.txt", "d/e.txt"]
    assert [d["filename"] for d in body["documents"]] == ["a.txt", "ü b.txt", "c.txt", "e.txt"]
    assert {project for project, _, _ in documents(api)} == {"harbour"}


def test_the_same_file_is_the_same_document_and_new_content_takes_its_place(client: httpx.Client, api: Served) -> None:
    first = client.post(UPLOAD, files=one("a.txt")).json()
    again = client.post(UPLOAD, files=one("a.txt")).json()
    assert again["document_id"] == first["document_id"]
    assert (again["status"], again["message"][:14]) == ("pending", "Known document")
    changed = client.post(UPLOAD, files=one("a.txt", b"another")).json()
    assert (changed["document_id"], changed["status"]) == (first["document_id"], "queued")
    assert len(documents(api)) == 1


def test_an_upload_with_a_name_is_done_once(client: httpx.Client, api: Served) -> None:
    name = {"Idempotency-Key": "scan-17"}
    first = client.post(UPLOAD, files=one("a.txt"), headers=name)
    client.post(UPLOAD, files=one("a.txt", b"newer content"))
    assert client.post(UPLOAD, files=one("a.txt"), headers=name).json() == first.json()
    with api.database.connection() as db:
        assert db.execute("select sha256 from documents").fetchall() == [(hashlib.sha256(b"newer content").hexdigest(),)]
    refused(client.post(UPLOAD, files=one("b.txt"), headers=name), 422, "idempotency_key")
    with api.client() as other:  # another key has names of its own
        assert other.post(UPLOAD, files=one("b.txt"), headers=name).status_code == 200


@pytest.mark.parametrize("name", ["../a.txt", "a/../../b.txt", "..", "a//b.txt", "a/./b", "a\tb.txt", "x" * 1501])
def test_a_name_that_leads_elsewhere_is_refused(client: httpx.Client, api: Served, name: str) -> None:
    body = b'--x\r\nContent-Disposition: form-data; name="f"; filename="%s"\r\n\r\nhello\r\n--x--\r\n' % name.encode()
    answer = client.post(UPLOAD, content=body, headers={"Content-Type": "multipart/form-data; boundary=x"})
    assert "path below a folder" in refused(answer, 422, "bad_filename")
    assert documents(api) == []


@pytest.mark.parametrize(
    ("content", "status", "code"),
    [
        (b"", 422, "empty_file"),
        (b"\x7fELF" + bytes(range(256)) * 8, 415, "unsupported"),
        (b"\x1f\x8b" * 9, 415, "unsupported"),
    ],
)
def test_what_nobody_can_read_is_refused_and_the_rest_taken(
    client: httpx.Client, api: Served, content: bytes, status: int, code: str
) -> None:
    refused(client.post(UPLOAD, files=one("a.bin", content)), status, code)
    assert documents(api) == []
    files = [("f", ("a.bin", content)), ("f", ("b.txt", LETTER))]
    body = client.post(UPLOAD, files=files).json()
    assert [d["source_path"] for d in body["documents"]] == ["b.txt"]
    assert [(r["filename"], r["code"]) for r in body["refused"]] == [("a.bin", code)]


@pytest.mark.parametrize(
    ("content_type", "body", "status", "code"),
    [
        ("application/json", b"{}", 415, "not_multipart"),
        ("", b"hello", 415, "not_multipart"),
        ("multipart/form-data", b"", 400, "broken_upload"),
        ("multipart/form-data; boundary=x", b"", 400, "broken_upload"),
        ("multipart/form-data; boundary=x", b"no boundary at all", 400, "broken_upload"),
        ("multipart/form-data; boundary=x", b'--x\r\nContent-Disposition: form-data; name="f"; filename="a.txt"\r\n\r\nhal',
         400, "broken_upload"),
        ("multipart/form-data; boundary=x", b'--x\r\nContent-Disposition: form-data; name="f"\r\n\r\na field\r\n--x--\r\n',
         422, "no_file"),
        ("multipart/form-data; boundary=" + "x" * 300, b"--" + b"x" * 300 + b"--\r\n", 400, "broken_upload"),
    ],
)  # fmt: skip
def test_a_broken_body_is_told(
    client: httpx.Client, api: Served, content_type: str, body: bytes, status: int, code: str
) -> None:
    refused(client.post(UPLOAD, content=body, headers={"Content-Type": content_type}), status, code)
    assert documents(api) == []
    assert left(api.settings) == []


def test_what_is_too_large_is_refused_before_it_is_here(settings: Settings) -> None:
    small = settings.model_copy(update={"max_file_size": 1, "api_max_upload": 2, "api_max_files": 2})
    with served(small) as api, api.client() as client:
        assert "1 MB" in refused(client.post(UPLOAD, files=one("a.txt", b"a" * (MEGABYTE + 1))), 413, "too_large")
        assert "2 MB" in refused(client.post(UPLOAD, files=one("a.txt", b"a" * (64 * MEGABYTE))), 413, "too_large")
        refused(client.post(UPLOAD, files=[("f", (f"{n}.txt", b"x")) for n in range(3)]), 413, "too_many_files")
        assert client.post(UPLOAD, files=one("a.txt", b"a" * MEGABYTE)).status_code == 200
        assert left(small) == []


def raw(api: Served, length: int) -> socket.socket:
    """A connection on which an upload of so many bytes has begun."""
    address = urlsplit(api.url)
    line = socket.create_connection((address.hostname, address.port))
    line.sendall(
        f"POST {UPLOAD} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {api.key()}\r\nContent-Length: {length}\r\n"
        "Content-Type: multipart/form-data; boundary=x\r\n\r\n"
        '--x\r\nContent-Disposition: form-data; name="f"; filename="a.txt"\r\n\r\nhal'.encode()
    )
    return line


def test_a_client_that_goes_away_leaves_nothing(api: Served) -> None:
    line = raw(api, 1000)
    end = time.monotonic() + 60
    while not left(api.settings) and time.monotonic() < end:
        time.sleep(0.02)
    assert left(api.settings)
    line.close()
    while left(api.settings) and time.monotonic() < end:
        time.sleep(0.02)
    assert left(api.settings) == []
    assert documents(api) == []


def test_a_client_that_sends_a_byte_a_second_is_given_up(settings: Settings) -> None:
    from datetime import timedelta

    impatient = settings.model_copy(update={"api_upload_patience": timedelta(seconds=1)})
    with served(impatient) as api, raw(api, 1000) as line:
        line.settimeout(0.3)
        answer = b""
        end = time.monotonic() + 60
        while not answer.endswith(b"}") and time.monotonic() < end:
            with suppress(OSError):  # nothing more is taken when the answer comes
                line.sendall(b"a")
            with suppress(TimeoutError):
                answer += line.recv(65536)
        head, _, body = answer.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 408 ")
        assert json.loads(body)["code"] == "too_slow"
        assert left(impatient) == []


def test_a_key_that_reads_cannot_upload_and_one_of_a_project_only_there(api: Served) -> None:
    with api.client(Scope.READ) as reader, api.client(project="harbour") as own:
        refused(reader.post(UPLOAD, files=one("a.txt")), 403, "scope")
        refused(own.post(UPLOAD, files=one("a.txt"), params={"project": "matter"}), 403, "foreign_project")
        assert own.post(UPLOAD, files=one("a.txt")).status_code == 200
        refused(own.post(UPLOAD, files=one("a.txt"), params={"project": "a/b"}), 403, "foreign_project")
    with api.client() as client:
        refused(client.post(UPLOAD, files=one("a.txt"), params={"project": "a/b"}), 422, "bad_project")
    assert documents(api) == [("harbour", "a.txt", "pending")]


def test_what_is_stored_again_is_not_removed_because_it_was_deleted_before(client: httpx.Client, api: Served) -> None:
    """The deleted file is removed just when the upload has stored it, and before its document is queued."""
    path = f"/api/documents/{client.post(UPLOAD, files=one('a.txt')).json()['document_id']}"
    assert client.delete(path).status_code == 200
    sha256 = hashlib.sha256(LETTER).hexdigest()
    stored = api.settings.files / "matter" / sha256[:2] / sha256
    others = [("f", (f"{n}.txt", b"%d" % n)) for n in range(100)]
    with closing(Services(api.settings)) as use, ThreadPoolExecutor(1) as pool:
        removing = pool.submit(remove_when_replaced, use, stored, stored.stat().st_ino)
        answer = client.post(UPLOAD, files=[("f", ("a.txt", LETTER)), *others])
        assert answer.status_code == 200, answer.text
        removing.result(60)
    assert client.get(f"{path}/file").content == LETTER


def remove_when_replaced(use: Services, stored: Path, before: int) -> None:
    """Remove what no document uses, as the pipeline does."""
    end = time.monotonic() + 60
    while stored.stat().st_ino == before and time.monotonic() < end:
        time.sleep(0.001)
    use.documents.unused_files()
    with use.documents.removing_files() as keys:
        for key in keys:
            use.blobs.delete(key)
