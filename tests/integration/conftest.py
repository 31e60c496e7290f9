"""The session's servers, with a database, a broker and a graph of the test's own."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from neo4j import Driver
from pydantic import SecretStr

from pipeline.endpoints import Endpoints
from pipeline.settings import Settings, load_settings
from pipeline.wiring import Services
from tests.running import environment_of


@pytest.fixture
def settings(endpoints: Endpoints, database_url: str, broker_url: str, graph: Driver, tmp_path: Path) -> Settings:
    located = endpoints.fill(load_settings(_env_file=None, nlp_pipeline_home=tmp_path / "home"))
    return located.model_copy(update={"database_url": SecretStr(database_url), "celery_broker_url": SecretStr(broker_url)})


@pytest.fixture
def use(settings: Settings) -> Iterator[Services]:
    services = Services(settings)
    services.graph.prepare()
    yield services
    services.close()


@pytest.fixture
def environment(settings: Settings) -> dict[str, str]:
    return environment_of(settings)
