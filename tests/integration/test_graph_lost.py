"""The embedded graph server loses its folder, and gets back what the database knows."""

import shutil
from contextlib import closing
from pathlib import Path

import pytest

from pipeline.cli.main import execute
from pipeline.stores.database import Database
from pipeline.stores.migrations import migrate
from pipeline.stores.neo4j_graph import Neo4jGraph
from pipeline.stores.postgres import PostgresStore
from pipeline.supervisor import Endpoints, Supervisor
from tests.matter import PROJECT, fill
from tests.servers import embedded_settings, temporary_home

pytestmark = pytest.mark.servers


def test_a_graph_whose_folder_is_gone_is_built_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("CELERY_BROKER_URL", "CELERY_REDIS_URL", "REDIS_URL", "REDIS_HOST", "DATABASE_URL", "NEO4J_URI"):
        monkeypatch.delenv(name, raising=False)
    with temporary_home() as home:
        monkeypatch.setenv("NLP_PIPELINE_HOME", str(home))
        monkeypatch.setenv("NLP_PIPELINE_PROJECT", PROJECT)
        supervisor = Supervisor(embedded_settings(home))
        try:
            counts = processed(supervisor.up(keep=True))
            assert counts["Entity"] == 3
            supervisor.down()
            shutil.rmtree(home / "arcadedb")
            endpoints = supervisor.up(keep=True)
            assert execute(["graph", "check"]) == 3
            assert execute(["graph", "rebuild"]) == 0
            assert execute(["graph", "check"]) == 0
            with closing(graph_of(endpoints)) as graph:
                assert graph.counts(PROJECT) == counts
        finally:
            supervisor.down()


def processed(endpoints: Endpoints) -> dict[str, int]:
    migrate(endpoints.database)
    with closing(Database(endpoints.database)) as database, closing(graph_of(endpoints)) as graph:
        graph.prepare()
        fill(PostgresStore(database), PROJECT, graph)
        assert execute(["graph", "rebuild"]) == 0  # of what was still on its way
        return graph.counts(PROJECT)


def graph_of(endpoints: Endpoints) -> Neo4jGraph:
    return Neo4jGraph(endpoints.graph_uri, endpoints.graph_user, endpoints.graph_password)
