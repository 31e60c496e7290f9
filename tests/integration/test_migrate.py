"""Documents of earlier systems, moved from a real table of another database; and our own that never finished."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest

from pipeline.cli.main import execute
from pipeline.endpoints import Endpoints
from pipeline.model import DocumentId, Submission
from pipeline.status import Step
from pipeline.stores.database import Database
from pipeline.stores.old_table import NAME
from pipeline.stores.postgres import PostgresStore
from tests.matter import PROJECT, fill
from tests.program import ROOT
from tests.running import ENDED, all_completed, chain, until
from tests.servers import fresh_database
from tests.standins.amazon import amazon, new_bucket, s3_client
from tests.standins.supabase_storage import SERVICE_KEY, supabase_storage

Connection = psycopg.Connection[tuple[Any, ...]]
MAPPING = """
table = "archive.papers"

[columns]
id = "paper"
status = "state"
file = "place"
text = "body"
name = "called"
project = "matter"
changed = "touched"

[statuses]
pending = ["pending", "queued"]
running = ["processing"]
done = ["completed"]
failed = ["ocr_failed"]

[projects]
7 = "harbour"

[written]
column = "state"
value = "moved"
"""
OLD = """
create schema archive;
create table archive.papers (paper bigint primary key, state text, place text, body text, called text, matter integer,
    touched timestamptz not null default now());
insert into archive.papers (paper, state, place, body, called, matter, touched) values
    (1, 'pending', 'a.txt', null, 'letter.txt', 7, now()),
    (2, 'pending', 'deep/b.txt', null, '', 8, now()),
    (3, 'queued', null, 'What was read of it.', 'scan.pdf', 7, now()),
    (4, 'pending', 'gone.txt', null, 'gone.txt', 7, now()),
    (5, 'pending', '../outside.txt', null, 'outside.txt', 7, now()),
    (6, 'pending', '', '', 'nothing', 7, now()),
    (7, 'processing', 'a.txt', null, 'slow.txt', 7, now() - interval '1 hour'),
    (8, 'processing', 'a.txt', null, 'dead.txt', 7, now() - interval '3 days'),
    (9, 'completed', 'a.txt', null, 'done.txt', 7, now()),
    (10, 'ocr_failed', 'a.txt', null, 'failed.txt', 7, now()),
    (11, 'strange', 'a.txt', null, 'strange.txt', 7, now()),
    (12, null, 'a.txt', null, 'stateless.txt', 7, now());
