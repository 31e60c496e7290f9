"""What every ``BlobStore`` must do, and what only a folder does."""

import filecmp
import os
import tracemalloc
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from pipeline.aws import AwsAccess
from pipeline.errors import BadDocument, ServiceUnavailable
from pipeline.ports import BlobStore
from pipeline.stores.files import FolderBlobs
from pipeline.stores.s3 import S3Blobs
from pipeline.stores.supabase_files import SupabaseBlobs
from tests.standins.amazon import amazon, new_bucket
from tests.standins.supabase_storage import SERVICE_KEY, Storage, supabase_storage

KEY = "matter/" + "ab12" * 16
needs_limits = pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "files"


@pytest.fixture(scope="module")
def access() -> Iterator[AwsAccess]:
    with amazon() as access:
        yield access


@pytest.fixture
def storage() -> Iterator[Storage]:
    with supabase_storage() as storage:
        yield storage


@pytest.fixture(params=["folder", "s3", "supabase"])
def blobs(request: pytest.FixtureRequest, folder: Path) -> Iterator[BlobStore]:
    if request.param == "s3":
        access = request.getfixturevalue("access")
        yield S3Blobs(new_bucket(access), "files", access)
    elif request.param == "supabase":
        with closing(SupabaseBlobs(request.getfixturevalue("storage").url, SERVICE_KEY, "documents")) as blobs:
            yield blobs
    else:
        yield FolderBlobs(folder)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "source.bin"
    path.write_bytes(bytes(range(256)) * 100)
    return path


def content(blobs: BlobStore, key: str) -> bytes:
    with blobs.local(key) as path:
        return path.read_bytes()


@pytest.mark.parametrize("key", [KEY, KEY + ".pdf", "Fälle 2024/" + "0" * 64, "x"])
def test_what_was_put_comes_back(blobs: BlobStore, source: Path, key: str) -> None:
    blobs.put(key, source)
    assert content(blobs, key) == source.read_bytes()


def test_an_empty_file_is_a_file(blobs: BlobStore, source: Path) -> None:
    source.write_bytes(b"")
    blobs.put(KEY, source)
    assert content(blobs, KEY) == b""


def test_a_second_put_replaces_the_first(blobs: BlobStore, source: Path) -> None:
    blobs.put(KEY, source)
    source.write_bytes(b"new")
    blobs.put(KEY, source)
    assert content(blobs, KEY) == b"new"


def test_keys_do_not_touch_each_other(blobs: BlobStore, source: Path) -> None:
    blobs.put(KEY, source)
    with pytest.raises(BadDocument), blobs.local(KEY + ".pdf"):
        pass
    blobs.delete(KEY + ".pdf")
    assert content(blobs, KEY) == source.read_bytes()


def test_a_missing_file_has_its_code(blobs: BlobStore) -> None:
    with pytest.raises(BadDocument) as fault, blobs.local(KEY):
        pass
    assert fault.value.code == "file_missing"


def test_a_missing_source_stores_nothing(blobs: BlobStore, tmp_path: Path) -> None:
    with pytest.raises(BadDocument) as fault:
        blobs.put(KEY, tmp_path / "absent")
    assert fault.value.code == "file_missing"
    with pytest.raises(BadDocument), blobs.local(KEY):
        pass


def test_delete_may_come_twice(blobs: BlobStore, source: Path) -> None:
    blobs.put(KEY, source)
    blobs.delete(KEY)
    blobs.delete(KEY)
    with pytest.raises(BadDocument), blobs.local(KEY):
        pass


@pytest.mark.parametrize(
    "key",
    [
        "",
        "/etc/passwd",
        "../x",
        "a/../../x",
        "a//b",
        "a/",
        ".hidden",
        "a/.part",
        "a\0b",
        "a\nb",
        "a\\..\\b",
        "a/" + "x" * 300,
    ],
)
def test_a_key_that_leads_elsewhere_is_refused(blobs: BlobStore, source: Path, key: str) -> None:
    for use in (lambda: blobs.put(key, source), lambda: content(blobs, key), lambda: blobs.delete(key)):
        with pytest.raises(BadDocument) as fault:
            use()
        assert fault.value.code == "bad_key"


def test_an_error_of_the_reader_stays_its_own(blobs: BlobStore, source: Path) -> None:
    blobs.put(KEY, source)
    with pytest.raises(OSError, match="mine"), blobs.local(KEY):
        raise OSError("mine")


def test_writers_of_one_key_leave_one_whole_file(blobs: BlobStore, tmp_path: Path) -> None:
    sources = [tmp_path / f"{letter}" for letter in "abcdefgh"]
    for path in sources:
        path.write_bytes(path.name.encode() * 200_000)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda path: blobs.put(KEY, path), sources))
    assert len(set(content(blobs, KEY))) == 1
    assert len(content(blobs, KEY)) == 200_000


def test_a_large_file_is_not_held_in_memory(blobs: BlobStore, source: Path) -> None:
    size = 64 * 1024 * 1024
    with source.open("wb") as big:
        big.truncate(size)
        big.seek(size - 1)
        big.write(b"x")
    tracemalloc.start()
    blobs.put(KEY, source)
    with blobs.local(KEY) as path:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert path.stat().st_size == size
        assert filecmp.cmp(path, source, shallow=False)
    assert peak < size / 4


def test_writers_leave_nothing_else_in_the_folder(folder: Path, source: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: FolderBlobs(folder).put(KEY, source), range(8)))
    assert len([path for path in folder.rglob("*") if path.is_file()]) == 1


def test_a_full_disk_is_said_and_leaves_nothing(folder: Path, source: Path) -> None:
    resource = pytest.importorskip("resource", reason="needs limits on the size of files")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, hard))
    try:
        with pytest.raises(ServiceUnavailable, match="No space is left") as fault:
            FolderBlobs(folder).put(KEY, source)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert fault.value.code == "disk_full"
    assert not [path for path in folder.rglob("*") if path.is_file()]


def test_a_place_that_cannot_be_a_folder_is_said(tmp_path: Path, source: Path) -> None:
    (tmp_path / "files").write_text("a file")
    with pytest.raises(ServiceUnavailable, match="cannot be used"):
        FolderBlobs(tmp_path / "files").put(KEY, source)


@needs_limits
def test_a_closed_folder_is_said(folder: Path, source: Path) -> None:
    folder.mkdir(mode=0o500)
    with pytest.raises(ServiceUnavailable, match="may not be used"):
        FolderBlobs(folder).put(KEY, source)
