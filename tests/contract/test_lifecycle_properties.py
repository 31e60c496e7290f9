"""Any order of the functions that change a document's state, each of them doubled, late or at once with another, on the real
database and from several connections: what ``tests/lifecycle`` says must hold, holds.

``NLP_PIPELINE_PROPERTY_EXAMPLES`` sets the number of examples; with it they are chosen by chance and not always the same.
"""

import os
import threading
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from itertools import cycle
from typing import NamedTuple

import psycopg
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from pipeline.errors import BadDocument, LeaseLost
from pipeline.model import DocumentId, Due, Lease, Submission, Verdict
from pipeline.status import Step
from tests.lifecycle.oracle import IDLE, Oracle
from tests.lifecycle.worker import Worker, again

EXAMPLES = os.environ.get("NLP_PIPELINE_PROPERTY_EXAMPLES")
IN_FLIGHT = 2
DOCUMENTS = 3
WORKERS = 3
ROUNDS = 60
MOMENT = timedelta(milliseconds=1)

documents = st.integers(0, DOCUMENTS - 1)
ages = st.sampled_from([0, 0, 0, 1, 2])  # of a lease: mostly the newest
engines = st.sampled_from(["e/1", "e/1", "e/2"])


@dataclass
class World:
    """What all callers share."""

    ids: dict[int, DocumentId]
    leases: defaultdict[int, list[Lease]]
    db: psycopg.Connection[tuple[object, ...]]


class Submit(NamedTuple):
    document: int
    content: int

    def __call__(self, worker: Worker, world: World) -> str:
        path, content = f"{self.document}.txt", f"{self.document}/{self.content}"
        (known,) = again(lambda: worker.store.submit(f"p{self.document % 2}", [Submission(path, path, content, 1, content)]))
        world.ids[self.document] = known.document_id
        return known.outcome


class Claim(NamedTuple):
    def __call__(self, worker: Worker, world: World) -> str:
        return f"{len(again(lambda: worker.store.claim(IN_FLIGHT, IN_FLIGHT)))} claimed"


class Repair(NamedTuple):
    def __call__(self, worker: Worker, world: World) -> str:
        return f"{len(again(lambda: worker.store.repair(IDLE, 10)))} repaired"


class Begin(NamedTuple):
    """A message for the next step, or for one that is over or far off."""

    document: int
    off: int
    engine: str

    def __call__(self, worker: Worker, world: World) -> str:
        document = world.ids.get(self.document)
        row = world.db.execute("select step::text from documents where id = %s", (document,)).fetchone()
        if document is None or row is None:
            return Verdict.GONE
        steps = list(Step)
        step = steps[(steps.index(Step(str(row[0]))) + self.off) % len(steps)]
        verdict, lease = again(lambda: worker.begin(document, step, self.engine))
        if verdict is Verdict.RUN:
            world.leases[self.document].append(lease)
        return verdict


class Held(NamedTuple):
    """Something that is done with a lease, be it still valid or not."""

    what: str
    document: int
    age: int

    def __call__(self, worker: Worker, world: World) -> str:
        leases = world.leases[self.document]
        if len(leases) <= self.age:
            return "no lease"
        newest = max(lease.token for lease in leases)
        lease = leases[-1 - self.age]
        try:
            if self.what == "commit":
                worker.commit(lease)
            elif self.what == "renew":
                return str(again(lambda: worker.store.renew(lease)))
            elif self.what == "release":
                again(lambda: worker.store.release(lease))
            else:
                again(lambda: worker.store.fail(lease, "throttled", "Away.", MOMENT if self.what == "retry" else None, 2))
        except (LeaseLost, BadDocument):
            return "lost"
        assert self.what == "release" or lease.token == newest
        return self.what


class Expire(NamedTuple):
    document: int

    def __call__(self, worker: Worker, world: World) -> str:
        world.db.execute(
            "update documents set lease_until = now() - interval '1 s', updated_at = now() - interval '1 hour'"
            " where id = %s and lease_until is not null",
            (world.ids.get(self.document),),
        )
        return "expired"


class Restart(NamedTuple):
    document: int
    step: Step

    def __call__(self, worker: Worker, world: World) -> str:
        world.db.execute(
            "select restart_document(id, least(step, %s)) from documents"
            " where id = %s and status in ('completed', 'partial_error', 'error', 'cancelled') for update",
            (self.step, world.ids.get(self.document)),
        )
        return "restarted"


class Work(NamedTuple):
    """What the chain does when nothing goes wrong."""

    document: int
    steps: int
    engine: str

    def __call__(self, worker: Worker, world: World) -> str:
        document = world.ids[self.document]
        row = world.db.execute("select step::text from documents where id = %s", (document,)).fetchone()
        if row is not None:
            with suppress(LeaseLost, BadDocument):
                worker.go_on(document, Step(str(row[0])), self.engine, self.steps)
        return "worked"


Call = Submit | Claim | Repair | Begin | Held | Expire | Restart | Work
holding = st.sampled_from(["commit", "commit", "commit", "renew", "release", "retry", "fail"])
begun = st.builds(Begin, documents, st.sampled_from([0, 0, 0, 0, 0, 1, -1]), engines)
held = st.builds(Held, holding, documents, ages)
worked = st.builds(Work, documents, st.integers(1, 3), engines)
others: st.SearchStrategy[Call] = st.one_of(
    st.builds(Submit, documents, st.integers(0, 1)),
    st.builds(Restart, documents, st.sampled_from(Step)),
    st.builds(Expire, documents),
    st.builds(Repair),
)
calls: st.SearchStrategy[Call] = st.one_of(
    st.builds(Claim), st.builds(Claim), begun, begun, begun, held, held, held, worked, others
)
sequences = st.lists(calls, min_size=6, max_size=12)
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
        begin = Begin(document, 0, "e/1")
        for each in (begin, Expire(document), begin):
            each(self.workers[0], self.world)
        Held(late, document, 1)(self.workers[1], self.world)

    @rule()
    def an_hour_passes(self) -> None:
        self.oracle.pass_an_hour()

    @invariant()
    def holds(self) -> None:
        self.oracle.check()

    def teardown(self) -> None:
        """What is found by claiming and repairing alone comes to its end, and the graph is told of it."""
        worker = self.workers[0]
        try:
            for _ in range(ROUNDS):
                if self.oracle.ended():
                    break
                self.oracle.pass_an_hour()
                for due in self._due(worker):
                    worker.go_on(*due, "e/1")
                self.oracle.check()
            assert self.oracle.ended()
            self.oracle.pass_an_hour()
            for project in worker.store.stale_graphs():
                with worker.store.graph_refreshing(project):
                    pass
            assert self.oracle.untold() == 0
        finally:
            self.oracle.forget()

    def _due(self, worker: Worker) -> list[Due]:
        return worker.store.claim(IN_FLIGHT, IN_FLIGHT) + worker.store.repair(IDLE, 10)


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
