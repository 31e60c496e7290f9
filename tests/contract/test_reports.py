"""What is read of a project, on the real database."""

import io
import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from rich.console import Console

from pipeline.cli.status import drawn, look
from pipeline.errors import Misconfigured
from pipeline.model import DocumentId, DocumentInfo, EntityType, GraphEntity, Submission
from pipeline.stages.names import normalize
from pipeline.status import Status, Step
from pipeline.stores.database import Database
from pipeline.stores.migrations import migrate
from pipeline.stores.postgres import PostgresStore
from pipeline.stores.reports import MARK_END, MARK_START, Reports, StateCount
from tests.matter import LETTER, NOTE, PROJECT, TALK, Matter, axis, fill


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    migrate(database_url)
    database = Database(database_url)
    yield database
    database.close()


@pytest.fixture
def matter(database: Database) -> Matter:
    return fill(PostgresStore(database))


@pytest.fixture
def reports(database: Database, matter: Matter) -> Reports:
    fill(PostgresStore(database), "other")
    return Reports(database, PROJECT)


def named(reports: Reports, name: str) -> list[GraphEntity]:
    return reports.find_entities(name, [normalize(name, kind) for kind in EntityType])


def exported(reports: Reports, statement: str) -> list[dict[str, Any]]:
    with reports.snapshot() as snapshot:
        lines = [line for (line,) in snapshot.rows(statement)]
    assert [line for line in lines if "\n" in line] == []
    return [json.loads(line) for line in lines]


def test_states_and_totals_are_those_of_the_project_alone(reports: Reports) -> None:
    assert reports.states() == [
        StateCount(Status.COMPLETED, Step.BUILD_RELATIONSHIPS, 4),
        StateCount(Status.ERROR, Step.PROCESS_OCR, 1),
    ]
    assert reports.totals() == (5, 5, 5, 7, 3, 2)


def test_large_documents_that_are_being_read(reports: Reports, database: Database) -> None:
    store = PostgresStore(database)
    document = store.submit(PROJECT, [Submission("long.pdf", "long.pdf", "k", 10, "long")])[0].document_id
    store.claim(10, 10)
    _, lease = store.begin(document, Step.PROCESS_OCR, "e", "w")
    store.split(lease, DocumentInfo("application/pdf"), [range(1, 3), range(3, 5)], [])
    assert reports.partly_read() == [("long.pdf", 0, 2)]
    _, lease = store.begin_part(document, 2, "w")
    store.fail(lease, "damaged", "It is damaged.", None, 0)
    assert reports.partly_read() == [("long.pdf", 1, 2)]
    out = io.StringIO()
    Console(file=out, width=100).print(drawn(look(reports, {})))
    assert "long.pdf: 1 of 2 page ranges read" in out.getvalue()


def test_an_unknown_project_is_empty(reports: Reports, database: Database) -> None:
    empty = Reports(database, "nothing")
    assert empty.project_id is None
    assert empty.totals() == (0, 0, 0, 0, 0, 0)
    assert empty.search("engine", axis(0), 10) == []
    assert exported(empty, "export_documents") == []


def test_a_database_that_was_never_set_up_is_named(empty_database_url: str) -> None:
    database = Database(empty_database_url)
    with pytest.raises(Misconfigured, match="migrate"):
        Reports(database, PROJECT).states()
    database.close()


def test_failures_have_code_and_sentence(reports: Reports) -> None:
    (failure,) = reports.failures()
    assert failure == ("in/broken.pdf", Status.ERROR, Step.PROCESS_OCR, "encrypted", "The file is protected by a password.")


def test_what_is_waited_for_is_told(database: Database, matter: Matter, reports: Reports) -> None:
    store = PostgresStore(database)
    with database.connection() as connection:
        connection.execute("select restart_document(%s, 'process_ocr')", (matter.letter,))
    store.claim(10, 10)
    lease = store.begin(matter.letter, Step.PROCESS_OCR, "engine/2", "w")[1]
    assert store.fail(lease, "service_unavailable", "The reader is away.", timedelta(minutes=1), 5)
    (waiting,) = reports.waiting()
    assert waiting[:3] == (Step.PROCESS_OCR, "The reader is away.", 1)
    assert 50 < waiting.seconds <= 60


def test_progress_follows_attachments(reports: Reports, matter: Matter) -> None:
    groups = reports.progress([matter.mail, matter.broken])
    found = {(g.status, g.step): set(g.documents) for g in groups}
    assert found == {
        (Status.COMPLETED, Step.BUILD_RELATIONSHIPS): {matter.mail, matter.note},
        (Status.ERROR, Step.PROCESS_OCR): {matter.broken},
    }


def test_outcomes_count_what_a_document_holds(reports: Reports, matter: Matter) -> None:
    by_path = {o.source_path: o for o in reports.outcomes([matter.letter, matter.broken])}
    letter = by_path["in/letter.txt"]
    assert (letter.pages, letter.chunks, letter.mentions, letter.code) == (2, 2, 4, "")
    assert letter.seconds >= 0
    assert by_path["in/broken.pdf"][3:5] == ("encrypted", "The file is protected by a password.")


def test_known_files_are_those_whose_content_is_stored(reports: Reports) -> None:
    assert reports.known_files(["in/letter.txt", "in/new.txt"]) == {"in/letter.txt": "letter.txt"}


def test_the_most_mentioned_entities(reports: Reports) -> None:
    assert [(e.name, e.mentions, e.documents) for e in reports.top_entities(2)] == [
        ("Ada Lovelace", 3, 3),
        ("Charles Babbage", 3, 2),
    ]


