"""Any order of the functions that change a document's state, each of them doubled, late or at once with another, on the real
database and from several connections: what ``tests/lifecycle`` says must hold, holds.

``NLP_PIPELINE_PROPERTY_EXAMPLES`` sets the number of examples; with it they are chosen by chance and not always the same.
"""

import os
import threading
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle

import psycopg
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from pipeline.status import Step
from tests.lifecycle.calls import (
    DOCUMENTS,
    IN_FLIGHT,
    LARGE_DOCUMENT,
    Ask,
    Begin,
    BeginPart,
    Call,
    Claim,
    Expire,
    Held,
    Submit,
    Work,
    World,
    asked,
    calls,
    documents,
    engines,
    holding,
    sequences,
)
from tests.lifecycle.oracle import IDLE, Oracle
from tests.lifecycle.worker import PARTS, Worker

EXAMPLES = os.environ.get("NLP_PIPELINE_PROPERTY_EXAMPLES")
WORKERS = 3
ROUNDS = 60
ONCE = {"run", "commit", "retry", "fail"}  # answers that only the first of two equal calls may get


class Lifecycle(RuleBasedStateMachine):
    """Documents of two projects, and workers that do anything at any time."""

    def __init__(self, workers: list[Worker], db: psycopg.Connection[tuple[object, ...]]) -> None:
        super().__init__()
        self.workers = workers
        self.world = World({}, defaultdict(list), db)
        self.oracle = Oracle(db, IN_FLIGHT)
        for document in range(DOCUMENTS):
            Submit(document, 0)(workers[0], self.world)
        Claim()(workers[0], self.world)

    @rule(sequence=sequences)
    def one_after_another(self, sequence: list[Call]) -> None:
        for call, worker in zip(sequence, cycle(self.workers)):
            call(worker, self.world)
            self.oracle.check()

    @rule(sequence=sequences)
    def each_twice(self, sequence: list[Call]) -> None:
        for call in sequence:
            first, second = (call(worker, self.world) for worker in self.workers[:2])
            assert first not in ONCE or second != first, (call, first)
            self.oracle.check()

    @rule(groups=st.lists(st.lists(calls, min_size=2, max_size=WORKERS), min_size=3, max_size=6))
    def at_once(self, groups: list[list[Call]]) -> None:
        for group in groups:
            self._at_once(group)
            self.oracle.check()

    @rule(sequence=sequences)
    def the_same_at_once(self, sequence: list[Call]) -> None:
        for call in sequence:
            answers = self._at_once([call] * WORKERS)
            assert all(answers.count(answer) <= 1 for answer in ONCE), (call, answers)
            self.oracle.check()

    def _at_once(self, several: list[Call]) -> list[str]:
        ready = threading.Barrier(len(several))

        def call(one: Call, worker: Worker) -> str:
            ready.wait()
            return one(worker, self.world)

        with ThreadPoolExecutor(len(several)) as pool:
            return list(pool.map(call, several, self.workers))

    @rule(document=documents, late=holding)
    def another_takes_over(self, document: int, late: str) -> None:
        self._takes_over(Begin(document, 0, "e/1"), document, late)

    @rule(part=st.integers(1, PARTS), late=holding)
    def another_takes_over_a_page_range(self, part: int, late: str) -> None:
        sequence: list[Call] = [
            Ask("cancel", LARGE_DOCUMENT, others=True),
            Ask("delete", LARGE_DOCUMENT, others=False),
            Submit(LARGE_DOCUMENT, 0),
            Claim(),
            Begin(LARGE_DOCUMENT, 0, "e/1"),
            Held("commit", LARGE_DOCUMENT, 0),
        ]
        for call in sequence:
            call(self.workers[0], self.world)
        self._takes_over(BeginPart(part), LARGE_DOCUMENT, late)

    def _takes_over(self, begin: Begin | BeginPart, document: int, late: str) -> None:
        for call in (begin, Expire(document), begin):
            call(self.workers[0], self.world)
        Held(late, document, 1)(self.workers[1], self.world)

    @rule(document=documents, what=st.sampled_from(asked), steps=st.integers(1, len(Step)), engine=engines)
    def something_is_asked_of_what_has_ended(self, document: int, what: str, steps: int, engine: str) -> None:
        self._finish()
        Ask(what, document, others=False)(self.workers[0], self.world)
        Claim()(self.workers[0], self.world)
        for _ in range(steps):
            self.oracle.check()
            Work(document, 1, engine)(self.workers[0], self.world)

    @rule()
    def an_hour_passes(self) -> None:
        self.oracle.pass_an_hour()

    @invariant()
    def holds(self) -> None:
        self.oracle.check()

    def teardown(self) -> None:
        """What is found by claiming and repairing alone comes to its end, and the graph is told of it."""
        try:
            self._finish()
            for _ in range(ROUNDS):
                self.oracle.pass_an_hour()
                for project in self.workers[0].store.stale_graphs():
                    with self.workers[0].store.graph_refreshing(project):
                        pass
                if self.oracle.untold() == 0:
                    break
            assert self.oracle.untold() == 0
        finally:
            self.oracle.forget()

    def _finish(self) -> None:
        store = self.workers[0].store
        for _ in range(ROUNDS):
            if self.oracle.ended():
                break
            self.oracle.pass_an_hour()
            for due in store.claim(IN_FLIGHT, IN_FLIGHT) + store.repair(IDLE, 10):
                self.workers[0].go_on(*due, "e/1")
            self.oracle.check()
        assert self.oracle.ended()


@pytest.fixture
def db(database_url: str) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    with psycopg.connect(database_url, autocommit=True) as connection:
        Oracle(connection, IN_FLIGHT).prepare()
        yield connection


@pytest.fixture
def workers(database_url: str, db: object) -> Iterator[list[Worker]]:
    made = [Worker(database_url, f"worker {number}") for number in range(WORKERS)]
    yield made
    for worker in made:
        worker.store.close()


@pytest.mark.timeout(0 if EXAMPLES else 300)
def test_any_order_of_calls_keeps_the_invariants(workers: list[Worker], db: psycopg.Connection[tuple[object, ...]]) -> None:
    class Connected(Lifecycle):
        def __init__(self) -> None:
            super().__init__(workers, db)

    run_state_machine_as_test(
        Connected,
        settings=settings(
            max_examples=int(EXAMPLES or 20),
            stateful_step_count=6,
            derandomize=not EXAMPLES,
            phases=[Phase.generate, *([Phase.shrink] if EXAMPLES else [])],
            report_multiple_bugs=False,
            database=None,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
