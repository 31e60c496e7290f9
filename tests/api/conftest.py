"""The API over the session's servers, with a database of the test's own."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr

from pipeline.endpoints import Endpoints
from pipeline.settings import Settings, load_settings
from tests.api_server import Served, served


@pytest.fixture
def settings(endpoints: Endpoints, database_url: str, broker_url: str, tmp_path: Path) -> Settings:
    located = endpoints.fill(
        load_settings(
            _env_file=None, nlp_pipeline_home=tmp_path / "home", nlp_pipeline_project="matter", api_guesses_per_minute=0
        )
    )
    return located.model_copy(update={"database_url": SecretStr(database_url), "celery_broker_url": SecretStr(broker_url)})


@pytest.fixture
def api(settings: Settings) -> Iterator[Served]:
    with served(settings) as running:
        yield running


@pytest.fixture
def client(api: Served) -> Iterator[httpx.Client]:
    with api.client() as client:
        yield client
