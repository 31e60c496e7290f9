"""The main job, as a person runs it: ``nlp-pipeline run`` on the samples, a second time, and on what cannot be read."""

import json
import os
import re
import wave
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from PIL import Image, ImageDraw, ImageFont

from pipeline.model import Source
from tests.exports import Export, Row, read_export
from tests.program import ROOT, Place
from tests.reader_files import locked_pdf

SAMPLES = Path("samples/ravensport")
EXPECTED: dict[str, Any] = json.loads((ROOT / "tests/data/samples_expected.json").read_text(encoding="utf-8"))
SPECS: dict[str, Any] = EXPECTED["files"] | {
    f"{name}/{attached}": inner
    for name, spec in EXPECTED["files"].items()
    for attached, inner in spec.get("attachments", {}).items()
}
FOUND = 0.8
MISREAD = 1  # strings that recognition may miss in one document
VAGUE = {"", "failed", "internal", "unreadable", "error"}


class Ran(NamedTuple):
    """A run of the samples: what it printed, where it wrote, and what that says."""

    said: str
    out: Path
    export: Export

    def document(self, name: str) -> Row:
        (found,) = [d for d in self.export.documents if d["source_path"] == f"{SAMPLES}/{name}"]
        return found


@pytest.fixture(scope="module")
def ran(place: Place, tmp_path_factory: pytest.TempPathFactory) -> Ran:
    out = tmp_path_factory.mktemp("export") / "out"
    said = place.run("run", SAMPLES, "--project", "acceptance", "--out", out)
    return Ran(said, out, read_export(out))


def flat(text: str) -> str:
    return " ".join(text.split()).casefold()


def named(document: Row) -> list[tuple[str, str, str]]:
    """Name, type and entity of each mention."""
    text = document["text"]
    return [(flat(text[m["start"] : m["end"]]), m["type"], m["entity_id"]) for m in document["mentions"]]


def test_all_samples_complete_with_their_attachments(ran: Ran) -> None:
    assert {d["source_path"] for d in ran.export.documents} == {f"{SAMPLES}/{name}" for name in SPECS}
    assert {d["status"] for d in ran.export.documents} == {"completed"}
    mail = "04-invoice-thread.eml"
    attached = [f"{SAMPLES}/{mail}/{name}" for name in EXPECTED["files"][mail]["attachments"]]
    assert ran.document(mail)["attachments"] == sorted(attached)
    assert {d["file_name"] for d in ran.export.documents} == {Path(name).name for name in SPECS}


@pytest.mark.parametrize("name", SPECS)
def test_the_text_is_found(ran: Ran, name: str) -> None:
    document, spec = ran.document(name), SPECS[name]
    text = flat(document["text"])
    assert [unwanted for unwanted in spec.get("absent", ()) if flat(unwanted) in text] == []
    missing = [wanted for wanted in spec["contains"] if flat(wanted) not in text]
    assert len(missing) <= (0 if spec["source"] == Source.TEXT else MISREAD), missing
    assert {page["source"] for page in document["pages"]} == {spec["source"]}
    if spec["pages"]:
        assert len(document["pages"]) == spec["pages"]
    assert document["language"] == "en"


def test_the_names_are_found(ran: Ran) -> None:
    found, missing = 0, []
    for path, spec in SPECS.items():
        mentions = {(name, kind) for name, kind, _ in named(ran.document(path))}
        for wanted in spec["mentions"]:
            here = any(flat(wanted["name"]) in name and wanted["type"] == kind for name, kind in mentions)
            found += here
            missing += [] if here else [f"{path}: {wanted['name']} ({wanted['type']})"]
    assert found / (found + len(missing)) >= FOUND, missing


def entities_of(ran: Ran) -> dict[str, set[str]]:
    """The entities that each spelling stands for."""
    found: dict[str, set[str]] = {}
    for document in ran.export.documents:
        for name, _, entity in named(document):
            found.setdefault(name, set()).add(entity)
    return found