"""
NOW = "select string_agg(p::text, '|' order by paper) from archive.papers p"


@pytest.fixture(autouse=True)
def place(database_url: str, broker_url: str, endpoints: Endpoints, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, value in endpoints.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("CELERY_BROKER_URL", broker_url)
    monkeypatch.setenv("NLP_PIPELINE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("NLP_PIPELINE_PROJECT", PROJECT)
    monkeypatch.delenv("LEGACY_DATABASE_URL", raising=False)
    monkeypatch.chdir(tmp_path)
    files = tmp_path / "uploads"
    (files / "deep").mkdir(parents=True)
    (files / "a.txt").write_text("Ada Lovelace wrote to Charles Babbage.")
    (files / "deep" / "b.txt").write_text("Mr. Babbage thanked her.")
    (tmp_path / "outside.txt").write_text("Nobody may move this.")
    (tmp_path / "old.toml").write_text(MAPPING)
    return tmp_path


@pytest.fixture
def db(database_url: str) -> Iterator[Connection]:
    with psycopg.connect(database_url, autocommit=True) as connection:
        yield connection


@pytest.fixture
def old(endpoints: Endpoints, monkeypatch: pytest.MonkeyPatch) -> Iterator[Connection]:
    with fresh_database(endpoints) as url, psycopg.connect(url, autocommit=True) as connection:
        connection.execute(OLD)
        monkeypatch.setenv("LEGACY_DATABASE_URL", url)
        yield connection


@pytest.fixture
def store(database_url: str) -> Iterator[PostgresStore]:
    with closing(Database(database_url)) as database:
        yield PostgresStore(database)


def migrate(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> dict[str, Any]:
    """The report of ``migrate documents --json``."""
    capsys.readouterr()
    assert execute(["migrate", "documents", "--json", *words]) == code
    report = json.loads(capsys.readouterr().out)
    assert isinstance(report, dict)
    return report


def fault(capsys: pytest.CaptureFixture[str], *words: str, code: int = 2) -> str:
    capsys.readouterr()
    assert execute(["migrate", "documents", *words]) == code
    return capsys.readouterr().err


def outcomes(report: dict[str, Any]) -> set[tuple[str, str, int]]:
    return {(row["status"], row["outcome"], row["documents"]) for row in report["rows"]}


def documents(db: Connection) -> list[tuple[Any, ...]]:
    return db.execute(
        "select p.name, d.source_path, d.file_name, d.status::text from documents d join projects p on p.id = d.project_id"
        " order by d.source_path"
    ).fetchall()


OLD_TABLE = ("--mapping", "old.toml", "--files", "uploads")


def test_a_dry_run_says_what_would_happen_and_why_and_changes_nothing(
    old: Connection, db: Connection, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = old.execute(NOW).fetchall()
    report = migrate(capsys, *OLD_TABLE, "--include-stalled", "--dry-run", code=3)
    assert outcomes(report) == {
        ("pending", "moved", 2), ("queued", "moved", 1), ("processing", "moved", 1), ("pending", "not moved", 1),
        ("pending", "not moved", 1), ("pending", "not moved", 1), ("processing", "left alone", 1),
        ("completed", "left alone", 1), ("ocr_failed", "left alone", 1), ("strange", "left alone", 1), ("", "left alone", 1),
    }  # fmt: skip
    assert [(each["id"], each["why"]) for each in report["refused"]] == [
        ("4", "The file is not there."),
        ("5", "The file lies outside the folder of files (--files)."),
        ("6", "The row names no file and holds no text."),
    ]
    assert documents(db) == []
    assert db.execute("select count(*) from moved_documents").fetchall() == [(0,)]
    assert not (place / "home" / "files").exists()
    assert old.execute(NOW).fetchall() == before
    assert execute(["migrate", *OLD_TABLE, "--dry-run"]) == 3  # an option of `documents` means `documents`
    said = capsys.readouterr().out
    assert "would be moved" in said
    assert "3 documents would be moved. Nothing was changed." in said
    assert "failed there: --status ocr_failed moves it" in said


def test_every_row_that_is_wanted_is_moved_once_and_the_old_table_stays_as_it_was(
    old: Connection, db: Connection, capsys: pytest.CaptureFixture[str]
) -> None:
    before = old.execute(NOW).fetchall()
    report = migrate(capsys, *OLD_TABLE, "--batch", "2", code=3)
    assert (report["moved"], report["not_moved"], report["moved_before"], report["finished"]) == (3, 3, 0, True)
    assert report["source"].endswith("/archive.papers")
    moved = [
        ("harbour", "archive.papers/1/letter.txt", "letter.txt", "pending"),
        ("8", "archive.papers/2/b.txt", "b.txt", "pending"),
        ("harbour", "archive.papers/3/scan.pdf.txt", "scan.pdf.txt", "pending"),
    ]
    assert documents(db) == moved
    again = migrate(capsys, *OLD_TABLE, code=3)
    assert (again["moved"], again["moved_before"]) == (0, 3)
    assert documents(db) == moved
    assert old.execute(NOW).fetchall() == before


def test_a_document_that_was_deleted_here_does_not_come_again(
    old: Connection, db: Connection, store: PostgresStore, capsys: pytest.CaptureFixture[str]
) -> None:
    migrate(capsys, *OLD_TABLE, code=3)
    store.delete([DocumentId(row[0]) for row in db.execute("select id::text from documents").fetchall()])
    assert migrate(capsys, *OLD_TABLE, code=3)["moved"] == 0
    assert documents(db) == []


@pytest.mark.usefixtures("old")
def test_states_limit_project_and_age_choose_rows(db: Connection, capsys: pytest.CaptureFixture[str]) -> None:
    assert outcomes(migrate(capsys, *OLD_TABLE, "--status", "ocr_failed", "strange", "--project", "fleet")) >= {
        ("ocr_failed", "moved", 1), ("strange", "moved", 1), ("pending", "left alone", 5),
    }  # fmt: skip
    assert {row[0] for row in documents(db)} == {"fleet"}
    assert migrate(capsys, *OLD_TABLE, "--limit", "1", "--rate", "50")["moved"] == 1
    stalled = migrate(capsys, *OLD_TABLE, "--status", "queued", "--stalled-after", "30m")
    assert {("processing", "moved", 2), ("queued", "moved", 1)} <= outcomes(stalled)


def test_the_status_column_is_written_only_when_mapping_and_flag_say_so(
    old: Connection, capsys: pytest.CaptureFixture[str]
) -> None:
    rest = "select paper, place, body, called, matter, touched from archive.papers order by paper"
    before = old.execute(rest).fetchall()
    migrate(capsys, *OLD_TABLE, code=3)
    migrate(capsys, *OLD_TABLE, "--mark", code=3)  # also what was moved before
    states: dict[int, str] = dict(old.execute("select paper, state from archive.papers where state = 'moved'").fetchall())
    assert states.keys() == {1, 2, 3}
    assert old.execute(rest).fetchall() == before


def test_files_lie_in_buckets_and_in_storage(
    old: Connection, db: Connection, place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with amazon() as access, supabase_storage() as storage:
        bucket = new_bucket(access)
        s3_client(access).put_object(Bucket=bucket, Key="in/x y.txt", Body=b"From a bucket.")
        (storage.folder / "documents").mkdir(exist_ok=True)
        for name, value in {
            "S3_ENDPOINT_URL": access.endpoint_url, "AWS_REGION": access.region, "AWS_ACCESS_KEY_ID": access.access_key,
            "AWS_SECRET_ACCESS_KEY": access.secret_key, "SUPABASE_URL": storage.url, "SUPABASE_KEY": SERVICE_KEY,
        }.items():  # fmt: skip
            monkeypatch.setenv(name, value)
        old.execute("delete from archive.papers")
        places = [
            f"s3://{bucket}/in/x y.txt", f"s3://{bucket}/in/none.txt", "s3://no-such-bucket/x",
            f"{storage.url}/storage/v1/object/public/documents/none.txt", "https://example.com/a.txt", "gs://bucket/a.txt",
        ]  # fmt: skip
        for number, where in enumerate(places):
            old.execute("insert into archive.papers (paper, state, place) values (%s, 'pending', %s)", (number, where))
        report = migrate(capsys, *OLD_TABLE, code=3)
        old.execute("insert into archive.papers (paper, state, place) values (9, 'pending', 'in/x y.txt')")
        (place / "keys.toml").write_text(f'prefix = "s3://{bucket}/"\n{MAPPING}')
        assert migrate(capsys, "--mapping", "keys.toml", code=3)["moved"] == 1
    names = ["archive.papers/0/x y.txt", "archive.papers/9/x y.txt"]
    assert documents(db) == [(PROJECT, name, "x y.txt", "pending") for name in names]
    assert [each["why"].split(":")[0] for each in report["refused"]] == [
        "The stored file is missing.",
        "The bucket no-such-bucket is not there. Create it, or correct its name.",
        "The stored file is missing.",
        "The file has a web address that is not of SUPABASE_URL",
        "The file's address is of a kind that cannot be fetched",
    ]


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (("--status", "pendign"), 2, "There is no state 'pendign' in archive.papers; there are completed, ocr_failed"),
        (("pending",), 2, "States stand behind --status"),
        (("--stalled-after", "soon"), 2, "say how long, such as 24h"),
        (("--mapping", "half.toml"), 2, "half.toml: columns.id: it is missing."),
        (("--mapping", "none.toml"), 2, "cannot be read: No such file or directory"),
        (("--mapping", "broken.json"), 2, "broken.json is not JSON"),
        (("--mapping", "twice.toml"), 2, "'pending' stands twice"),
        (("--table", "archive.nothing"), 2, "archive.nothing"),
        (("--mapping", "wrong.toml"), 2, 'column "colour" does not exist'),
        (("--from-url", "postgresql://127.0.0.1:1/x"), 4, "The old database cannot be reached at 127.0.0.1:1"),
        (("--from-url", "mysql:x"), 2, "it looks like postgresql://"),
        (("--own", "--mark"), 2, "--own takes no old table"),
        (("--mapping", "bare.toml", "--mark"), 2, "has no [written]"),
        (("--mapping", "bare.toml", "--include-stalled"), 2, "nobody can say what stands still"),
    ],
)
@pytest.mark.usefixtures("old")
def test_what_is_wrong_is_one_sentence(
    words: tuple[str, ...], code: int, sentence: str, place: Path, db: Connection, capsys: pytest.CaptureFixture[str]
) -> None:
    bare = 'table = "archive.papers"\n[columns]\nid = "paper"\nfile = "place"\n'
    (place / "half.toml").write_text('table = "x"\n[columns]\nfile = "place"\n')
    (place / "broken.json").write_text("{")
    (place / "twice.toml").write_text(bare + '[statuses]\npending = ["pending"]\ndone = ["pending"]\n')
    (place / "wrong.toml").write_text(bare + 'name = "colour"\n')
    (place / "bare.toml").write_text(bare)
    mapping = () if {"--mapping", "--own"} & {*words} else ("--mapping", "old.toml")
    said = fault(capsys, *mapping, *words, code=code)
    assert sentence in said
    assert "Traceback" not in said
    assert documents(db) == []


def test_a_database_that_refuses_is_named_without_its_password(
    database_url: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = database_url.replace("://", "://x", 1).replace("@", "geheim@", 1)
    said = fault(capsys, *OLD_TABLE, "--from-url", wrong)
    assert "The old database refuses us: password authentication failed" in said
    assert "LEGACY_DATABASE_URL" in said
    none = database_url.rpartition("/")[0] + "/nowhere"
    assert 'database "nowhere" does not exist' in fault(capsys, *OLD_TABLE, "--from-url", none)
    monkeypatch.setenv("DATABASE_URL", wrong)
    ours = fault(capsys, *OLD_TABLE, "--from-url", database_url)
    assert "The database refuses us" in ours
    assert "Correct DATABASE_URL" in ours
    assert "geheim" not in said + ours


def test_our_own_table_and_ids_that_stand_twice_are_refused(
    old: Connection, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (place / "own.toml").write_text('table = "documents"\n[columns]\nid = "id"\nfile = "storage_key"\n')
    own = ("--mapping", "own.toml", "--from-url")
    url = os.environ["DATABASE_URL"]
    assert "this program's own table" in fault(capsys, *own, url)
    old.execute("alter table archive.papers drop constraint papers_pkey")
    old.execute("update archive.papers set paper = 1 where paper = 2")
    assert "1 values that are empty or stand twice" in fault(capsys, *OLD_TABLE)


@pytest.mark.usefixtures("old")
def test_a_database_without_our_tables_is_told_of(
    empty_database_url: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", empty_database_url)
    assert "was never set up, or by an older version: nlp-pipeline migrate." in fault(capsys, *OLD_TABLE)


@pytest.mark.parametrize(
    ("how", "code", "why"), [("stopped", 130, "Stopped."), ("cut off", 4, "The old database went away: ")]
)
def test_what_is_stopped_says_how_far_it_came_and_goes_on(
    how: str, code: int, why: str, old: Connection, db: Connection, place: Path
) -> None:
    old.execute(
        "insert into archive.papers (paper, state, place) select n, 'pending', 'a.txt' from generate_series(100, 400) n"
    )
    command = [sys.executable, "-m", "pipeline.cli.main", "migrate", "documents", *OLD_TABLE]
    slow = subprocess.Popen([*command, "--rate", "30"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=place)
    while not documents(db):
        assert slow.poll() is None
        time.sleep(0.05)
    if how == "stopped":
        slow.send_signal(signal.SIGTERM)
    else:
        old.execute("select pg_terminate_backend(pid) from pg_stat_activity where application_name = %s", (NAME,))
    said, told = slow.communicate(timeout=60)
    assert (slow.returncode, why in told) == (code, True), told
    stopped = len(documents(db))
    assert f"{stopped} documents moved. Not finished: the same command goes on." in said
    assert subprocess.run(command, capture_output=True, cwd=place, check=False).returncode == 3
    assert len(documents(db)) == 304 > stopped


@pytest.mark.proof
@pytest.mark.usefixtures("old", "graph")
def test_what_was_moved_goes_through_the_chain(
    environment: dict[str, str], db: Connection, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    migrate(capsys, *OLD_TABLE, "--project", PROJECT, code=3)
    with chain(environment, tmp_path):
        ended = until(db, ENDED, all_completed)
    assert [row[0] for row in ended] == ["b.txt", "letter.txt", "scan.pdf.txt"]
    said = db.execute("select text from documents where file_name = 'scan.pdf.txt'").fetchone()
    assert said == ("What was read of it.",)


@pytest.mark.usefixtures("old")
def test_the_old_table_is_read_where_nothing_may_be_written(old: Connection, capsys: pytest.CaptureFixture[str]) -> None:
    old.execute(f'alter database "{old.info.dbname}" set default_transaction_read_only = on')
    assert migrate(capsys, *OLD_TABLE, code=3)["moved"] == 3


def test_the_packaged_mappings_name_a_table_that_is_moved(
    endpoints: Endpoints, db: Connection, capsys: pytest.CaptureFixture[str], place: Path
) -> None:
    with fresh_database(endpoints) as url:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(
                "create table source_documents (source_doc_sql_id integer primary key, status text, file_path text,"
                " file_name text, project_sql_id integer);"
                "insert into source_documents values (5, 'pending', 'uploads/a.txt', 'a.txt', 1);"
                "create table documents (document_id uuid primary key, status text, file_path text, filename text,"
                " updated_at timestamp);"
                "insert into documents values (gen_random_uuid(), 'queued', 'uploads/a.txt', 'a.txt', now())"
            )
        assert migrate(capsys, "--from-url", url)["moved"] == 1
        assert migrate(capsys, "--from-url", url, "--mapping", "ocr-backend", "--include-stalled")["moved"] == 1
    assert sorted(row[0] for row in documents(db)) == ["1", PROJECT]
    script = [sys.executable, str(ROOT / "scripts" / "migrate_to_celery.py"), "--print-mapping", "ocr-backend"]
    printed = subprocess.run(script, capture_output=True, text=True, check=True, cwd=place)
    (place / "mine.toml").write_text(printed.stdout)
    assert 'id = "document_id"' in printed.stdout


def test_our_own_that_never_finished_are_queued_again(
    store: PostgresStore, db: Connection, capsys: pytest.CaptureFixture[str]
) -> None:
    fill(store)
    store.submit(PROJECT, [Submission(name, name, f"{PROJECT}/{name}", 1, name) for name in ("dead", "alive")])
    store.claim(2, 1000)
    store.submit(PROJECT, [Submission("new", "new", f"{PROJECT}/new", 1, "new")])
    begun: dict[str, str] = dict(
        db.execute("select source_path, id::text from documents where source_path in ('dead', 'alive')").fetchall()
    )
    for document in begun.values():
        store.begin(DocumentId(document), Step.PROCESS_OCR, "engine/1", "worker")
    db.execute(
        "update documents set updated_at = now() - interval '2 days', lease_until = now() - interval '2 days' where id = %s",
        (begun["dead"],),
    )
    db.execute("update documents set updated_at = now() - interval '2 days' where id = %s", (begun["alive"],))
    words = ("--include-stalled", "--status", "pending", "ocr_failed", "completed", "processing")
    expected = {
        ("stalled", "moved", 1),
        ("ocr_failed", "moved", 1),
        ("pending", "left alone", 1),
        ("completed", "left alone", 4),
    }
    assert outcomes(migrate(capsys, *words, "--dry-run")) == expected
    assert outcomes(migrate(capsys, *words)) == expected
    states: dict[str, str] = dict(db.execute("select source_path, status::text from documents").fetchall())
    assert (states["dead"], states["alive"], states["in/broken.pdf"]) == ("pending", "extracting", "pending")
    assert migrate(capsys, *words)["moved"] == 0
    assert "there is no state" in fault(capsys, "--status", "pendign").lower()


def test_every_row_is_moved_once_however_often_it_is_killed(database_url: str) -> None:
    proof = [sys.executable, str(ROOT / "benchmarks" / "migration.py"), "--rows", "500", "--kills", "1", "--database"]
    shown = subprocess.run([*proof, database_url], capture_output=True, text=True, check=False)
    assert shown.returncode == 0, shown.stderr + shown.stdout
    result = json.loads(shown.stdout.splitlines()[-1])
    assert 0 < result["killed_at"][0] < result["wanted"]
    assert (result["twice"], result["missing"], result["moved"]) == (0, 0, result["wanted"])
