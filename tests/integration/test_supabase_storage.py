"""Files in Supabase Storage: what only it does."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from pipeline.errors import BadDocument, Misconfigured, Outage, ServiceUnavailable, Throttled
from pipeline.stores.supabase_files import SHA256, SupabaseBlobs
from tests.standins.supabase_storage import ANON_KEY, SERVICE_KEY, Storage, supabase_storage

KEY = "matter/" + "ab12" * 16


@pytest.fixture
def storage() -> Iterator[Storage]:
    with supabase_storage() as storage:
        yield storage


@pytest.fixture
def blobs(storage: Storage) -> Iterator[SupabaseBlobs]:
    with closing(SupabaseBlobs(storage.url, SERVICE_KEY, "documents")) as blobs:
        yield blobs


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "source.bin"
    path.write_bytes(b"what was stored" * 10_000)
    return path


def test_any_key_finds_a_name_that_storage_takes(storage: Storage, blobs: SupabaseBlobs, source: Path) -> None:
    for key in ("Fälle 2024/a=b#c?", "Fälle 2024/a=b#c", "Fa%CCÌlle/ü"):
        blobs.put(key, source)
    assert len(list(storage.folder.rglob("*.*"))) + len(list((storage.folder / "documents").iterdir())) == 3
    with pytest.raises(BadDocument), blobs.local("F=C3=A4lle 2024/a=b#c"):
        pass


def test_a_key_that_becomes_too_long_is_refused(blobs: SupabaseBlobs) -> None:
    with pytest.raises(BadDocument) as fault:
        blobs.delete("/".join(["ü" * 90] * 4))
    assert fault.value.code == "bad_key"


def test_content_that_is_not_what_was_stored_is_found(storage: Storage, blobs: SupabaseBlobs, source: Path) -> None:
    blobs.put(KEY, source)
    storage.path("documents", KEY).write_bytes(b"something else")
    with pytest.raises(ServiceUnavailable) as fault, blobs.local(KEY):
        pass
    assert fault.value.code == "checksum_mismatch"


def test_a_download_that_breaks_off_is_no_file(storage: Storage, blobs: SupabaseBlobs, source: Path) -> None:
    blobs.put(KEY, source)
    storage.cut = True
    with pytest.raises(Outage), blobs.local(KEY):
        pass
    with blobs.local(KEY) as path:
        assert path.read_bytes() == source.read_bytes()
    assert not path.exists()


def test_a_file_that_another_program_stored_is_read(storage: Storage, blobs: SupabaseBlobs, source: Path) -> None:
    blobs.put(KEY, source)
    name = storage.path("documents", KEY).name
    assert storage.metadata[name] != {}
    storage.metadata[name] = {}
    with blobs.local(KEY) as path:
        assert path.read_bytes() == source.read_bytes()
    assert SHA256 not in storage.metadata[name]


def test_check_leaves_nothing_behind(storage: Storage, blobs: SupabaseBlobs) -> None:
    assert blobs.check() == "bucket documents, can be written and read"
    assert not list((storage.folder / "documents").iterdir())


@pytest.mark.parametrize("key", [ANON_KEY, "not a key"])
def test_a_wrong_key_is_said_without_it(storage: Storage, source: Path, key: str) -> None:
    with closing(SupabaseBlobs(storage.url, key, "documents")) as blobs, pytest.raises(Misconfigured) as fault:
        blobs.put(KEY, source)
    assert fault.value.code == "wrong_key"
    assert "SUPABASE_KEY" in fault.value.message
    assert key not in repr(fault.value)


def test_a_missing_bucket_is_a_wrong_setting(storage: Storage, source: Path) -> None:
    with closing(SupabaseBlobs(storage.url, SERVICE_KEY, "absent")) as blobs:
        for use in (lambda: blobs.put(KEY, source), lambda: blobs.delete(KEY), blobs.check):
            with pytest.raises(Misconfigured, match="absent") as fault:
                use()
            assert fault.value.code == "not_there"
        with pytest.raises(Misconfigured), blobs.local(KEY):
            pass


def test_a_file_above_the_limit_is_said_and_not_stored(storage: Storage, blobs: SupabaseBlobs, source: Path) -> None:
    storage.size_limit = 1000
    with pytest.raises(BadDocument) as fault:
        blobs.put(KEY, source)
    assert fault.value.code == "too_large"
    with pytest.raises(BadDocument), blobs.local(KEY):
        pass


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (429, {}, Throttled),
        (400, {"statusCode": "503", "error": "SlowDown", "message": "Please reduce your request rate"}, Throttled),
        (400, {"code": "InvalidJWT", "message": "invalid signature"}, Misconfigured),
        (415, {"statusCode": "415", "error": "invalid_mime_type", "message": "mime type not supported"}, Misconfigured),
        (400, {"statusCode": "404", "code": "NoSuchBucket", "message": "The bucket is not found"}, Misconfigured),
        (400, {"statusCode": "544", "error": "DatabaseTimeout", "message": "timeout"}, Outage),
        (502, {}, Outage),
        (400, {"message": "unknown"}, ServiceUnavailable),
    ],
)
def test_a_refusal_says_what_to_do_next(
    storage: Storage, blobs: SupabaseBlobs, source: Path, status: int, body: dict[str, str], error: type[Exception]
) -> None:
    storage.refusals.append((status, body))
    with pytest.raises(error) as fault:
        blobs.put(KEY, source)
    assert type(fault.value) is error
    blobs.put(KEY, source)


def test_a_storage_that_does_not_answer_is_waited_for(source: Path) -> None:
    with closing(SupabaseBlobs("http://127.0.0.1:9", SERVICE_KEY, "documents")) as blobs:
        with pytest.raises(Outage, match="does not answer"):
            blobs.put(KEY, source)
        with pytest.raises(Outage), blobs.local(KEY):
            pass


@pytest.mark.parametrize("url", ["", "project.supabase.co", "ftp://project"])
def test_an_address_that_is_none_is_a_wrong_setting(source: Path, url: str) -> None:
    with pytest.raises(Misconfigured, match="SUPABASE_URL"), closing(SupabaseBlobs(url, SERVICE_KEY, "b")) as blobs:
        blobs.put(KEY, source)


def test_a_key_that_cannot_be_sent_is_a_wrong_setting() -> None:
    with pytest.raises(Misconfigured) as fault:
        SupabaseBlobs("http://127.0.0.1:9", "schlüssel\n", "documents")
    assert "schl" not in repr(fault.value)
