"""Making a backup while everything runs."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from pipeline import __version__
from pipeline.backup.archive import DUMP, FILES, HEADER, ArchiveWriter, Header, fresh_file
from pipeline.backup.database import Connection, Copied, Watch, connected, run_program
from pipeline.errors import BadDocument
from pipeline.ports import BlobStore


def write_backup(
    database: str, blobs: BlobStore | None, programs: Path, file: Path, watch: Watch, *, replace: bool = False
) -> Copied:
    """Copy the database as of one moment, and every file that it names then.

    Args:
        database: PostgreSQL URL.
        blobs: the stored files; None leaves them out.
        programs: folder of ``pg_dump``.
        file: the backup.
        watch: told of the progress.
        replace: write over a file of that name.

    Raises:
        Refused: the file is there already or cannot be written.
        ServiceUnavailable: the database is away or cannot be dumped.
    """
    with fresh_file(file, replace=replace) as stream, _moment(database) as (db, snapshot):
        archive = ArchiveWriter(stream)
        header = _header(db, with_files=blobs is not None)
        archive.add_text(HEADER, header)
        with tempfile.NamedTemporaryFile(dir=file.parent, prefix=".dump-") as dump:
            options = ("--format=custom", "--no-owner", f"--snapshot={snapshot}", f"--file={dump.name}")
            run_program(programs / "pg_dump", database, *options)
            archive.add(DUMP, dump, Path(dump.name).stat().st_size)
        files, missing = _add_files(archive, db, blobs, watch) if blobs else (0, 0)
        archive.finish()
    return Copied(header.documents, files, missing)


def _header(db: Connection, *, with_files: bool) -> Header:
    ((documents,),) = db.execute("select count(*) from documents").fetchall()
    applied = [name for (name,) in db.execute("select name from schema_migrations order by name")]
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return Header(version=__version__, made_at=now, migrations=applied, documents=documents, with_files=with_files)


def _add_files(archive: ArchiveWriter, db: Connection, blobs: BlobStore, watch: Watch) -> tuple[int, int]:
    keys = [key for (key,) in db.execute("select distinct storage_key from documents order by 1")]
    found = 0
    for done, key in enumerate(keys, 1):
        with suppress(BadDocument), blobs.local(key) as path, path.open("rb") as content:
            archive.add(FILES + key, content, path.stat().st_size)
            found += 1
        watch(done, len(keys))
    return found, len(keys) - found


@contextmanager
def _moment(database: str) -> Iterator[tuple[Connection, str]]:
    """One moment of the database, and its name for others; no file that it names is removed until the context ends.

    Files of deleted documents are removed once all transactions have ended that were under way when they were marked.
    """
    with connected(database) as holding, holding.transaction():
        holding.execute("select pg_current_xact_id()")
        with connected(database) as db, db.transaction():
            db.execute("set transaction isolation level repeatable read, read only")
            ((snapshot,),) = db.execute("select pg_export_snapshot()").fetchall()
            yield db, snapshot
