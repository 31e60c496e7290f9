"""Fixtures that need real servers. The first one asked for starts them; see ``tests/servers.py``."""

from collections.abc import Iterator
from itertools import count

import neo4j
import pytest
import redis

from pipeline.supervisor import Endpoints
from tests.servers import fresh_database, make_template, on_broker, running_servers

_broker_numbers = count()
BROKER_DATABASES = 15


@pytest.fixture(scope="session")
def endpoints() -> Iterator[Endpoints]:
    """The embedded servers, started once a session."""
    with running_servers() as running:
        yield running


@pytest.fixture(scope="session")
def migrated_template(endpoints: Endpoints) -> str:
    """Name of the database that ``database_url`` is copied from."""
    return make_template(endpoints)


@pytest.fixture
def database_url(endpoints: Endpoints, migrated_template: str) -> Iterator[str]:
    """URL of a fresh database with the whole schema, dropped afterwards."""
    with fresh_database(endpoints, migrated_template) as url:
        yield url


@pytest.fixture
def empty_database_url(endpoints: Endpoints) -> Iterator[str]:
    """URL of a fresh database with nothing in it, dropped afterwards."""
    with fresh_database(endpoints) as url:
        yield url


@pytest.fixture
def broker_url(endpoints: Endpoints) -> Iterator[str]:
    """URL of an empty numbered database of the broker; each test has another."""
    url = on_broker(endpoints, 1 + next(_broker_numbers) % BROKER_DATABASES)
    with redis.Redis.from_url(url) as client:
        client.flushdb()
        yield url
        client.flushdb()


@pytest.fixture(scope="session")
def graph_driver(endpoints: Endpoints) -> Iterator[neo4j.Driver]:
    """A driver to the graph server."""
    with neo4j.GraphDatabase.driver(endpoints.graph_uri, auth=(endpoints.graph_user, endpoints.graph_password)) as driver:
        yield driver


@pytest.fixture
def graph(graph_driver: neo4j.Driver) -> neo4j.Driver:
    """The driver to an empty graph; its database is named ``neo4j``."""
    graph_driver.execute_query("MATCH (n) DETACH DELETE n", database_="neo4j")
    return graph_driver
