"""New vectors by a hosted model are paid for by the projects whose passages they are of."""

from collections.abc import Iterator
from datetime import timedelta

import psycopg
import pytest

from pipeline.embeddings import Embeddings
from pipeline.engines.remote.calling import Caller, Office
from pipeline.engines.remote.embedder import RemoteEmbedder
from pipeline.engines.remote.endpoint import Endpoint
from pipeline.errors import OverBudget
from pipeline.settings import load_settings
from pipeline.stores.answers import MemoryAnswers
from pipeline.stores.costs import Costs
from pipeline.stores.database import Database
from pipeline.stores.postgres import PostgresStore
from pipeline.stores.usage import DatabaseMeter
from tests.matter import PROJECT, fill
from tests.office import FreeTurns
from tests.standins.openai import KEY, OpenAIStandIn

PRICES = {"vectors": {"input": 1.0}}


@pytest.fixture
def service() -> Iterator[OpenAIStandIn]:
    with OpenAIStandIn() as running:
        yield running


def test_a_change_of_the_model_is_counted_and_kept_within_the_budget(database_url: str, service: OpenAIStandIn) -> None:
    database = Database(database_url)
    store, costs = PostgresStore(database), Costs(database, PROJECT, PRICES)
    endpoint = Endpoint("vectors", KEY, service.url, "api")
    office = Office(FreeTurns(), DatabaseMeter(database, PRICES), MemoryAnswers())
    engine = RemoteEmbedder(Caller(endpoint, office), service.behaviour.dimension)
    store.open_embeddings("old", 384, {})
    fill(store)
    embeddings = Embeddings(store, load_settings(_env_file=None), lambda _: engine)
    space = store.change_embeddings("/".join(engine.engine), engine.dimension, embeddings.chosen)
    chunks, unfilled = store.embedding_progress()
    assert chunks == unfilled > 0

    costs.set_budget(0)
    with pytest.raises(OverBudget, match=PROJECT):
        embeddings.fill(space, 30)
    assert (service.books.calls, store.embedding_progress()) == ([], (chunks, chunks))

    costs.set_budget(1)
    with psycopg.connect(database_url, autocommit=True) as db:
        db.execute("update embedding_portions set lease_until = now()")
    assert embeddings.fill(space, 30)
    assert store.embedding_progress() == (chunks, 0)
    [row] = costs.models()
    assert (row.step, row.model, row.input_tokens) == ("", "vectors", service.books.input_tokens)
    assert store.take_unfilled(space.id, 10, timedelta()) == []
    database.close()
