"""The commands on a real database, called as they are typed."""

import csv
import hashlib
import io
import json
import os
import signal
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import IO, Any

import psycopg
import pytest

from pipeline.cli import export
from pipeline.cli.main import execute
from pipeline.endpoints import Endpoints
from pipeline.errors import ServiceUnavailable
from pipeline.home import Home
from pipeline.model import Selection
from pipeline.status import Step
from pipeline.stores.database import Database
from pipeline.stores.postgres import PostgresStore
from pipeline.stores.reports import Reports, Snapshot
from tests.matter import LETTER, PROJECT, Matter, fill

GRAPHML = "{http://graphml.graphdrawing.org/xmlns}"


@pytest.fixture
def store(
    database_url: str, broker_url: str, endpoints: Endpoints, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[PostgresStore]:
    for name, value in endpoints.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("CELERY_BROKER_URL", broker_url)
    monkeypatch.setenv("NLP_PIPELINE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("NLP_PIPELINE_PROJECT", PROJECT)
    monkeypatch.chdir(tmp_path)
    with closing(Database(database_url)) as database:
        yield PostgresStore(database)


@pytest.fixture
def matter(store: PostgresStore) -> Matter:
    return fill(store)


def said(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> str:
    capsys.readouterr()
    assert execute(words) == code
    return capsys.readouterr().out


def rows(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


@pytest.mark.usefixtures("matter")
def test_status_for_people_and_programs(capsys: pytest.CaptureFixture[str]) -> None:
    data = json.loads(said(capsys, "status", "--json"))
    assert data["totals"]["documents"] == 5
    assert [f["code"] for f in data["failures"]] == ["encrypted"]
    shown = said(capsys, "status", "--watch")
    assert "completed" in shown
    assert "in/broken.pdf" in shown
    assert said(capsys, "status", "--failed").count("\n") == 1
    said(capsys, "status", "--project", "nothing", code=2)


@pytest.mark.usefixtures("matter")
def test_status_of_one_document_tells_what_was_done_and_what_happened(
    capsys: pytest.CaptureFixture[str], database_url: str
) -> None:
    with psycopg.connect(database_url) as db:
        db.execute("update document_steps set notes = '{\"dropped\": 1, \"fallbacks\": 12}' where step = 'extract_entities'")
        ((path, key),) = db.execute(
            "select source_path, id::text from documents where status = 'completed' limit 1"
        ).fetchall()
    data = json.loads(said(capsys, "status", path, "--json"))
    assert (data["id"], data["source_path"], data["status"]) == (key, path, "completed")
    assert [each["step"] for each in data["steps"]] == [str(step) for step in Step]
    assert {each["step"]: each["notes"] for each in data["steps"] if each["notes"]} == {
        "extract_entities": {"dropped": 1, "fallbacks": 12}
    }
    assert [each["step"] for each in data["events"] if each["outcome"] == "done"] == [str(step) for step in Step]
    assert json.loads(said(capsys, "status", key, "--json")) == data
    shown = " ".join(said(capsys, "status", path).split())
    assert "1 dropped: not in the text, 12 read by the local model" in shown
    assert "encrypted" in said(capsys, "status", "in/broken.pdf")
    assert said(capsys, "status", "in/nothing.txt", code=3) == ""
    assert json.loads(said(capsys, "status", "in/nothing.txt", "--json", code=3)) is None
    said(capsys, "status", path, "--watch", code=2)


@pytest.mark.usefixtures("matter")
def test_search_answers_one_question_and_many(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    shown = said(capsys, "search", "who paid Clement for it", "--limit", "1")
    assert "in/letter.txt  page 2" in shown
    assert "Clement & Co <London>" in shown
    (row,) = rows(said(capsys, "search", "who paid Clement for it", "--limit", "1", "--json"))
    assert row["text"] == LETTER[row["start"] : row["end"]]
    questions = [{"query_id": n, "question": text} for n, text in enumerate(["dredging the harbour", "drawings of a mill"])]
    (tmp_path / "q.jsonl").write_text("\n".join(json.dumps(q) for q in questions) + "\n\n")
    answers = rows(said(capsys, "search", "--queries", "q.jsonl", "--limit", "2"))
    assert [a["query_id"] for a in answers] == [0, 1]
    assert [list(r) for a in answers for r in a["results"]] == [["source_path", "start", "end", "score"]] * 4
    assert [a["results"][0]["source_path"] for a in answers] == ["in/talk.mp3", "in/mail.eml/note.txt"]
    (tmp_path / "q.jsonl").write_text('{"question": "no id"}\n')
    said(capsys, "search", "--queries", "q.jsonl", code=2)


@pytest.mark.usefixtures("matter")
def test_an_entity_is_found_by_part_of_its_name(capsys: pytest.CaptureFixture[str]) -> None:
    shown = said(capsys, "entity", "lovelace")
    for expected in ("Ada Lovelace  PERSON  3 mentions in 3 documents", "A. Lovelace: initial (0.90)", "Charles Babbage"):
        assert expected in shown
    data = json.loads(said(capsys, "entity", "lovelace", "--json"))
    assert data["entity"]["aliases"] == [{"name": "Ada Lovelace", "mentions": 2}, {"name": "A. Lovelace", "mentions": 1}]
    said(capsys, "entity", "Nobody", code=3)
    assert json.loads(said(capsys, "entity", "Nobody", "--json", code=3)) == {"entity": None, "others": []}


@pytest.mark.usefixtures("matter")
def test_exports_are_the_same_each_time(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    said(capsys, "export", "out")
    first = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    assert sorted(first) == ["documents.jsonl", "entities.jsonl", "relationships.jsonl"]
    assert [len(rows(content.decode())) for _, content in sorted(first.items())] == [5, 3, 2]
    said(capsys, "export", "--format", "jsonl", "out")
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == first


@pytest.mark.usefixtures("matter")
def test_graphml_joins_documents_entities_and_relations(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    said(capsys, "export", "--format", "graphml", "out")
    root = ET.parse(tmp_path / "out/graph.graphml").getroot()
    nodes = {node.get("id"): values(node) for node in root.iter(f"{GRAPHML}node")}
    edges = [(e.get("source"), e.get("target"), values(e)) for e in root.iter(f"{GRAPHML}edge")]
    assert [v["kind"] for v in nodes.values()].count("document") == 5
    assert "Clement & Co <London>" in [v.get("label") for v in nodes.values()]
    assert {end for source, target, _ in edges for end in (source, target)} <= set(nodes)
    relations = [v["relation"] for _, _, v in edges]
    assert {name: relations.count(name) for name in set(relations)} == {
        "MENTIONS": 6,
        "HAS_ATTACHMENT": 1,
        "CO_OCCURS_WITH": 2,
    }
    assert {key for _, _, v in edges for key in v} | {key for v in nodes.values() for key in v} <= {
        key.get("id") for key in root.iter(f"{GRAPHML}key")
    }


@pytest.mark.usefixtures("matter")
def test_tables_say_what_the_database_says(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    said(capsys, "export", "--format", "csv", "out")
    found = {path.stem: read_table(path) for path in (tmp_path / "out").iterdir()}
    assert {name: len(rows) for name, rows in found.items()} == {
        "documents": 5, "chunks": 5, "entities": 3, "mentions": 7, "relationships": 2,
    }  # fmt: skip
    texts = {row["source_path"]: row["document_id"] for row in found["documents"]}
    half = LETTER.index("\f")
    letter = [row for row in found["chunks"] if row["document_id"] == texts["in/letter.txt"]]
    assert [(row["position"], row["text"]) for row in letter] == [("0", LETTER[:half]), ("1", LETTER[half + 1 :])]
    clement = next(row for row in found["mentions"] if row["name"].startswith("Clement"))
    assert LETTER[int(clement["start"]) : int(clement["end"])] == "Clement & Co <London>"
    names = {row["entity_id"]: json.loads(row["aliases"]) for row in found["entities"]}
    assert ["A. Lovelace", "Ada Lovelace"] in names.values()
    assert {row[end] for row in found["relationships"] for end in ("subject", "object")} <= set(names)


def read_table(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, strict=True))


@pytest.mark.usefixtures("matter", "graph")
def test_a_graph_that_was_never_written_is_drift_and_is_built(capsys: pytest.CaptureFixture[str]) -> None:
    assert "nlp-pipeline graph rebuild" in said(capsys, "graph", "check", code=3)
    lost = json.loads(said(capsys, "graph", "check", "--project", "all", "--json", code=3))
    missing = Counter({part: counts["missing"] for part, counts in lost["differences"].items()})
    missing.update({part: counts["missing"] for part, counts in lost["on_the_way"].items()})  # of names just linked
    assert missing == {
        "Document": 4, "Chunk": 5, "Entity": 3, "HAS_CHUNK": 5, "NEXT": 1, "MENTIONS": 7, "CO_OCCURS_WITH": 2,
    }  # fmt: skip
    assert lost["examples"][0]["expected"]["project"] == PROJECT
    assert "Document" in said(capsys, "graph", "rebuild")
    assert json.loads(said(capsys, "graph", "check", "--json"))["equal"]
    assert "nothing was to be done" in said(capsys, "graph", "rebuild")
    assert json.loads(said(capsys, "graph", "rebuild", "--from-nothing", "--json"))["differences"] == lost["differences"]
    said(capsys, "graph", "check", "--project", "nothing", code=2)


def values(element: ET.Element) -> dict[str, str]:
    return {data.get("key", ""): data.text or "" for data in element.iter(f"{GRAPHML}data")}


@pytest.mark.usefixtures("matter")
def test_an_export_that_breaks_off_leaves_what_was_there(store: PostgresStore, database_url: str, tmp_path: Path) -> None:
    def breaks(_: Snapshot, file: IO[str]) -> int:
        file.write("half")
        raise KeyboardInterrupt

    (tmp_path / "old.jsonl").write_text("old")
    with (
        closing(Database(database_url)) as database,
        Reports(database, PROJECT).snapshot() as snapshot,
        pytest.raises(KeyboardInterrupt),
        export.fresh(tmp_path / "old.jsonl") as file,
    ):
        breaks(snapshot, file)
    assert [p.name for p in tmp_path.iterdir() if p.is_file()] == ["old.jsonl"]
    assert (tmp_path / "old.jsonl").read_text() == "old"
    (tmp_path / "file").touch()
    with pytest.raises(ServiceUnavailable, match="cannot be written"), export.fresh(tmp_path / "file/x"):
        pass


def test_submitting_odd_files_twice(store: PostgresStore, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    folder = tmp_path / "docs"
    folder.mkdir()
    for name in (b"plain.txt", b"quote'\".txt", b"line\nbreak.txt", b"\xff.txt", "東京.txt".encode()):
        (folder / os.fsdecode(name)).write_bytes(b"text")
    (folder / "empty.pdf").touch()
    first = rows(said(capsys, "submit", "docs", "--json"))
    assert [r["outcome"] for r in first] == ["submitted"] * 6
    assert {r["source_path"] for r in first} >= {"docs/\\xff.txt", "docs/line\nbreak.txt", "docs/東京.txt"}
    assert len(list((tmp_path / "home/files").rglob("*/??/*"))) == 2, "one content is kept once"
    (folder / "plain.txt").write_text("changed")
    (folder / "gone.txt").symlink_to("nowhere")
    second = rows(said(capsys, "submit", "docs", "--json", code=3))
    outcomes = [r["outcome"] for r in second]
    assert {o: outcomes.count(o) for o in set(outcomes)} == {"known": 5, "changed": 1, "refused": 1}
    assert len(store.claim(100, 100)) == 6


def test_a_file_that_is_too_large_is_refused(
    store: PostgresStore, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MAX_FILE_SIZE", "1")
    with (tmp_path / "large.bin").open("wb") as file:
        file.truncate(1024 * 1024 + 1)
    (row,) = rows(said(capsys, "submit", "large.bin", "--json", code=3))
    assert "MAX_FILE_SIZE" in row["error"]
    assert store.claim(1, 1) == []


def test_a_path_that_is_too_long_is_refused_and_the_rest_is_queued(
    store: PostgresStore, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    names = [hashlib.sha256(bytes([n])).hexdigest() * 3 for n in range(12)]  # nothing that could be stored shorter
    deep, high = tmp_path.joinpath("docs", *names), tmp_path.joinpath("docs", *names[:7])
    for folder in (deep, high):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "letter.txt").write_text("text")
    refused, taken = sorted(rows(said(capsys, "submit", "docs", "--json", code=3)), key=lambda row: -len(row["source_path"]))
    assert (refused["outcome"], refused["error"]) == ("refused", "The path has more than 1,500 bytes.")
    assert (taken["outcome"], len(store.claim(2, 2))) == ("submitted", 1)


def test_a_run_with_nothing_left_to_do_starts_no_workers(
    store: PostgresStore, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "a.txt").write_text("text")
    said(capsys, "submit", "a.txt")
    (due,) = store.claim(1, 1)
    lease = store.begin(due.document_id, Step.PROCESS_OCR, "e", "w")[1]
    store.fail(lease, "encrypted", "It is protected by a password.", None, 0)
    shown = said(capsys, "run", "a.txt", "--out", "out", code=3)
    assert "1 file: 1 known already." in shown
    assert "failed a.txt  It is protected by a password. [encrypted]" in shown
    assert Home(tmp_path / "home").state().workers == {}
    assert not (tmp_path / "home/logs/ocr.log").exists()
    assert json.loads((tmp_path / "out/documents.jsonl").read_text())["error"]["code"] == "encrypted"
    summary = json.loads(said(capsys, "run", "a.txt", "--json", code=3))
    assert (summary["documents"], summary["known"]) == ({"failed": 1}, 1)


@pytest.mark.usefixtures("matter")
def test_the_end_of_a_pipe_is_no_fault() -> None:
    words = [sys.executable, "-m", "pipeline.cli.main", "search", "harbour", "--json"]
    root = {"PYTHONPATH": str(Path(__file__).parents[2])}
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=os.environ | root) as process:
        assert process.stdout
        assert process.stderr
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait() == 1


@pytest.mark.usefixtures("matter")
def test_sigterm_stops_a_watch_cleanly() -> None:
    words = [sys.executable, "-m", "pipeline.cli.main", "status", "--watch"]
    root = {"PYTHONPATH": str(Path(__file__).parents[2])}
    reset = "update documents set status = 'pending' where status = 'completed'"
    with closing(Database(os.environ["DATABASE_URL"])) as database, database.connection() as connection:
        connection.execute(reset)
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=os.environ | root) as process:
        assert process.stdout
        assert process.stderr
        process.stdout.read(1)
        process.send_signal(signal.SIGTERM)
        assert process.stderr.read().strip() == b"Stopped."
        assert process.wait() == 130


@pytest.mark.usefixtures("matter")
def test_documents_are_cancelled_retried_reprocessed_and_deleted(
    store: PostgresStore, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert said(capsys, "retry", "--all", "--json").count("queued") == 1
    assert said(capsys, "cancel", "in/broken.pdf", str(tmp_path / "in")).startswith("in/broken.pdf: cancelled\n")
    assert [row["outcome"] for row in rows(said(capsys, "cancel", "in/*.pdf", "--json"))] == ["ended"]
    assert said(capsys, "reprocess", "in/mail.eml", "--from", "text").splitlines() == [
        "in/mail.eml: queued",
        "in/mail.eml/note.txt: queued",
    ]
    assert said(capsys, "reprocess", "in/mail.eml", "--status", "completed", code=3) == ""
    handled = rows(said(capsys, "delete", "in/mail.eml", "in/nothing", "--yes", "--json", code=3))
    assert [row["source_path"] for row in handled] == ["in/mail.eml", "in/mail.eml/note.txt"]
    (talk,) = store.select(Selection(PROJECT, paths=("in/talk.mp3",)))
    assert said(capsys, "delete", talk, "--yes") == "in/talk.mp3: deleted\n"
    assert len(store.select(Selection(PROJECT))) == 2


@pytest.mark.usefixtures("matter")
@pytest.mark.parametrize("words", [[], ["in", "--all"], ["--status", "lost"], ["--all", "--from", "nowhere"]])
def test_who_says_not_what_to_reprocess_is_told(words: list[str]) -> None:
    assert execute(["reprocess", *words]) == 2


@pytest.mark.usefixtures("matter")
@pytest.mark.parametrize(("answer", "code", "left"), [("y", 0, 0), ("n", 130, 5), (None, 2, 5)])
def test_delete_asks(
    store: PostgresStore, monkeypatch: pytest.MonkeyPatch, answer: str | None, code: int, left: int
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(answer and f"{answer}\n"))
    assert execute(["delete", "--all"]) == code
    assert len(store.select(Selection(PROJECT))) == left


@pytest.mark.usefixtures("matter")
def test_entities_are_merged_and_split_and_decisions_taken_back(capsys: pytest.CaptureFixture[str]) -> None:
    assert "no longer Ada Lovelace" in said(capsys, "entity", "split", "Ada Lovelace", "A. Lovelace", "--reason", "her aunt")
    assert "1 mention in 1 document" in said(capsys, "entity", "show", "A. Lovelace")
    merged = json.loads(said(capsys, "entity", "merge", "A. Lovelace", "Charles Babbage", "--json"))
    assert {a["name"] for a in json.loads(said(capsys, "entity", "babbage", "--json"))["entity"]["aliases"]} >= {
        "A. Lovelace"
    }
    again = said(capsys, "entity", "merge", "Ada Lovelace", merged["entity"])
    assert "overrules an older decision: split A. Lovelace" in again
    listed = rows(said(capsys, "entity", "decisions", "--json"))
    assert [(each["kind"], each["holds"], each["reason"]) for each in listed] == [
        ("merge", True, ""), ("merge", True, ""), ("split", False, "her aunt")]  # fmt: skip
    for each in listed:
        said(capsys, "entity", "undo", each["id"])
    assert said(capsys, "entity", "decisions").count("taken back") == 3
    assert "3 mentions in 3 documents" in said(capsys, "entity", "A. Lovelace")
    said(capsys, "entity", "undo", listed[0]["id"], code=3)
    said(capsys, "entity", "merge", "Nobody", "Ada Lovelace", code=3)
    said(capsys, "entity", "merge", "A. Lovelace", "Ada Lovelace", code=2)
    said(capsys, "entity", "split", "Ada Lovelace", "Ada Lovelace", "A. Lovelace", code=2)
