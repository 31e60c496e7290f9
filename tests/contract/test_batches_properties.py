"""Batches under any order of what documents, workers, people and the service do, one after another and at once, on the real
database: what the service was paid for is in the books once, and nobody waits for what does not come.

``NLP_PIPELINE_PROPERTY_EXAMPLES`` sets the number of examples; with it they are chosen by chance and not always the same.
"""

import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.errors import LeaseLost, ServiceUnavailable
from pipeline.model import Batch, BatchAnswer, DocumentId, Submission, Verdict, WrittenQuestion
from pipeline.ports import Charge, charging
from pipeline.status import Step
from pipeline.stores.answers import MemoryAnswers
from pipeline.stores.batches import Gathering, PaidBatches
from pipeline.stores.costs import Costs
from pipeline.stores.database import Database
from pipeline.stores.kept_answers import KeptAnswers
from pipeline.stores.postgres import PostgresStore
from tests.contract.test_batches import COST, KEEP, MOST, NOW, PRICES, WAITS
from tests.contract.test_meter import Db

EXAMPLES = os.environ.get("NLP_PIPELINE_PROPERTY_EXAMPLES")
ASKS = (("a", "b", "shared"), ("c", "shared"), ("d", "e", "f", "both"), ("both",))
"""Questions of each document."""
FAILS = {"b", "both"}
TABLES = "projects, paid_usage, paid_calls, paid_batches, batch_questions, paid_answers, answer_uses"


@dataclass
class Service:
    """What was sent to it, by batch; of which it has to be paid what it answers. Those that it refused are empty."""

    sent: dict[str, list[str]] = field(default_factory=dict)
    open: set[str] = field(default_factory=set)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, batch: str, questions: list[str]) -> None:
        with self.lock:
            if batch in self.sent:
                return
            under_way = [each for other in self.open for each in self.sent[other]]
            assert not set(questions) & set(under_way), "a question is under way once"
            self.sent[batch] = questions
            self.open.add(batch)

    @property
    def paid(self) -> int:
        return sum(each not in FAILS for questions in self.sent.values() for each in questions)


class Worker:
    """Makes batches and looks after one; whatever it holds may have been taken from it."""

    def __init__(self, url: str, db: Db, service: Service) -> None:
        self.database = Database(url)
        self.store = PostgresStore(self.database)
        self.batches = PaidBatches(self.database, Gathering("api", "mind", 3, 1 << 20, NOW), PRICES, KEEP)
        self.answers = KeptAnswers(self.database, MemoryAnswers())
        self.costs = Costs(self.database, "harbour", PRICES)
        self.db, self.service = db, service
        self.held: Batch | None = None

    def submit(self, number: int, content: str = "") -> DocumentId:
        path = f"{number}.txt"
        (known,) = self.store.submit("harbour", [Submission(path, path, path, 1, path + content)])
        self.store.claim(10, 10)
        return known.document_id

    def ask(self, number: int) -> bool:
        """What the step does; whether the document waits."""
        document = self.submit(number)
        verdict, lease = self.store.begin(document, Step.PROCESS_OCR, "e", "w/1")
        if verdict is not Verdict.RUN:
            return False
        with charging(Charge(document, Step.EXTRACT_ENTITIES)):
            known = self.answers.get(ASKS[number])
            left = self.batches.left([each for each in ASKS[number] if each not in known])
            new = [each for each in ASKS[number] if each not in known and each not in left]
            if new:
                self.batches.leave({each: WrittenQuestion("{}", MOST) for each in new})
        self.store.fail(lease, "not_ready", WAITS, timedelta(minutes=10), None)
        return bool(new) or not all(left.values())

    def make(self, _: int) -> None:
        self.batches.begin()

    def take(self, _: int) -> None:
        self.held = self.batches.take() or self.held

    def send(self, _: int) -> None:
        if self.held and not self.held.name:
            self.service.take(self.held.id, [each for each, _ in self.batches.requests(self.held)])
            self.batches.note(self.held, name=self.held.id)
            self.held = self.held._replace(name=self.held.id)

    def settle(self, most: int) -> None:
        if self.held and self.held.name:
            lines = self.service.sent[self.held.id][: most * 2]
            tokens = (MOST.input_tokens, MOST.output_tokens)
            self.batches.settle(
                self.held, [BatchAnswer(e) if e in FAILS else BatchAnswer(e, "{}", paid=True, tokens=tokens) for e in lines]
            )

    def finish(self, _: int) -> None:
        if self.held and self.held.name:
            self.settle(9)
            self.batches.end(self.held, "completed")
            self.service.open.discard(self.held.id)

    def give_back(self, _: int) -> None:
        if self.held and self.held.id not in self.service.sent:
            self.batches.end(self.held, "failed", "Too much.", "again", NOW)

    def expire(self, _: int) -> None:
        self.db.execute("update paid_batches set taken_until = now() - interval '1 s', look_at = now()")

    def cancel(self, number: int) -> None:
        self.store.cancel([self.submit(number)])

    def retry(self, number: int) -> None:
        self.store.retry([self.submit(number)])
        self.store.claim(10, 10)

    def delete(self, number: int) -> None:
        self.store.delete([self.submit(number)])

    def budget(self, number: int) -> None:
        self.costs.set_budget(number * COST)

    def drain(self) -> None:
        """Let everything that is under way come to its end."""
        self.costs.set_budget(None)
        self.expire(0)
        self.held = None
        while self.batches.begin():
            pass
        while self.db.execute("select from paid_batches where ended_at is null").fetchall():
            if batch := self.batches.take():
                self.held = batch
                self.send(0)
                self.finish(0)


