"""Recordings are played where they are shown; nothing else is."""

import io
from pathlib import Path

import httpx
import pytest
import soundfile
from pydantic import SecretStr

from tests import reader_files as files
from tests.api_server import Served, served
from tests.matter import Matter, fill
from tests.standins.amazon import amazon, new_bucket


def put(client: httpx.Client, content: bytes, name: str) -> str:
    return f"/api/documents/{client.post('/api/documents/upload', files={'file': (name, content)}).json()['document_id']}"


def sound(kind: str) -> bytes:
    out = io.BytesIO()
    samples, rate = soundfile.read(io.BytesIO(files.tone(2)))
    soundfile.write(out, samples, rate, format=kind)
    return out.getvalue()


@pytest.mark.parametrize("kind", ["wav", "mpeg", "flac", "ogg", "mp4"])
def test_recordings_come_with_their_type_and_in_ranges(client: httpx.Client, kind: str) -> None:
    content = files.M4A if kind == "mp4" else sound({"mpeg": "MP3"}.get(kind, kind.upper()))
    path = put(client, content, "talk") + "/media"  # its content says what it is, not its name
    whole = client.get(path)
    assert (whole.status_code, whole.content) == (200, content)
    assert whole.headers["content-type"] == f"audio/{kind}"
    assert whole.headers["content-disposition"].startswith("inline;")
    assert whole.headers["accept-ranges"] == "bytes"
    assert whole.headers["cache-control"].startswith("private")
    part = client.get(path, headers={"Range": "bytes=100-", "If-Range": whole.headers["etag"]})
    assert (part.status_code, part.content) == (206, content[100:])
    assert part.headers["content-range"] == f"bytes 100-{len(content) - 1}/{len(content)}"
    assert client.get(path, headers={"Range": "bytes=99999999-"}).status_code == 416


def test_nothing_else_is_played(client: httpx.Client, api: Served) -> None:
    for content, name in ((b"<script>alert(1)</script>", "a.mp3"), (files.pdf([""]), "b.pdf"), (files.picture(), "c.png")):
        answer = client.get(put(client, content, name) + "/media")
        assert (answer.status_code, answer.json()["code"]) == (415, "no_recording")
    matter: Matter = fill(api.store)
    assert client.get(f"/api/documents/{matter.letter}/media").status_code == 415


def test_what_lies_far_away_is_fetched_once(api: Served, tmp_path: Path) -> None:
    with amazon() as access:
        amazons = {"s3_bucket": new_bucket(access), "s3_endpoint_url": access.endpoint_url, "aws_region": access.region}
        keys = {"aws_access_key_id": access.access_key, "aws_secret_access_key": SecretStr(access.secret_key)}
        far_away = amazons | keys | {"blob_store": "s3", "nlp_pipeline_home": tmp_path}
        settings = api.settings.model_copy(update=far_away)
        with served(settings) as far, far.client() as client:
            talk, scan = put(client, sound("WAV"), "talk.wav"), put(client, files.pdf(["", ""]), "scan.pdf")
            size = len(client.get(f"{talk}/media").content)
            assert client.get(f"{scan}/pages/1/image").status_code == 200
    with served(settings) as far, far.client() as client:  # the bucket is away
        assert (
            client.get(f"{talk}/media", headers={"Range": "bytes=10-19"}).headers["content-range"] == f"bytes 10-19/{size}"
        )
        assert client.get(f"{talk}/file").status_code == 200
        assert client.get(f"{scan}/pages/2/image").status_code == 200
