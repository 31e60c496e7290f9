"""Putting a backup back. What was there stays until the new database is whole."""

import shutil
import tempfile
from pathlib import Path

from psycopg import sql

from pipeline.backup.archive import Archive, BadBackup, Refused
from pipeline.backup.database import Copied, Watch, connected, name_of, on, run_program
from pipeline.ports import BlobStore
from pipeline.stores.migrations import migrate, migrations

FRESH, FORMER = "_restored", "_former"
DROP = sql.SQL("drop database if exists {} with (force)")
CREATE = sql.SQL("create database {} template template0")
RENAME = sql.SQL("alter database {} rename to {}")


def restore_backup(
    archive: Archive, database: str, blobs: BlobStore, programs: Path, watch: Watch, *, replace: bool = False
) -> Copied:
    """Put a backup in the place of an empty database.

    Workers must not run. The graph is not in a backup: it is to be built again from the database.

    Args:
        archive: the backup.
        database: PostgreSQL URL of a role that may create databases.
        blobs: where its files go.
        programs: folder of ``pg_restore``.
        watch: told of the progress.
        replace: even if the database holds documents.

    Raises:
        BadBackup: it was made by a newer version.
        Refused: the database holds documents.
        ServiceUnavailable: the database is away, or the dump cannot be read.
    """
    known = {name for name, _ in migrations()}
    if newer := sorted(set(archive.header.migrations) - known):
        raise BadBackup(f"The backup was made by version {archive.header.version}, whose {newer[0]} is not known here.")
    former_keys = _keys(database)
    if former_keys and not replace:
        raise Refused(
            "This home holds documents: restore into another NLP_PIPELINE_HOME, or say --replace and lose them.", "not_empty"
        )
    fresh = on(database, f"{name_of(database)}{FRESH}")
    _make(fresh)
    with tempfile.TemporaryDirectory(prefix="restore-") as folder:
        dump, file = Path(folder) / "dump", Path(folder) / "file"
        archive.copy_dump(dump)
        run_program(programs / "pg_restore", fresh, "--exit-on-error", "--no-owner", f"--dbname={name_of(fresh)}", str(dump))
        dump.unlink()
        files = _put_files(archive, blobs, file, watch)
    migrate(fresh)
    with connected(fresh) as db:
        db.execute("select note_unused_files(%s)", (former_keys,))
    _take_place(database, fresh)
    return Copied(archive.header.documents, files, 0)


def _keys(database: str) -> list[str]:
    with connected(database) as db:
        return [key for (key,) in db.execute("select distinct storage_key from documents")]


def _put_files(archive: Archive, blobs: BlobStore, place: Path, watch: Watch) -> int:
    number = 0
    for number, (key, content) in enumerate(archive.files(), 1):
        with place.open("wb") as copy:
            shutil.copyfileobj(content, copy)
        blobs.put(key, place)
        watch(number, 0)
    return number


def _make(database: str) -> None:
    name = sql.Identifier(name_of(database))
    with connected(on(database, "postgres")) as db:
        db.execute(DROP.format(name))
        db.execute(CREATE.format(name))


def _take_place(database: str, fresh: str) -> None:
    name, new, former = (sql.Identifier(n) for n in (name_of(database), name_of(fresh), f"{name_of(database)}{FORMER}"))
    with connected(on(database, "postgres")) as db:
        db.execute(DROP.format(former))
        names = [name_of(database), name_of(fresh)]
        db.execute("select pg_terminate_backend(pid) from pg_stat_activity where datname = any (%s)", (names,))
        with db.transaction():  # both or none: a database of this name is always there
            db.execute(RENAME.format(name, former))
            db.execute(RENAME.format(new, name))
        db.execute(DROP.format(former))
