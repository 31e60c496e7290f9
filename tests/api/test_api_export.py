"""``GET /api/export``: the files of the command, packed; nothing of another project; a client that goes away ends it."""

import io
import json
import time
import zipfile
from pathlib import Path

import httpx
import pytest

from pipeline.api import export
from pipeline.cli.export import write_export
from pipeline.exports.forms import FORMS
from pipeline.stores.api_keys import Scope
from pipeline.stores.reports import Reports
from tests.api_server import Served
from tests.matter import PROJECT, fill

SECONDS = 60.0


def unpacked(answer: httpx.Response) -> dict[str, bytes]:
    assert answer.status_code == 200, answer.text
    with zipfile.ZipFile(io.BytesIO(answer.content)) as packed:
        assert packed.testzip() is None
        return {name: packed.read(name) for name in packed.namelist()}


def test_it_holds_what_the_command_writes(api: Served, client: httpx.Client, tmp_path: Path) -> None:
    fill(api.store)
    fill(api.store, "other")
    for form in FORMS:
        answer = client.get("/api/export", params={"format": form})
        written = write_export(Reports(api.database, PROJECT), tmp_path / form, form)
        assert unpacked(answer) == {path.name: path.read_bytes() for path in written}
        assert f"matter-{form}.zip" in answer.headers["content-disposition"]
    with api.client(Scope.READ, "other") as own:
        lines = unpacked(own.get("/api/export"))["documents.jsonl"].decode().splitlines()
        assert len(lines) == 5
        assert own.get("/api/export", params={"project": PROJECT}).status_code == 403
    assert {json.loads(line)["document_id"] for line in lines} & {*_documents(api)} == set()
    assert client.get("/api/export", params={"project": "nothing"}).json()["code"] == "no_such_project"


def _documents(api: Served) -> list[str]:
    with api.database.connection() as db:
        rows = db.execute(
            "select d.id::text from documents d join projects p on p.id = d.project_id where p.name = %s", [PROJECT]
        )
        return [document for (document,) in rows]


def test_one_that_nobody_takes_is_given_up_and_makes_place(
    api: Served, client: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(api.store)
    with api.database.connection() as db:  # more than is packed ahead, and hard to pack
        db.execute(
            "update documents set text = (select string_agg(md5(n::text), '') from generate_series(1, 400000) n)"
            " where file_name = 'letter.txt'"
        )
    monkeypatch.setattr(export, "PIECE", 1024)
    for _ in range(export.AT_ONCE + 1):
        _once_there_is_place(client)
        with client.stream("GET", "/api/export") as answer:
            assert next(answer.iter_raw(1000))
    assert "documents.jsonl" in unpacked(_once_there_is_place(client))


def _once_there_is_place(client: httpx.Client) -> httpx.Response:
    until = time.monotonic() + SECONDS
    while (answer := client.get("/api/export")).status_code == 429:
        assert answer.json()["code"] == "too_many_exports"
        assert time.monotonic() < until
        time.sleep(0.2)
    return answer


def test_only_so_many_at_one_time(api: Served, client: httpx.Client) -> None:
    fill(api.store)
    for _ in range(export.AT_ONCE):
        assert export._places.acquire(timeout=SECONDS)
    try:
        assert client.get("/api/export").json()["code"] == "too_many_exports"
    finally:
        export._places.release(export.AT_ONCE)
