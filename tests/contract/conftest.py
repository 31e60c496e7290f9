"""An empty database of record and its store, by each way to it."""

from collections.abc import Iterator

import psycopg
import pytest

from pipeline.stores.calls import Calls
from pipeline.stores.database import Database
from pipeline.stores.migrations import access
from pipeline.stores.postgres import PostgresStore
from pipeline.stores.supabase_calls import SupabaseCalls
from tests.standins.postgrest import PostgRest, postgrest, signed


@pytest.fixture
def db(database_url: str) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    with psycopg.connect(database_url, autocommit=True) as connection:
        yield connection


@pytest.fixture
def rest(database_url: str) -> Iterator[PostgRest]:
    """A stand-in of Supabase's REST interface before the database."""
    with postgrest(database_url) as rest:
        with psycopg.connect(database_url) as connection:
            connection.execute(access().encode())
        yield rest


@pytest.fixture(params=["psycopg", "supabase"])
def calls(request: pytest.FixtureRequest, database_url: str) -> Iterator[Calls]:
    if request.param == "psycopg":
        calls: Calls = Database(database_url)
    else:
        calls = SupabaseCalls(request.getfixturevalue("rest").url, signed("service_role"))
    yield calls
    calls.close()


@pytest.fixture
def store(calls: Calls) -> PostgresStore:
    return PostgresStore(calls)
