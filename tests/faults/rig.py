"""A worker with faults plugged in, a queue processor, and a place of their own on the real servers."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import neo4j
import psycopg
from pydantic import SecretStr

from pipeline.endpoints import Endpoints
from pipeline.model import Submission
from pipeline.settings import load_settings
from pipeline.stores.database import Database
from pipeline.stores.reports import Reports
from pipeline.wiring import Services

PROJECT = "matter"
DEADLINE = 120
QUICK_REPAIR = {"LEASE_DURATION": "4", "REPAIR_AFTER": "3", "POLL_INTERVAL": "1", "LARGE_DOCUMENT_PAGES": "2"}
GRAPH = {
    "nodes": "MATCH (n) WHERE NOT n:GraphTurn RETURN labels(n) AS labels, properties(n) AS properties",
    "edges": "MATCH (a)-[r]->(b) RETURN a.id AS start, type(r) AS type, properties(r) AS properties, b.id AS end",
}
LEFT = (
    "select (select count(*) from documents where status not in ('completed', 'partial_error', 'error', 'cancelled'))"
    " + (select count(*) from graph_touched) + (select count(*) from graph_changes)"
)
COMMITTED = (
    "select d.source_path, h.step::text, count(*) from document_processing_history h"
    " join documents d on d.id = h.document_id where h.outcome = 'done' group by 1, 2 having count(*) > 1"
)

Lines = dict[str, list[str]]
"""What is there in the end: export and graph, each a sorted list of lines."""


class Rig:
    """Plays the same documents again and again, each time with another fault armed.

    Args:
        endpoints: the servers.
        database: URL of a database of its own.
        broker: URL of a broker of its own.
        graph: the graph, which is cleared for each play.
        folder: for files and logs.
    """

    def __init__(self, endpoints: Endpoints, database: str, broker: str, graph: neo4j.Driver, folder: Path) -> None:
        self._database, self._graph, self._folder = database, graph, folder
        self._armed = folder / "fault"
        located = endpoints.fill(load_settings(_env_file=None, nlp_pipeline_home=folder / "home"))
        self.settings = located.model_copy(
            update={"database_url": SecretStr(database), "celery_broker_url": SecretStr(broker)}
        )
        self.environment = os.environ | endpoints.environment() | QUICK_REPAIR
        self.environment |= {
            "CELERY_BROKER_URL": broker, "DATABASE_URL": database, "NLP_PIPELINE_HOME": str(folder / "home"),
            "FAULT_FILE": str(self._armed),
        }  # fmt: skip
        self.use = Services(self.settings)

    @contextmanager
    def running(self, queues: str, concurrency: int = 1) -> Iterator[None]:
        """A worker and a queue processor while the context lasts."""
        worker = (
            "celery",
            "-A",
            "tests.faults.plugged",
            "worker",
            "-Q",
            queues,
            "-c",
            str(concurrency),
            "-n",
            "plugged@test",
        )
        with ExitStack() as held:
            held.callback(self.use.close)
            self.use.graph.prepare()
            held.enter_context(self._process("worker", *worker, "--loglevel", "INFO"))
            held.enter_context(self._process("queue_processor", "pipeline.queue_processor"))
            yield

    @contextmanager
    def _process(self, name: str, *words: str) -> Iterator[None]:
        with (self._folder / f"{name}.log").open("wb") as log:
            running = subprocess.Popen(
                [sys.executable, "-m", *words], env=self.environment, stdout=log, stderr=log, start_new_session=True
            )
        try:
            yield
        finally:
            running.send_signal(signal.SIGTERM)
            try:
                running.wait(40)
            except subprocess.TimeoutExpired:
                os.killpg(running.pid, signal.SIGKILL)
                running.wait()

    def play(self, files: Mapping[str, bytes], fault: str = "") -> Lines:
        """Process the files from nothing with this fault armed; what is there when all have ended.

        Raises:
            AssertionError: a document does not end, a step was committed twice, or the fault's point was never reached.
        """
        self._graph.execute_query("MATCH (n) DETACH DELETE n", database_="neo4j")
        with psycopg.connect(self._database, autocommit=True) as db:
            db.execute("truncate projects cascade")
            struck = self._armed.with_suffix(".struck")
            struck.unlink(missing_ok=True)
            if fault:
                self._armed.write_text(fault)
            self._submit(files)
            self._wait(db)
            assert db.execute(COMMITTED).fetchall() == []
            assert not fault or struck.exists(), "nothing came past this point"
        return self._found()

    def _submit(self, files: Mapping[str, bytes]) -> None:
        submissions = []
        for name, content in files.items():
            sha256 = hashlib.sha256(content).hexdigest()
            path = self._folder / sha256
            path.write_bytes(content)
            self.use.blobs.put(f"{PROJECT}/{sha256}", path)
            submissions.append(Submission(name, name, f"{PROJECT}/{sha256}", len(content), sha256))
        self.use.documents.submit(PROJECT, submissions)

    def _wait(self, db: psycopg.Connection[tuple[Any, ...]]) -> None:
        until = time.monotonic() + DEADLINE
        while db.execute(LEFT).fetchall() != [(0,)]:
            assert time.monotonic() < until, self._story(db)
            time.sleep(0.05)

    def _story(self, db: psycopg.Connection[tuple[Any, ...]]) -> str:
        rows = db.execute("select source_path, status, step, waiting_for, crashes, retries from documents").fetchall()
        return f"{rows}\n{(self._folder / 'worker.log').read_text()[-4000:]}"

    def _found(self) -> Lines:
        database = Database(self._database)
        try:
            with Reports(database, PROJECT).snapshot() as snapshot:
                names = ("documents", "entities", "relationships")
                export = {name: [line for (line,) in snapshot.rows(f"export_{name}")] for name in names}
        finally:
            database.close()
        return export | {name: self._lines(query) for name, query in GRAPH.items()}

    def _lines(self, query: str) -> list[str]:
        rows = [row.data() for row in self._graph.execute_query(query)[0]]
        return sorted(json.dumps(row | {"labels": sorted(row.get("labels", ()))}, sort_keys=True) for row in rows)


def different(one: Lines, other: Lines) -> dict[str, set[str]]:
    """Lines that stand in one only."""
    return {name: set(one[name]) ^ set(other[name]) for name in one if one[name] != other[name]}