ACTS = ["ask", "make", "take", "send", "settle", "finish", "give_back", "expire", "cancel", "retry", "delete", "budget"]
BUSY = ["ask", "make", "take", "send", "settle", "finish"]
acts = st.tuples(st.sampled_from(BUSY + BUSY + ACTS), st.integers(0, len(ASKS) - 1), st.integers(0, 1))
Act = tuple[str, int, int]


def all_done(workers: list[Worker], sequence: list[Act]) -> None:
    """Do it; what another has taken, or what another is in the way of, is left."""
    for name, number, who in sequence:
        with suppress(LeaseLost, ServiceUnavailable):
            getattr(workers[who], name)(number)


@pytest.fixture(params=["one after another", "at once"])
def play(request: pytest.FixtureRequest, database_url: str, db: Db) -> Iterator[Callable[[list[Act]], None]]:
    service = Service()
    workers = [Worker(database_url, db, service) for _ in range(2)]
    alone = request.param == "one after another"

    def played(sequence: list[Act]) -> None:
        db.execute(f"truncate {TABLES} cascade".encode())
        service.sent.clear()
        service.open.clear()
        for worker in workers:
            worker.held = None
        if alone:
            all_done(workers, sequence)
        else:
            with ThreadPoolExecutor(2) as pool:
                list(pool.map(lambda who: all_done(workers, [act for act in sequence if act[2] == who]), range(2)))
        settled(workers[0], service, alone=alone)

    yield played
    for worker in workers:
        with closing(worker.database):
            pass


def settled(worker: Worker, service: Service, *, alone: bool) -> None:
    """What holds when nothing is under way any more."""
    worker.drain()
    assert service.open == set()
    assert worker.db.execute("select from paid_calls").fetchall() == []
    assert worker.db.execute("select from batch_questions where batch_id is not null").fetchall() == []
    counted = worker.db.execute("select coalesce(sum(calls), 0), coalesce(sum(guessed), 0) from paid_usage").fetchall()
    assert counted == [(service.paid, 0)]
    asleep = "select file_name from documents where waiting_for is not null and lease_until is null and not_before > now()"
    if alone:
        assert worker.db.execute(asleep.encode()).fetchall() == [], "who waits for nothing is sent on"
    waiting = "select file_name from documents where waiting_for is not null"
    for (name,) in worker.db.execute(waiting.encode()).fetchall():
        worker.db.execute("update documents set not_before = null")
        assert not worker.ask(int(str(name)[0])), "everything is answered or has failed"


@settings(
    max_examples=int(EXAMPLES or 15),
    derandomize=not EXAMPLES,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(sequence=st.lists(acts, min_size=5, max_size=40))
def test_whatever_happens_each_answer_is_paid_for_and_counted_once(
    play: Callable[[list[Act]], None], sequence: list[Act]
) -> None:
    play(sequence)
