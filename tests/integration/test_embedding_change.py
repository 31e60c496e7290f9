"""The change to another embedding model: real workers that are killed, real search meanwhile."""

import json
import os
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import cast

import psycopg
import pytest

from pipeline.cli.search import answers
from pipeline.embeddings import EmbeddingsDiffer
from pipeline.settings import Settings
from pipeline.stores.database import Database
from pipeline.stores.postgres import PostgresStore
from pipeline.stores.reports import Reports
from pipeline.wiring import Services
from tests.matter import fill
from tests.running import ENDED, TEXT, all_completed, chain, processor, submit, until, worker
from tests.tiny_encoder import write_encoder

FILES = {f"{n}.txt": f"{TEXT} Number {n}. The dredging of the harbour cost {n} pounds.".encode() * 8 for n in range(4)}
ACTIVE = "select engine, dimension from embedding_spaces where active"
LEFT = "select count(*) from chunks where next_embedding is null"


@pytest.fixture
def other(tmp_path: Path, settings: Settings) -> str:
    return str(write_encoder(tmp_path / "tiny", settings.models))


def searched(use: Services) -> list[str]:
    """Where the best passages for a question stand."""
    database = Database(use.settings.database)
    (answer,) = answers(
        [(1, "What did the dredging cost?")], use.embeddings, partial(Reports(database, "matter").search, limit=5)
    )
    database.close()
    return [str(hit["source_path"]) for hit in answer["results"]]


def program(environment: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pipeline.cli.main", *words]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=120)


def test_a_change_survives_killed_workers_and_search_goes_on(
    use: Services, settings: Settings, environment: dict[str, str], other: str, tmp_path: Path
) -> None:
    submit(use, tmp_path, FILES)
    with psycopg.connect(settings.database, autocommit=True) as db:
        with chain(environment, tmp_path):
            until(db, ENDED, all_completed)
        best = searched(use)
        assert best
        new = environment | {"EMBEDDING_MODEL": other}
        told = program(new, "embeddings", "change", "--json")
        assert json.loads(told.stdout)["filling"]["dimension"] == 32, told.stderr
        db.execute(
            "create function slow() returns trigger language plpgsql as 'begin perform pg_sleep(0.1); return new; end'"
        )
        db.execute("create trigger slow before update on chunks for each row execute function slow()")
        with processor(new, tmp_path / "processor.log"):
            with worker(new, tmp_path / "first.log") as victim:
                until(db, "select count(*) from embedding_portions", lambda rows: rows != [(0,)])
                os.killpg(victim.pid, signal.SIGKILL)
                victim.wait()
            assert db.execute(LEFT).fetchone() != (0,)
            assert searched(use) == best
            db.execute("drop trigger slow on chunks")
            db.execute("update embedding_portions set lease_until = now()")  # what a minute does
            submit(use, tmp_path, {"late.txt": FILES["1.txt"] + b" Late."})
            with worker(new, tmp_path / "second.log"):
                until(db, ACTIVE, lambda rows: rows[0][1] == 32)
                until(db, ENDED, all_completed)
        counts = db.execute("select count(*), count(embedding), max(vector_dims(embedding)) from chunks").fetchone() or ()
        assert counts[0] == counts[1]
        assert counts[2] == 32
    assert searched(use)  # whatever the settings say, the database decides
    with pytest.raises(EmbeddingsDiffer):
        use.embeddings.check()


def test_who_asks_for_another_model_is_told_what_to_do(
    use: Services, settings: Settings, environment: dict[str, str], other: str, tmp_path: Path
) -> None:
    use.embeddings.writing()
    fill(cast("PostgresStore", use.documents))
    new = environment | {"EMBEDDING_MODEL": other}
    submit(use, tmp_path, {"b.txt": TEXT.encode()})
    with psycopg.connect(settings.database, autocommit=True) as db, chain(new, tmp_path):
        until(db, "select error_code from documents where source_path = 'b.txt'", lambda rows: rows[0][0] is not None)
        assert db.execute("select error_code from documents where source_path = 'b.txt'").fetchall() == [
            ("dimension_mismatch",)
        ]
    for words in (("embeddings",), ("worker", "text")):
        told = program(new, *words)
        assert told.returncode == 2
        assert "nlp-pipeline embeddings change" in told.stderr
    told = program(new, "embeddings", "change", "--here", "--json")
    assert json.loads(told.stdout)["active"]["dimension"] == 32, told.stderr
    assert program(new, "embeddings").returncode == 0
    assert program(environment, "embeddings").returncode == 2