def test_a_passage_has_its_page_and_its_matching_words(reports: Reports) -> None:
    first = reports.passages("who paid for it?", axis(1), 5)[0]
    assert (first.source_path, first.page, first.seconds) == ("in/letter.txt", 2, None)
    assert LETTER[first.start : first.end] == first.text
    assert f"{MARK_START}paid{MARK_END}" in first.marked


def test_a_passage_of_a_recording_has_its_time(reports: Reports) -> None:
    first = reports.passages("harbour dredging", axis(4), 1)[0]
    assert (first.source_path, first.text, first.seconds) == ("in/talk.mp3", TALK, 0.0)


def test_words_and_meaning_both_find(reports: Reports) -> None:
    assert reports.search("mill", axis(0), 10)[0].source_path in {"in/mail.eml/note.txt", "in/letter.txt"}
    assert {h.source_path for h in reports.search("mill", axis(0), 2)} == {"in/mail.eml/note.txt", "in/letter.txt"}
    assert reports.search("zzz", axis(4), 1)[0].source_path == "in/talk.mp3"
    for question in ("", "the of and", "'; drop table documents; --", "a\0b", "<->!|&:*()", '"'):
        assert len(reports.search(question, axis(0), 3)) == 3
        assert len(reports.passages(question, axis(0), 3)) == 3


@pytest.mark.parametrize("name", ["Ada Lovelace", "ada lovelace", "Lovelace, Ada", "A. Lovelace", "lovela", "love"])
def test_any_spelling_or_part_finds_the_entity(reports: Reports, name: str) -> None:
    assert [e.name for e in named(reports, name)] == ["Ada Lovelace"]


@pytest.mark.parametrize("name", ["%", "_", "\\", "nobody", "a%a"])
def test_wildcards_are_not_wild(reports: Reports, name: str) -> None:
    assert named(reports, name) == []


def test_an_entity_explains_itself(reports: Reports) -> None:
    report = reports.entity(named(reports, "Lovelace")[0])
    assert report.aliases == [("Ada Lovelace", 2), ("A. Lovelace", 1)]
    assert [path for path, _ in report.documents] == ["in/letter.txt", "in/mail.eml", "in/mail.eml/note.txt"]
    ((name, reason, score),) = report.merges
    assert (name, reason, round(score, 2)) == ("A. Lovelace", "initial", 0.9)
    (neighbour,) = report.neighbours
    assert (neighbour.name, neighbour.weight, neighbour.documents) == ("Charles Babbage", 2, 2)
    assert neighbour.passage in LETTER + NOTE


def test_documents_are_exported_in_the_agreed_form(reports: Reports, matter: Matter) -> None:
    documents = exported(reports, "export_documents")
    assert [d["source_path"] for d in documents] == [
        "in/broken.pdf", "in/letter.txt", "in/mail.eml", "in/mail.eml/note.txt", "in/talk.mp3",
    ]  # fmt: skip
    broken, letter, mail, note, talk = documents
    fields = "document_id source_path file_name status error language text pages chunks mentions attachments"
    assert list(letter) == fields.split()
    assert broken["error"] == {"code": "encrypted", "message": "The file is protected by a password."}
    assert (broken["status"], broken["pages"], broken["chunks"], broken["mentions"]) == ("error", [], [], [])
    assert (letter["document_id"], letter["text"], letter["error"]) == (matter.letter, LETTER, None)
    assert letter["pages"][1] == {"number": 2, "start": 56, "end": len(LETTER), "source": "ocr", "confidence": 0.9}
    assert [letter["text"][c["start"] : c["end"]] for c in letter["chunks"]] == LETTER.split("\f")
    assert [letter["text"][m["start"] : m["end"]] for m in letter["mentions"]][2:] == [
        "Mr. Babbage",
        "Clement & Co <London>",
    ]
    assert mail["attachments"] == [note["source_path"]]
    assert talk["pages"][0]["source"] == "speech"


def test_exported_ids_are_those_of_canonical_entities(reports: Reports) -> None:
    entities = {e["id"]: e for e in exported(reports, "export_entities")}
    ada = next(e for e in entities.values() if e["name"] == "Ada Lovelace")
    assert list(ada) == ["id", "type", "name", "aliases", "mentions", "documents"]
    assert (ada["type"], ada["aliases"], ada["mentions"], ada["documents"]) == (
        "PERSON",
        ["A. Lovelace", "Ada Lovelace"],
        3,
        3,
    )
    mentions = [m for d in exported(reports, "export_documents") for m in d["mentions"]]
    assert {m["entity_id"] for m in mentions} == set(entities)
    relations = exported(reports, "export_relationships")
    assert len(relations) == 2
    for relation in relations:
        assert list(relation) == ["subject", "predicate", "object", "weight", "evidence"]
        assert {relation["subject"], relation["object"]} <= set(entities)
        assert relation["weight"] == len(relation["evidence"])


def test_mentions_before_resolution_have_no_entity(database: Database, reports: Reports, matter: Matter) -> None:
    with database.connection() as connection:
        connection.execute("update mentions set entity_id = null where document_id = %s", (matter.mail,))
    mail = next(d for d in exported(reports, "export_documents") if d["document_id"] == matter.mail)
    assert [m["entity_id"] for m in mail["mentions"]] == [None]


def test_a_snapshot_does_not_see_what_is_written_meanwhile(database: Database, reports: Reports) -> None:
    with reports.snapshot() as snapshot:
        before = len(list(snapshot.rows("export_documents")))
        with database.connection() as connection:
            connection.execute("delete from documents")
        assert len(list(snapshot.rows("graph_documents"))) == before == 5
    assert reports.totals().documents == 0


def test_ids_that_are_gone_are_passed_over(reports: Reports) -> None:
    gone = DocumentId("00000000-0000-0000-0000-000000000000")
    assert reports.progress([gone]) == []
    assert reports.outcomes([gone]) == []
