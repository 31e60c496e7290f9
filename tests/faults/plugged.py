"""The pipeline's Celery app with faults plugged in: ``celery -A tests.faults.plugged worker``.

The product knows nothing of it: stores and steps are wrapped from outside. The file ``$FAULT_FILE`` arms one fault, e.g.
``after save_pages kill``, or ``after save_part 4 kill`` for the fourth time; the process that is there takes the file and
does the deed.
"""

import functools
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import redis

from pipeline.celery_app import app
from pipeline.endpoints import located
from pipeline.settings import load_settings
from pipeline.stores import neo4j_graph
from pipeline.stores.calls import SQL
from pipeline.stores.neo4j_graph import Neo4jGraph
from pipeline.stores.postgres import PostgresStore
from pipeline.tasks import stage_task

__all__ = ["app"]

STORE = (
    "begin", "split", "begin_part", "save_part", "join_parts", "save_pages", "save_node", "save_chunks", "save_mentions",
    "save_resolution", "save_relations", "finish_graph",
)  # fmt: skip
GRAPH = ("write_node", "write_entities", "write_document", "write_figures")
WITHIN = ("_write_chunks", "_sync_mentions", "_write_relations")  # called in the middle of a transaction of the graph
NAMES = {text.encode(): name for name, text in SQL.items()}


def kill() -> None:
    """Die as a process does for which there is no memory left."""
    os.kill(os.getpid(), signal.SIGKILL)


def wipe() -> None:
    """Make the broker lose all messages, this one's too."""
    with redis.Redis.from_url(located(load_settings()).broker) as broker:
        broker.flushdb()


DEEDS: dict[str, Callable[[], None]] = {"kill": kill, "wipe": wipe}


def struck(when: str, point: str) -> str:
    """The deed that is armed for this place and moment; "" if none is, or another process was quicker."""
    armed = Path(os.environ["FAULT_FILE"])
    try:
        moment, place, *times, deed = armed.read_text().split()
        if (moment, place) != (when, point):
            return ""
        if times and int(times[0]) > 1:
            armed.write_text(f"{moment} {place} {int(times[0]) - 1} {deed}")
            return ""
        armed.rename(armed.with_suffix(".struck"))
    except (FileNotFoundError, ValueError):
        return ""
    return deed


def plug(owner: Any, name: str) -> None:  # noqa: ANN401  # a class or a module
    """Make ``owner.name`` a place at which a fault may strike, before and after."""
    real = getattr(owner, name)

    @functools.wraps(real)
    def wrapped(*args: object, **values: object) -> object:
        if deed := struck("before", name):
            DEEDS[deed]()
        result = real(*args, **values)
        if deed := struck("after", name):
            DEEDS[deed]()
        return result

    setattr(owner, name, wrapped)


def plug_connections() -> None:
    """Let connections break at a named statement: before it, or after it, when only the answer is lost."""
    real = psycopg.Connection.execute

    @functools.wraps(real)
    def execute(self: psycopg.Connection[Any], query: Any, *args: Any, **values: Any) -> Any:  # noqa: ANN401
        name = NAMES.get(query, "")
        if name and struck("before", f"{name}:"):
            with psycopg.connect(self.info.dsn, password=self.info.password, autocommit=True) as other:
                real(other, "select pg_terminate_backend(%s)", [self.info.backend_pid])
        result = real(self, query, *args, **values)
        if name and struck("after", f"{name}:"):
            self.close()
            raise psycopg.OperationalError("server closed the connection unexpectedly")
        return result

    psycopg.Connection.execute = execute  # type: ignore[method-assign]


for method in STORE:
    plug(PostgresStore, method)
for method in GRAPH:
    plug(Neo4jGraph, method)
for function in WITHIN:
    plug(neo4j_graph, function)
plug_connections()
stage_task.QUICK = float(os.environ.get("FAULT_QUICK", stage_task.QUICK))
