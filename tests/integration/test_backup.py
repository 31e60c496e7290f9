"""Backups: made while documents are worked on, put back whole or not at all."""

import json
import os
import tarfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from pydantic import SecretStr

from pipeline.backup.archive import DUMP, FORMAT, HEADER, SUMS, Archive, BadBackup, Refused
from pipeline.backup.database import connected
from pipeline.backup.making import write_backup
from pipeline.backup.restoring import restore_backup
from pipeline.endpoints import Endpoints
from pipeline.errors import Misconfigured, ServiceUnavailable
from pipeline.model import Selection, Submission
from pipeline.settings import Settings
from pipeline.stores.database import Database
from pipeline.stores.files import FolderBlobs
from pipeline.stores.postgres import PostgresStore
from pipeline.supervisor.postgres import Postgres
from pipeline.supervisor.server import package_folder
from pipeline.wiring import Services
from tests.running import ENDED, all_completed, chain, environment_of, submit, until
from tests.servers import fresh_database

PROGRAMS = package_folder(Postgres) / "pginstall" / "bin"
NAMES = (
    "Anna Berger",
    "Boris Castillo",
    "Clara Novak",
    "David Moreau",
    "Elena Price",
    "Frank Ibsen",
    "Greta Jansen",
    "Henry Keller",
)
TEXTS = {f"{n}.txt": f"{name} of Northgate Bank met {NAMES[n - 1]} in Lisbon.".encode() for n, name in enumerate(NAMES)}
EVERYTHING = (
    "select source_path, status::text, text, language, category from documents order by 1",
    "select d.source_path, m.start_offset, m.end_offset, m.type::text, e.key from mentions m"
    " join documents d on d.id = m.document_id join entities e on e.id = m.entity_id order by 1, 2, 3",
    "select d.source_path, v.relationship_id, v.start_offset from relationship_evidence v"
    " join documents d on d.id = v.document_id order by 1, 2, 3",
    "select key, merged_into from entities order by 1",
)


def nothing(_done: int, _of: int) -> None:
    """Watches."""


def everything(database: str) -> list[list[tuple[object, ...]]]:
    with psycopg.connect(database) as db:
        return [db.execute(query).fetchall() for query in EVERYTHING]


@pytest.fixture
def other(endpoints: Endpoints, migrated_template: str) -> Iterator[str]:
    """The database of another home."""
    with fresh_database(endpoints, migrated_template) as url:
        yield url


@pytest.fixture
def backup(use: Services, database_url: str, tmp_path: Path) -> Path:
    """Of documents that wait."""
    submit(use, tmp_path, TEXTS)
    file = tmp_path / "matter.backup"
    copied = write_backup(database_url, use.blobs, PROGRAMS, file, nothing)
    assert copied == (len(TEXTS), len(TEXTS), 0)
    return file


def test_a_backup_made_in_the_middle_goes_on_elsewhere_to_the_same_end(
    settings: Settings, use: Services, database_url: str, other: str, tmp_path: Path
) -> None:
    submit(use, tmp_path, TEXTS)
    file = tmp_path / "matter.backup"
    with psycopg.connect(database_url, autocommit=True) as db, chain(environment_of(settings), tmp_path):
        until(db, ENDED, lambda rows: any(row[1] == "completed" for row in rows))
        write_backup(database_url, use.blobs, PROGRAMS, file, nothing)
        until(db, ENDED, all_completed)
    blobs = FolderBlobs(tmp_path / "second")
    copied = restore_backup(Archive(file), other, blobs, PROGRAMS, nothing)
    assert (copied.documents, copied.files) == (len(TEXTS), len(TEXTS))
    second = environment_of(
        settings.model_copy(update={"database_url": SecretStr(other)}), BLOB_FOLDER=str(tmp_path / "second")
    )
    with psycopg.connect(other, autocommit=True) as db, chain(second, tmp_path):
        until(db, ENDED, all_completed)
    assert everything(other) == everything(database_url)


def test_files_of_documents_that_are_deleted_meanwhile_stay_until_the_backup_is_made(
    use: Services, database_url: str, tmp_path: Path
) -> None:
    submit(use, tmp_path, TEXTS)
    removed: list[str] = []

    def delete_and_clean() -> None:
        if not removed:
            use.documents.delete(use.documents.select(Selection("matter")))
            use.documents.unused_files()
        with use.documents.removing_files() as keys:
            removed.append(",".join(keys))

    class Deleted:
        """The stored files, of which the documents are deleted while the first is read."""

        def local(self, key: str) -> object:
            delete_and_clean()
            return use.blobs.local(key)

    file = tmp_path / "matter.backup"
    copied = write_backup(database_url, Deleted(), PROGRAMS, file, nothing)  # type: ignore[arg-type]
    assert copied == (len(TEXTS), len(TEXTS), 0)
    assert not any(removed)
    delete_and_clean()
    assert len(removed[-1].split(",")) == len(TEXTS)


