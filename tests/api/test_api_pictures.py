"""Pictures of pages: right, kept, and harmless whatever the file."""

import io
import time
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from PIL import Image

from pipeline.api import pictures
from pipeline.model import DocumentId
from pipeline.settings import Settings
from tests import reader_files as files
from tests.api_server import Served, served

LETTER = files.pdf([files.lines(files.SENTENCE), files.lines("The second page.")])


def put(client: httpx.Client, content: bytes, name: str) -> str:
    """The picture's path, without the page."""
    answer = client.post("/api/documents/upload", files={"file": (name, content)})
    assert answer.status_code == 200, answer.text
    return f"/api/documents/{answer.json()['document_id']}/pages"


def size(answer: httpx.Response) -> tuple[int, int]:
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "image/jpeg"
    with Image.open(io.BytesIO(answer.content)) as picture:
        return picture.size


def code(answer: httpx.Response) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json"
    return answer.status_code, answer.json()["code"]


def kept(settings: Settings) -> Iterator[Path]:
    return (settings.home / "page-images").iterdir()


def test_pages_of_pdfs_and_pictures_are_shown_before_they_are_read(client: httpx.Client, settings: Settings) -> None:
    pages = put(client, LETTER, "letter.pdf")
    assert size(client.get(f"{pages}/1/image")) == (1200, 1553)
    assert size(client.get(f"{pages}/2/image", params={"width": 160})) == (160, 208)
    assert size(client.get(f"{pages}/2/image", params={"width": 170}))[0] == 400  # the next step
    assert size(client.get(f"{pages}/2/image", params={"width": 9999}))[0] == 2400
    assert code(client.get(f"{pages}/3/image")) == (404, "no_such_page")
    scans = put(client, files.picture("TIFF", save_all=True, append_images=[Image.new("L", (50, 60))]), "fax.tif")
    assert size(client.get(f"{scans}/1/image")) == (300, 120)  # no larger than it is
    assert size(client.get(f"{scans}/2/image")) == (50, 60)
    assert code(client.get(put(client, b"A text.", "note.txt") + "/1/image")) == (404, "no_page_image")
    assert (settings.home / "page-images").stat().st_mode & 0o777 == 0o700


def test_a_picture_is_kept_by_browser_and_server(client: httpx.Client, api: Served) -> None:
    pages = put(client, LETTER, "letter.pdf")
    first = client.get(f"{pages}/1/image")
    assert first.headers["cache-control"].startswith("private")
    assert first.headers["vary"] == "Authorization, Cookie"
    known = client.get(f"{pages}/1/image", headers={"If-None-Match": first.headers["etag"]})
    assert (known.status_code, known.content, known.headers["etag"]) == (304, b"", first.headers["etag"])
    (api.settings.files).rename(api.settings.home / "elsewhere")  # it is not drawn again
    assert client.get(f"{pages}/1/image").content == first.content
    assert client.get(f"{pages}/1/image", params={"width": 1100}).content == first.content
    assert code(client.get(f"{pages}/2/image")) == (410, "file_missing")
    changed = client.post("/api/documents/upload", files={"file": ("letter.pdf", files.pdf([files.lines("Other.")]))})
    assert changed.json()["document_id"] in pages
    other = client.get(f"{pages}/1/image")
    assert other.headers["etag"] != first.headers["etag"]
    assert other.content != first.content


def huge_png() -> bytes:
    """20,000 by 20,000 pixels in 400 KB."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return len(content).to_bytes(4, "big") + kind + content + zlib.crc32(kind + content).to_bytes(4, "big")

    head = (20_000).to_bytes(4, "big") * 2 + b"\x08\0\0\0\0"
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(bytes(20_001 * 20_000), 1))
        + chunk(b"IEND", b"")
    )


def test_hostile_files_do_no_harm_and_are_not_tried_again_at_once(client: httpx.Client, api: Served) -> None:
    whole = put(client, LETTER, "letter.pdf")
    for name, content in (
        ("bomb.png", huge_png()),
        ("cut.pdf", LETTER[:300]),
        ("locked.pdf", files.locked_pdf()),
        ("torn.pdf", LETTER.replace(b"/Type /Page /", b"/Type /Nage /").replace(b"/MediaBox", b"/Mordor")),
    ):
        pages = put(client, content, name)
        answer = client.get(f"{pages}/1/image")
        if name != "torn.pdf":  # a page without a size has that of a letter
            assert code(answer) == (404, "no_page_image"), name
        assert len(answer.content) < 100_000
    began = time.monotonic()
    for _ in range(20):
        client.get(f"{pages}/1/image")
    assert time.monotonic() - began < 10
    assert size(client.get(f"{whole}/1/image")) == (1200, 1553)


def test_pages_that_are_asked_for_at_once_wait_for_their_turn(api: Served) -> None:
    with api.client() as client, ThreadPoolExecutor(12) as threads:
        pages = put(client, files.pdf([files.lines(f"Page {n}.") for n in range(12)]), "long.pdf")
        answers = list(threads.map(lambda n: client.get(f"{pages}/{n}/image", params={"width": 160}), range(1, 13)))
        assert {size(answer) for answer in answers} == {(160, 208)}
        assert len({answer.content for answer in answers}) == 12


def test_who_waits_for_too_long_is_told_to_come_again(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "PATIENCE", 0.01)
    with served(settings.model_copy(update={"api_pages_at_once": 1})) as api, api.client() as client:
        pages = put(client, files.pdf([files.lines(f"Page {n}.") for n in range(6)]), "long.pdf")
        with ThreadPoolExecutor(6) as threads:
            answers = list(threads.map(lambda n: client.get(f"{pages}/{n}/image"), range(1, 7)))
        late = [answer for answer in answers if answer.status_code != 200]
        assert 1 <= len(late) <= 5
        assert {code(answer) for answer in late} == {(503, "busy")}
        assert int(late[0].headers["retry-after"]) >= 1
        assert [client.get(f"{pages}/{n}/image").status_code for n in range(1, 7)] == [200] * 6


def test_pictures_of_deleted_documents_go(settings: Settings) -> None:
    with served(settings) as api, api.client() as client:
        stays, deleted, gone = (put(client, files.pdf([files.lines(name)]), f"{name}.pdf") for name in ("a", "b", "c"))
        for pages in (stays, deleted, gone):
            size(client.get(f"{pages}/1/image"))
        assert client.delete(deleted.removesuffix("/pages")).json()["outcome"] == "deleted"
        assert client.get(f"{deleted}/1/image").status_code == 404
        assert len(list(kept(settings))) == 2
        api.store.delete([DocumentId(gone.split("/")[3])])  # not by the API
    with served(settings):
        deadline = time.monotonic() + 30
        while len(list(kept(settings))) > 1 and time.monotonic() < deadline:
            time.sleep(0.05)
        (left,) = kept(settings)
        assert left.name.split(".")[0] in stays
