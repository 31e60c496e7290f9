"""Where what was found stands in the original: boxes, seconds, parents and attachments."""

from typing import Any
from uuid import uuid4

import httpx
import numpy as np
import pytest

from pipeline.model import Box, DocumentId, DocumentInfo, EntityType, Mention, Page, PageSpan, Source, Submission, Word
from pipeline.status import Step
from pipeline.stores.places import Place, Places, Range
from pipeline.stores.postgres import PostgresStore
from tests.api_server import Served
from tests.matter import LETTER, PROJECT, TALK, Matter, fill

FIRST = "Ada Lovelace\nwrote a letter to Charles"
SECOND = "Babbage. He answered."


@pytest.fixture
def matter(api: Served) -> Matter:
    return fill(api.store)


def words(text: str) -> tuple[Word, ...]:
    """Each character 0.02 wide, each line 0.1 high."""
    found, at = [], 0
    for row, line in enumerate(text.split("\n")):
        left = 0.0
        for word in line.split(" "):
            right = left + 0.02 * len(word)
            found.append(Word(at, at + len(word), Box(left, row / 10, right, row / 10 + 0.05), 0.9))
            at, left = at + len(word) + 1, right + 0.02
    return tuple(found)


def scanned(store: PostgresStore, project: str = PROJECT) -> DocumentId:
    """A document of two pages with words; a name goes over from the first to the second."""
    text = f"{FIRST}\n\n{SECOND}"
    document = store.submit(project, [Submission("scan.pdf", "scan.pdf", "scan", 1, "scan")])[0].document_id
    store.claim(10, 10)
    second = len(FIRST) + 2
    spans = [PageSpan(1, 0, len(FIRST), Source.OCR, 0.9), PageSpan(2, second, len(text), Source.OCR, 0.8)]
    pages = [Page(n, t, Source.OCR, 0.9, words(t), width=612, height=792) for n, t in ((1, FIRST), (2, SECOND))]
    _, lease = store.begin(document, Step.PROCESS_OCR, "e", "w")
    store.save_pages(lease, DocumentInfo("application/pdf"), text, pages, spans, [])
    _, lease = store.begin(document, Step.CREATE_DOCUMENT_NODE, "e", "w")
    store.save_node(lease, "en", "letter")
    _, lease = store.begin(document, Step.PROCESS_CHUNKING, "e", "w")
    store.save_chunks(lease, [], np.zeros((0, 384), np.float32))
    _, lease = store.begin(document, Step.EXTRACT_ENTITIES, "e", "w")
    found = [Mention(0, 12, EntityType.PERSON), Mention(text.index("Charles"), second + 7, EntityType.PERSON)]
    store.save_mentions(lease, found)
    return document