def test_what_a_backup_replaces_is_told_to_be_removed(backup: Path, use: Services, other: str, tmp_path: Path) -> None:
    with closing(Database(other)) as database:
        PostgresStore(database).submit("old", [Submission("a", "a", "old/key", 1, "x")])
    blobs = FolderBlobs(tmp_path / "second")
    with pytest.raises(Misconfigured, match="holds documents"):
        restore_backup(Archive(backup), other, blobs, PROGRAMS, nothing)
    restore_backup(Archive(backup), other, blobs, PROGRAMS, nothing, replace=True)
    with connected(other) as db:
        assert db.execute("select storage_key from files_unused").fetchall() == [("old/key",)]
        assert db.execute("select name from projects").fetchall() == [("matter",)]


def cut(file: Path) -> None:
    os.truncate(file, file.stat().st_size // 2)


def lose_the_end(file: Path) -> None:
    with tarfile.open(file) as tar:
        place = tar.getmember(SUMS).offset
    os.truncate(file, place)


def flip(file: Path) -> None:
    with tarfile.open(file) as tar:
        place = tar.getmember(DUMP).offset_data + 1000
    content = bytearray(file.read_bytes())
    content[place] ^= 1
    file.write_bytes(content)


def add_a_stranger(file: Path) -> None:
    with tarfile.open(file, "a") as tar:
        member = tarfile.TarInfo("files/../../escaped")
        tar.addfile(member)


def make_it_of_the_future(file: Path) -> None:
    change = f'"format": {FORMAT}'.encode(), f'"format": {FORMAT + 1}'.encode()
    assert change[0] in file.read_bytes()
    file.write_bytes(file.read_bytes().replace(*change))


@pytest.mark.parametrize("damage", [cut, lose_the_end, flip, add_a_stranger, make_it_of_the_future])
def test_a_damaged_backup_is_refused_before_anything_is_changed(backup: Path, damage: Callable[[Path], None]) -> None:
    Archive(backup)
    damage(backup)
    with pytest.raises(BadBackup):
        Archive(backup)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_a_full_disk_is_not_the_backup_s_fault(backup: Path) -> None:
    with pytest.raises(Refused, match="No space is left") as refused:
        Archive(backup).copy_dump(Path("/dev/full"))
    assert refused.value.code == "disk_full"


def test_a_backup_of_a_newer_version_is_refused(backup: Path, use: Services, other: str) -> None:
    archive = Archive(backup)
    archive.header = archive.header.model_copy(update={"version": "99", "migrations": ["9999_later.sql"]})
    with pytest.raises(BadBackup, match="version 99"):
        restore_backup(archive, other, use.blobs, PROGRAMS, nothing)


def test_a_dump_that_cannot_be_read_leaves_the_former_database(
    backup: Path, use: Services, other: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = Archive(backup)
    monkeypatch.setattr(archive, "copy_dump", lambda target: target.write_bytes(b"PGDMP no more"))
    with pytest.raises(ServiceUnavailable, match="pg_restore failed"):
        restore_backup(archive, other, use.blobs, PROGRAMS, nothing)
    with connected(other) as db:
        assert db.execute("select count(*) from documents").fetchall() == [(0,)]


def test_a_backup_is_private_whole_and_over_nothing(backup: Path, use: Services, database_url: str, tmp_path: Path) -> None:
    assert backup.stat().st_mode & 0o777 == 0o600
    with tarfile.open(backup) as tar:
        header = json.loads(tar.extractfile(HEADER).read())  # type: ignore[union-attr]
    assert header["documents"] == len(TEXTS)
    before = backup.read_bytes()
    with pytest.raises(Misconfigured, match="there already"):
        write_backup(database_url, use.blobs, PROGRAMS, backup, nothing)
    with pytest.raises(ServiceUnavailable, match="cannot be used"):
        write_backup(database_url.replace("@127.0.0.1", "@127.0.0.2"), use.blobs, PROGRAMS, backup, nothing, replace=True)
    with pytest.raises(Misconfigured, match="cannot be written"):
        write_backup(database_url, use.blobs, PROGRAMS, tmp_path / "no folder" / "x", nothing)
    assert backup.read_bytes() == before
    assert not list(tmp_path.glob(".*"))
