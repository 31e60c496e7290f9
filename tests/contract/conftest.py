"""An empty database of record and its store."""

from collections.abc import Iterator

import psycopg
import pytest

from pipeline.stores.database import Database
from pipeline.stores.postgres import PostgresStore


@pytest.fixture
def db(database_url: str) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    with psycopg.connect(database_url, autocommit=True) as connection:
        yield connection


@pytest.fixture
def store(database_url: str) -> Iterator[PostgresStore]:
    database = Database(database_url)
    yield PostgresStore(database)
    database.close()
