"""Paid work under a budget: real workers, and a stand-in for the service whose books are compared with ours."""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import redis

from pipeline.model import DocumentId
from pipeline.settings import Settings
from pipeline.status import Family
from pipeline.stores.costs import Costs
from pipeline.stores.database import Database
from pipeline.wiring import Services
from tests.running import ENDED, all_completed, environment_of, processor, submit, until, worker
from tests.standins.openai import KEY, OpenAIStandIn

Db = psycopg.Connection[tuple[object, ...]]
PRICE = 0.001
"""Of a token: a call of this test uses about .4, and may use .8."""
WAITING = "select from documents where waiting_for like 'The budget of matter is used up%' and lease_until is null"
TEXTS = {f"{n}.txt": f"Clara Berger met Anna Novak on page {n}.\n".encode() for n in range(6)}


@pytest.fixture
def service() -> Iterator[OpenAIStandIn]:
    with OpenAIStandIn() as running:
        yield running


@pytest.fixture
def db(settings: Settings) -> Iterator[Db]:
    with psycopg.connect(settings.database, autocommit=True) as connection:
        yield connection


def test_documents_wait_for_money_and_nothing_is_paid_for_twice(
    settings: Settings, use: Services, service: OpenAIStandIn, db: Db, tmp_path: Path
) -> None:
    environment = environment_of(
        settings,
        NER_ENGINE="remote",
        NER_REMOTE_MODEL="mind",
        NER_FALLBACK="false",
        OPENAI_API_KEY=KEY,
        OPENAI_BASE_URL=service.url,
        PRICES=f'{{"mind": {{"input": {PRICE * 1e6}, "output": {PRICE * 1e6}}}}}',
        STEP_RETRIES="0",
    )
    costs = Costs(Database(settings.database), "matter", {"mind": {"input": PRICE * 1e6, "output": PRICE * 1e6}})
    costs.set_budget(2)
    submit(use, tmp_path, TEXTS)
    entity = worker(environment, tmp_path / "entity.log", "--pool", "gevent", queues="entity", tasks=20)
    rest = worker(environment, tmp_path / "rest.log", queues="graph,text,ocr_pages,ocr,default")
    with entity, rest, processor(environment, tmp_path / "processor.log"):
        ended = "select from documents where status = 'completed'"
        until(db, f"({WAITING}) union all ({ended})", lambda rows: len(rows) == len(TEXTS))
        assert db.execute(WAITING.encode()).fetchall()
        assert spent(service) <= 2
        assert db.execute("select from document_processing_history where outcome = 'failed'").fetchall() == []
        costs.set_budget(None)
        until(db, ENDED, all_completed)
        used = costs.models()
        assert [(row.model, row.calls, row.guessed) for row in used] == [("mind", len(TEXTS), 0)]
        assert (used[0].input_tokens, used[0].output_tokens) == (service.books.input_tokens, service.books.output_tokens)

        with redis.Redis.from_url(settings.broker) as broker:
            for key in broker.scan_iter("nlp-pipeline:*"):
                broker.delete(key)
        documents = [DocumentId(str(row[0])) for row in db.execute("select id::text from documents").fetchall()]
        use.documents.reprocess(documents, Family.ENTITY)
        until(db, ENDED, all_completed)
    assert costs.models() == used
    assert len(service.books.calls) == len(TEXTS)


def spent(service: OpenAIStandIn) -> float:
    return (service.books.input_tokens + service.books.output_tokens) * PRICE
