"""Whether each document of an old table is moved once, however often the migration is killed.

usage: python benchmarks/migration.py [--rows 50000] [--kills 3] [--database URL]

An old table of mixed states, with files, texts and rows whose file is gone. `nlp-pipeline migrate documents` is killed (-9)
so many times, each after an equal share; then two of it run to their end at one time, and one once more. Prints a table; the
last line is JSON. Exit code 1 if a row that is wanted was not moved, or was moved twice, or the old table has changed.
"""

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg

from pipeline.settings import load_settings
from pipeline.stores.mapping import packaged
from pipeline.stores.migrations import migrate
from pipeline.supervisor import Supervisor

OLD = "migration_benchmark_old"
FILES = 1000
TABLE = """
create table source_documents (source_doc_sql_id integer primary key, status text, file_path text, file_name text,
    project_sql_id integer, raw_text text, updated_at timestamptz);
insert into source_documents
select n, (string_to_array('pending pending pending queued processing processing completed ocr_failed error odd', ' '))
           [1 + n %% 10],
       case when n %% 3 = 0 then null when n %% 41 = 0 then 'gone.txt' else format('%%s.txt', n %% %(files)s) end,
       format('document %%s.txt', n), 1 + n %% 3, case when n %% 3 = 0 then format('Text %%s of an old document.', n) end,
       now() - case when n %% 4 = 0 then interval '3 days' else interval '1 hour' end
from generate_series(1, %(rows)s) n
"""
STATE = "select md5(string_agg(d::text, '|' order by source_doc_sql_id)) from source_documents d"
WANTED = """
select array_agg(source_doc_sql_id::text) from source_documents
where (status in ('pending', 'queued') or status = 'processing' and updated_at < now() - interval '24 hours')
  and file_path is distinct from 'gone.txt'
"""
MOVED = """
select count(*), count(distinct split_part(source_path, '/', 2)), array_agg(split_part(source_path, '/', 2)),
       (select count(*) from moved_documents) from documents
"""


@contextmanager
def database(url: str) -> Iterator[tuple[str, Path]]:
    """A database of our own to move to, and a folder."""
    folder = Path(tempfile.mkdtemp(prefix="migration-"))
    folder.chmod(0o711)
    settings = load_settings(_env_file=None, nlp_pipeline_home=folder / "home", database_url=None, celery_broker_url=None)
    supervisor = None if url else Supervisor(settings)
    try:
        yield url or supervisor.up(only=("postgres",)).database if supervisor else url, folder
    finally:
        if supervisor:
            supervisor.down()
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def old_database(url: str, rows: int) -> Iterator[str]:
    """A second database beside it, with the old table."""
    with psycopg.connect(url, autocommit=True) as admin:
        admin.execute(f"create database {OLD}_{os.getpid()}".encode())
    old = urlunsplit(urlsplit(url)._replace(path=f"/{OLD}_{os.getpid()}"))
    try:
        with psycopg.connect(old, autocommit=True) as db:
            for statement in TABLE.strip().split(";\n"):
                db.execute(statement.encode(), {"rows": rows, "files": FILES} if "%(rows)s" in statement else None)
        yield old
    finally:
        with psycopg.connect(url, autocommit=True) as admin:
            admin.execute(f"drop database {OLD}_{os.getpid()} with (force)".encode())


class Program:
    """The command, as it is typed."""

    def __init__(self, database: str, old: str, folder: Path) -> None:
        files = folder / "uploads"
        files.mkdir()
        for number in range(FILES):
            (files / f"{number}.txt").write_text(f"File {number} of an old system.")
        mapping = folder / "old.toml"
        mapping.write_text(
            packaged("nlp-pipeline").replace('# text = "raw_text"', 'text = "raw_text"').replace("# changed", "changed")
        )
        self.words = [*COMMAND, "--mapping", str(mapping), "--files", str(files), "--include-stalled", "--json"]
        self.environment = os.environ | {
            "DATABASE_URL": database, "LEGACY_DATABASE_URL": old, "NLP_PIPELINE_HOME": str(folder / "home"),
            "BLOB_FOLDER": str(folder / "files"),
        }  # fmt: skip

    def start(self) -> subprocess.Popen[str]:
        """Start it."""
        return subprocess.Popen(self.words, env=self.environment, stdout=subprocess.PIPE, text=True)

    def reports(self, at_once: int) -> list[dict[str, int]]:
        """Run it to its end, so many times at once."""
        running = [self.start() for _ in range(at_once)]
        said = [process.communicate()[0] for process in running]
        assert [process.returncode for process in running] == [SOME_REFUSED] * at_once, said
        return [json.loads(each) for each in said]


COMMAND = (sys.executable, "-m", "pipeline.cli.main", "migrate", "documents")
SOME_REFUSED = 3


def kill_at(program: Program, db: psycopg.Connection[tuple[int]], documents: int) -> int:
    """Run it until so many documents are moved, then kill it; returns how many are."""
    with program.start() as process:
        while process.poll() is None and moved(db) < documents:
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        said, _ = process.communicate()
    assert process.returncode == -signal.SIGKILL, f"it had ended before it was killed: {said}"
    return moved(db)


def moved(db: psycopg.Connection[tuple[int]]) -> int:
    """How many documents there are."""
    row = db.execute("select count(*) from documents").fetchone()
    return row[0] if row else 0


def run(rows: int, kills: int, url: str) -> bool:
    """Run it all; whether it is as it should be."""
    with database(url) as (ours, folder), old_database(ours, rows) as old:
        migrate(ours)
        program = Program(ours, old, folder)
        with psycopg.connect(ours, autocommit=True) as db, psycopg.connect(old, autocommit=True) as source:
            ((before,),) = source.execute(STATE).fetchall()
            ((wanted,),) = source.execute(WANTED).fetchall()
            began = time.monotonic()
            killed = [kill_at(program, db, len(wanted) * (n + 1) // (kills + 1)) for n in range(kills)]
            last, seconds = program.reports(2), time.monotonic() - began
            (again,) = program.reports(1)
            ((count, distinct, paths, recorded),) = db.execute(MOVED).fetchall()
            ((after,),) = source.execute(STATE).fetchall()
    result = {
        "rows": rows, "wanted": len(wanted), "killed_at": killed, "moved": count, "twice": count - distinct,
        "missing": len(set(wanted) - set(paths)), "unwanted": len(set(paths) - set(wanted)), "recorded": recorded,
        "last_runs": [each["moved"] for each in last], "not_moved": again["not_moved"], "again": again["moved"],
        "old_table_unchanged": before == after, "documents_per_second": round(count / seconds, 1),
    }  # fmt: skip
    for name, value in result.items():
        print(f"{name:<22}{value}")
    print(json.dumps(result))
    return (count, distinct, recorded, again["moved"], before) == (len(wanted), len(wanted), len(wanted), 0, after) and set(
        wanted
    ) == set(paths)


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=50_000)
    parser.add_argument("--kills", type=int, default=3)
    parser.add_argument("--database", default="", help="an empty database to move to; an embedded one unless given")
    given = parser.parse_args()
    sys.exit(0 if run(given.rows, given.kills, given.database) else 1)


if __name__ == "__main__":
    main()