def got(client: httpx.Client, path: str, **query: str | int) -> Any:  # noqa: ANN401  # JSON
    answer = client.get(f"/api/documents/{path}", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def told(client: httpx.Client, path: str, **query: str | int) -> tuple[int, str]:
    answer = client.get(f"/api/documents/{path}", params=query)
    return answer.status_code, answer.json()["code"]


def test_a_page_has_its_words_and_names_with_boxes(client: httpx.Client, api: Served) -> None:
    document = scanned(api.store)
    page = got(client, f"{document}/pages/1")
    assert {key: page[key] for key in ("number", "start", "end", "source", "width", "image", "segments")} == {
        "number": 1, "start": 0, "end": len(FIRST), "source": "ocr", "width": 612.0, "image": True, "segments": [],
    }  # fmt: skip
    assert page["text"] == FIRST
    assert [FIRST[w["start"] : w["end"]] for w in page["words"]] == FIRST.split()
    ada, charles = page["mentions"]
    assert (ada["name"], ada["boxes"]) == ("Ada Lovelace", [[0.0, 0.0, 0.24, 0.05]])
    assert charles["boxes"] == [[0.36, 0.1, 0.5, 0.15]]
    page = got(client, f"{document}/pages/2")
    at = len(FIRST) + 2
    assert (page["start"], page["words"][0]) == (at, {"start": at, "end": at + 8, "box": [0.0, 0.0, 0.16, 0.05]})
    (charles,) = page["mentions"]
    assert charles["boxes"] == [pytest.approx([0.0, 0.0, 0.14, 0.05])]  # without the full stop


def test_a_stretch_of_text_has_a_box_for_each_line_of_each_page(client: httpx.Client, api: Served) -> None:
    document = scanned(api.store)
    place = got(client, f"{document}/boxes", start=4, end=len(FIRST) + 10)
    assert place["page"] == 1
    assert place["seconds"] is None
    assert [(each["page"], each["box"]) for each in place["boxes"]] == [
        (1, [0.08, 0.0, 0.24, 0.05]),
        (1, [0.0, 0.1, 0.5, 0.15]),
        (2, [0.0, 0.0, 0.16, 0.05]),
    ]
    assert got(client, f"{document}/boxes", start=10_000, end=10_001) == {"page": None, "boxes": [], "seconds": None}


def test_a_text_without_layout_has_pages_and_a_recording_seconds(client: httpx.Client, matter: Matter) -> None:
    page = got(client, f"{matter.letter}/pages/2")
    assert (page["image"], page["words"], page["text"]) == (False, [], LETTER.split("\f")[1])
    assert {m["name"]: m["boxes"] for m in page["mentions"]} == {"Mr. Babbage": [], "Clement & Co <London>": []}
    assert got(client, f"{matter.letter}/boxes", start=60, end=70) == {"page": 2, "boxes": [], "seconds": None}
    talk = got(client, f"{matter.talk}/pages/1")["segments"]
    assert talk == [
        {"start": 0, "end": 13, "from": 0.0, "to": 1.5},
        {"start": 14, "end": len(TALK), "from": 65.0, "to": 70.0},
    ]
    assert got(client, f"{matter.talk}/boxes", start=20, end=25)["seconds"] == 65.0


def test_many_ranges_of_many_documents_are_placed_in_their_order(api: Served, matter: Matter) -> None:
    document, foreign = scanned(api.store), scanned(api.store, "other")
    places = Places(api.database)
    ranges = [Range(matter.talk, 20, 25), Range(document, 0, 3), Range(foreign, 0, 3), Range(matter.letter, 0, 3)]
    found = places.of([*ranges, Range(DocumentId(str(uuid4())), 0, 3)], PROJECT)
    assert [place.page for place in found] == [1, 1, None, 1, None]
    assert [len(place.boxes) for place in found] == [0, 1, 0, 0, 0]
    assert found[0].seconds == 65.0
    assert found[2] == Place()
    assert places.of([], PROJECT) == []
    assert places.of([Range(foreign, 0, 3)], "")[0].boxes[0].box == Box(0.0, 0.0, 0.06, 0.05)


def test_what_is_no_page_or_range_is_told(client: httpx.Client, api: Served, matter: Matter) -> None:
    assert told(client, f"{matter.letter}/pages/3") == (404, "no_such_page")
    assert told(client, f"{matter.broken}/pages/1") == (404, "no_such_page")
    assert told(client, f"{matter.letter}/pages/0") == (422, "invalid_request")
    assert told(client, f"{matter.letter}/pages/{2**31}") == (422, "invalid_request")
    for start, end in ((5, 5), (9, 3), (0, 200_000)):
        assert told(client, f"{matter.letter}/boxes", start=start, end=end) == (422, "bad_range")
    assert told(client, f"{uuid4()}/pages/1") == (404, "no_such_document")


def test_parents_and_attachments_are_linked(client: httpx.Client, matter: Matter) -> None:
    mail = got(client, str(matter.mail), include="history")
    assert (mail["parent"], mail["format"]) == (None, "text")
    assert mail["attachments"] == [
        {"document_id": matter.note, "source_path": "in/mail.eml/note.txt", "status": "completed"}
    ]  # fmt: skip
    note = got(client, str(matter.note), include="history")
    assert note["parent"] == {"document_id": matter.mail, "source_path": "in/mail.eml"}
    assert note["attachments"] == []
    assert got(client, str(matter.broken), include="history")["format"] is None


@pytest.mark.parametrize(
    ("media_type", "form"),
    [
        ("application/pdf", "pdf"), ("image/tiff", "image"), ("audio/flac", "audio"), ("message/rfc822", "email"),
        ("application/vnd.ms-outlook", "email"), ("text/html", "html"), ("text/markdown", "text"),
        ("application/rtf", "office"), ("application/vnd.oasis.opendocument.text", "office"),
    ],
)  # fmt: skip
def test_formats(api: Served, media_type: str, form: str) -> None:
    with api.database.connection() as db:
        assert db.execute("select document_format(%s)", [media_type]).fetchone() == (form,)