def test_spellings_of_one_thing_are_one_entity(ran: Ran) -> None:
    entities = entities_of(ran)
    parted = []
    for group in EXPECTED["entities"]:
        spellings = {s: entities[flat(s)] for s in group["spellings"] if flat(s) in entities}
        if len(set().union(*spellings.values())) > 1:
            parted.append(spellings)
    assert len(parted) <= (1 - FOUND) * len(EXPECTED["entities"]), parted


@pytest.mark.parametrize(("one", "other"), EXPECTED["apart"])
def test_different_things_stay_apart(ran: Ran, one: str, other: str) -> None:
    entities = entities_of(ran)
    assert entities.get(flat(one), set()).isdisjoint(entities.get(flat(other), set()))


def test_the_summary_tells_what_there_is_and_where_to_look_next(ran: Ran) -> None:
    assert f"{len(SPECS)} documents in " in ran.said
    assert f"{len(SPECS)} done" in ran.said
    assert ran.said.count("\ndone ") == len(SPECS)
    assert "most mentioned" in ran.said
    assert "nlp-pipeline search" in ran.said
    assert str(ran.out / "documents.jsonl") in ran.said


def test_a_second_run_knows_all_and_changes_nothing(place: Place, ran: Ran, out: Path) -> None:
    before = place.history()
    said = place.run("run", SAMPLES, "--project", "acceptance", "--out", out)
    assert f"{len(EXPECTED['files'])} known already" in said
    assert f"({len(SPECS)} already before)" in said
    assert {path.name: path.read_bytes() for path in out.iterdir()} == {p.name: p.read_bytes() for p in ran.out.iterdir()}
    assert place.history() == before
    assert place.processes() == []


ODD = 'it\'s "odd"\n\u0416\u0443\u043a \u540d.txt'
GOOD = {"good.txt", "picture.pdf", ODD}
BAD = {"empty.txt", "locked.pdf", "cut.docx", "nothing.wav"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Files that cannot be read, and some that can although they do not look it."""
    folder = tmp_path / "in"
    folder.mkdir()
    text = "Margaret Caldwell wrote to Thomas Wetherby about the North Quay in Ravensport."
    for name in ("good.txt", ODD):
        (folder / name).write_text(text, encoding="utf-8")
    image = Image.new("L", (1200, 200), "white")
    ImageDraw.Draw(image).text((40, 60), "The harbour was dredged in July 2019.", fill=0, font=ImageFont.load_default(48))
    image.save(folder / "picture.pdf", "PNG", dpi=(200, 200))
    (folder / "empty.txt").write_bytes(b"")
    (folder / "locked.pdf").write_bytes(locked_pdf())
    contract = (ROOT / SAMPLES / "01-dredging-contract.docx").read_bytes()
    (folder / "cut.docx").write_bytes(contract[: len(contract) // 2])
    with wave.open(str(folder / "nothing.wav"), "wb") as sound:
        sound.setparams((1, 2, 16_000, 0, "NONE", ""))
    return folder


def test_what_cannot_be_read_ends_in_a_clear_error_and_the_rest_completes(place: Place, folder: Path, out: Path) -> None:
    said = place.run("run", folder, "--project", "bad", "--out", out, code=3)
    documents = {d["file_name"]: d for d in read_export(out).documents}
    assert {name for name, d in documents.items() if d["status"] == "completed"} == GOOD
    assert {name for name, d in documents.items() if d["status"] == "error"} == BAD
    for name in BAD:
        error = documents[name]["error"]
        assert error["code"] not in VAGUE
        assert re.fullmatch(r"[A-Z][^\n]{10,498}\.", error["message"])
        assert "Traceback" not in error["message"]
        assert f"{name}  {error['message']} [{error['code']}]" in said
    assert "dredged" in documents["picture.pdf"]["text"]
    assert documents["picture.pdf"]["pages"][0]["source"] == "ocr"
    assert ODD not in said
    assert ODD.replace("\n", r"\n") in said


@pytest.mark.skipif(os.geteuid() == 0, reason="root can read everything")
def test_a_file_that_may_not_be_read_is_named_and_the_rest_completes(place: Place, folder: Path) -> None:
    for name in BAD:
        (folder / name).unlink()
    (folder / "closed.txt").touch(mode=0o000)
    said = place.run("run", folder, "--project", "closed", code=3)
    assert "closed.txt: The file cannot be read" in said
