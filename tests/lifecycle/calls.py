"""Calls that change a document's state, each as a value, to be done by any worker: once or often, early or late."""

from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import NamedTuple

import psycopg
from hypothesis import strategies as st

from pipeline.errors import BadDocument, LeaseLost
from pipeline.model import DocumentId, Lease, Submission, Verdict
from pipeline.status import Family, Step
from tests.lifecycle.oracle import IDLE
from tests.lifecycle.worker import LARGE, PARTS, Worker, again

IN_FLIGHT = 2
DOCUMENTS = 3
LARGE_DOCUMENT = 0
MOMENT = timedelta(milliseconds=1)


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
        path, content = f"{self.document}.txt", f"{self.document}/{self.content}" + LARGE * (self.document == LARGE_DOCUMENT)
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
        lease = leases[-1 - self.age]
        newest = max(each.token for each in leases if each.part == lease.part)
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
            "with parts as (update document_parts set lease_until = now() - interval '1 s'"
            " where document_id = %(document)s and lease_until is not null)"
            " update documents set lease_until = now() - interval '1 s', updated_at = now() - interval '1 hour'"
            " where id = %(document)s and lease_until is not null",
            {"document": world.ids.get(self.document)},
        )
        return "expired"


class BeginPart(NamedTuple):
    """A message for a page range, of a document that may never have been split."""

    part: int

    def __call__(self, worker: Worker, world: World) -> str:
        document = world.ids[LARGE_DOCUMENT]
        verdict, lease = again(lambda: worker.store.begin_part(document, self.part, worker.name))
        if verdict is Verdict.RUN:
            world.leases[LARGE_DOCUMENT].append(lease)
        return verdict


class Ask(NamedTuple):
    """What a person asks for, of one document or of all others."""

    what: str
    document: int
    others: bool

    def __call__(self, worker: Worker, world: World) -> str:
        asked = [each for number, each in sorted(world.ids.items()) if (number == self.document) is not self.others]
        what, _, since = self.what.partition(" ")
        if what == "cancel":
            return str(worker.store.cancel(asked))
        if what == "retry":
            return str(worker.store.retry(asked))
        if what == "delete":
            return str(worker.store.delete(asked))
        return str(worker.store.reprocess(asked, Family(since) if since else None))


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


documents = st.integers(0, DOCUMENTS - 1)
ages = st.sampled_from([0, 0, 0, 1, 2])  # of a lease: mostly the newest
engines = st.sampled_from(["e/1", "e/1", "e/2"])
Call = Submit | Claim | Repair | Begin | BeginPart | Held | Expire | Ask | Work
asked = ["cancel", "retry", "delete", "reprocess", "reprocess text", "reprocess entity"]
holding = st.sampled_from(["commit", "commit", "commit", "renew", "release", "retry", "fail"])
begun = st.builds(Begin, documents, st.sampled_from([0, 0, 0, 0, 0, 1, -1]), engines)
part_begun = st.builds(BeginPart, st.integers(1, PARTS))
held = st.builds(Held, holding, documents, ages)
worked = st.builds(Work, documents, st.integers(1, 3), engines)
others: st.SearchStrategy[Call] = st.one_of(
    st.builds(Submit, documents, st.integers(0, 1)),
    st.builds(Ask, st.sampled_from(asked), documents, st.booleans()),
    st.builds(Expire, documents),
    st.builds(Repair),
)
calls: st.SearchStrategy[Call] = st.one_of(
    st.builds(Claim), st.builds(Claim), begun, begun, begun, part_begun, held, held, held, worked, worked, others
)  # fmt: skip
sequences = st.lists(calls, min_size=6, max_size=12)
