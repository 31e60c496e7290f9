"""An export is read, and its form checked to the letter: other programs rely on it."""

import json
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

from pipeline.model import EntityType, Source
from pipeline.status import Status

FORM: dict[str, Any] = {
    "documents": {
        "document_id": UUID, "source_path": str, "file_name": str, "status": Status, "error": {"code": str, "message": str},
        "language": str, "text": str,
        "pages": [{"number": int, "start": int, "end": int, "source": Source, "confidence": float}],
        "chunks": [{"id": UUID, "start": int, "end": int}],
        "mentions": [{"start": int, "end": int, "type": EntityType, "entity_id": UUID, "confidence": float}],
        "attachments": [str],
    },
    "entities": {"id": UUID, "type": EntityType, "name": str, "aliases": [str], "mentions": int, "documents": int},
    "relationships": {
        "subject": UUID, "predicate": str, "object": UUID, "weight": int,
        "evidence": [{"document_id": UUID, "start": int, "end": int}],
    },
}  # fmt: skip
MAY_BE_NULL = "error"

Row = dict[str, Any]


class Export(NamedTuple):
    """What ``export --format jsonl`` writes."""

    documents: list[Row]
    entities: list[Row]
    relationships: list[Row]


def read_export(folder: Path) -> Export:
    """Read an export whose form and contents agree with each other."""
    assert {path.name for path in folder.iterdir()} == {f"{name}.jsonl" for name in FORM}
    export = Export(*(_rows(folder / f"{name}.jsonl") for name in FORM))
    for rows, form in zip(export, FORM.values(), strict=True):
        for row in rows:
            _check(row, form)
    for document in export.documents:
        check_spans(document)
    check_references(export)
    return export


def _rows(path: Path) -> list[Row]:
    text = path.read_bytes().decode("utf-8")
    assert text == "" or text.endswith("\n")
    return [json.loads(line) for line in text.split("\n")[:-1]]


def _check(value: object, form: Any) -> None:  # noqa: ANN401  # a form is a type, a list or a dictionary of forms
    match form:
        case dict():
            assert isinstance(value, dict)
            assert list(value) == list(form)
            for name, each in form.items():
                if not (name == MAY_BE_NULL and value[name] is None):
                    _check(value[name], each)
        case [each]:
            assert isinstance(value, list)
            for item in value:
                _check(item, each)
        case _ if form is float:
            assert type(value) in (int, float)
            assert isinstance(value, int | float)
            assert 0 <= value <= 1
        case _ if form in (int, str):
            assert type(value) is form
        case _:
            assert str(form(value)) == value


def check_spans(document: Row) -> None:
    """Pages and chunks lie in the text in order; mentions too, and each names something."""
    text, size = document["text"], len(document["text"])
    assert [page["number"] for page in document["pages"]] == list(range(1, len(document["pages"]) + 1))
    for kind in ("pages", "chunks", "mentions"):
        at = 0
        for span in document[kind]:
            assert at <= span["start"] <= span["end"] <= size
            at = span["end"]
    ends = [0, *(page["end"] for page in document["pages"])]
    starts = [*(page["start"] for page in document["pages"]), size]
    assert all(text[end:start].strip() == "" for end, start in zip(ends, starts, strict=True))
    for kind in ("chunks", "mentions"):
        assert all(text[span["start"] : span["end"]].strip() for span in document[kind])
    if document["status"] == Status.COMPLETED:
        assert document["error"] is None
        assert document["chunks"] or not text.strip()


def check_references(export: Export) -> None:
    """Every id leads somewhere, and what is counted is what is there."""
    paths = Counter(document["source_path"] for document in export.documents)
    texts = {document["document_id"]: document["text"] for document in export.documents}
    assert max(paths.values(), default=1) == 1
    assert len(texts) == len(export.documents)
    for document in export.documents:
        assert all(path in paths and path.startswith(document["source_path"] + "/") for path in document["attachments"])
    named = [
        (
            mention["entity_id"],
            document["document_id"],
            " ".join(document["text"][mention["start"] : mention["end"]].split()),
        )
        for document in export.documents
        for mention in document["mentions"]
    ]
    for entity in export.entities:
        own = [(document, name) for entity_id, document, name in named if entity_id == entity["id"]]
        assert entity["mentions"] == len(own)
        assert entity["documents"] == len({document for document, _ in own})
        assert sorted(entity["aliases"]) == sorted({name for _, name in own})
        assert entity["name"] in entity["aliases"]
    ids = {entity["id"] for entity in export.entities}
    assert {entity for entity, _, _ in named} == ids
    for relation in export.relationships:
        assert {relation["subject"], relation["object"]} <= ids
        assert relation["weight"] == len(relation["evidence"]) > 0
        assert all(0 <= e["start"] < e["end"] <= len(texts[e["document_id"]]) for e in relation["evidence"])
