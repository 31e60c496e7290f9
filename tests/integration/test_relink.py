"""The database links names as ``canonicalize`` says, in any order of arrival, and forgets without a trace."""

from collections.abc import Iterator, Sequence
from itertools import count
from random import Random
from typing import Any, NamedTuple

import psycopg
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from pipeline.endpoints import Endpoints
from pipeline.model import DocumentId, EntityType, Lease, Mention, NameLink, NewName, Submission, Verdict
from pipeline.stages.canonicalizing import Decision, canonicalize
from pipeline.stages.linking import Link, specificity
from pipeline.status import Step
from pipeline.stores.database import Database
from pipeline.stores.decisions import Decisions
from pipeline.stores.postgres import PostgresStore
from tests.servers import fresh_database

# Ties in words and letters, scripts whose byte order could mislead, two classes with one text.
NAMES = (
    "person/clinton", "person/klinton", "person/bill clinton", "person/hillary clinton", "person/hillary rodham clinton",
    "person/ann lee", "person/anna le", "person/жуков", "person/züricher", "name/clinton", "name/acme", "name/acme holdings",
    "name/\U00010400x", "name/\uff5ax",
)  # fmt: skip
_projects = count()


class Case(NamedTuple):
    """Names and links as they arrive: each document brings some names; a link comes with the last of its ends, or later."""

    documents: tuple[tuple[str, ...], ...]
    links: tuple[Link, ...]
    dropped: tuple[int, ...]

    @property
    def names(self) -> set[str]:
        return {name for names in self.documents for name in names}


@st.composite
def cases(draw: st.DrawFn) -> Case:
    names = draw(st.lists(st.sampled_from(NAMES), min_size=2, max_size=9, unique=True))
    extra = draw(st.lists(st.sampled_from(names), max_size=3))
    sizes = draw(st.lists(st.integers(1, 3), min_size=len(names) + len(extra), max_size=len(names) + len(extra)))
    order = draw(st.permutations([*names, *extra]))
    documents, at = [], 0
    for size in sizes:
        if at < len(order):
            documents.append(tuple(dict.fromkeys(order[at : at + size])))
            at += size
    ends = st.tuples(st.sampled_from(names), st.sampled_from(names)).filter(lambda pair: pair[0] != pair[1])
    pairs = draw(st.lists(ends, min_size=1, max_size=12, unique_by=lambda pair: frozenset(pair)))
    weak = draw(st.lists(st.sampled_from((True, True, False)), min_size=len(pairs), max_size=len(pairs)))
    links = tuple(Link(*pair, "weak" if soft else "strong", "test", 0.5) for pair, soft in zip(pairs, weak, strict=True))
    dropped = draw(st.sets(st.integers(0, len(documents) - 1)))
    return Case(tuple(documents), links, tuple(dropped))


def link(left: str, right: str, strength: str) -> Link:
    return Link(left, right, "strong" if strength == "strong" else "weak", "test", 0.5)


BILL, HILLARY, RODHAM, CLINTON, KLINTON = NAMES[2], NAMES[3], NAMES[4], NAMES[0], NAMES[1]
CHAIN = (link(CLINTON, HILLARY, "weak"), link(HILLARY, RODHAM, "weak"))
SEVERAL = (*CHAIN, link(CLINTON, BILL, "weak"))
CYCLE = (link(CLINTON, HILLARY, "weak"), link(HILLARY, BILL, "weak"), link(BILL, CLINTON, "weak"))
WAY_OUT = (*CYCLE, link(BILL, RODHAM, "weak"))
BRIDGE = (link(CLINTON, KLINTON, "strong"), link(KLINTON, HILLARY, "weak"), link(HILLARY, RODHAM, "strong"))
ONE_EACH = ((CLINTON,), (KLINTON,), (BILL,), (HILLARY,), (RODHAM,))


@pytest.fixture(scope="module")
def url(endpoints: Endpoints, migrated_template: str) -> Iterator[str]:
    with fresh_database(endpoints, migrated_template) as url:
        yield url


@pytest.fixture(scope="module")
def store(url: str) -> Iterator[PostgresStore]:
    database = Database(url)
    yield PostgresStore(database)
    database.close()


@pytest.fixture(scope="module")
def db(url: str) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
    with psycopg.connect(url, autocommit=True) as connection:
        yield connection


class Project:
    """A project of one example, driven through the store's own functions."""

    def __init__(self, store: PostgresStore, db: psycopg.Connection[tuple[Any, ...]]) -> None:
        self.store = store
        self.db = db
        self.decisions = Decisions(store._db)
        self.name = f"example-{next(_projects)}"

    def submit(self, texts: Sequence[str]) -> list[DocumentId]:
        """Documents that wait for their names."""
        files = [Submission(f"{n}", f"{n}", f"k{n}", 1, f"{n}") for n in range(len(texts))]
        documents = [d.document_id for d in self.store.submit(self.name, files)]
        self.store.claim(100, 100_000)
        for document, text in zip(documents, texts, strict=True):
            self.db.execute("update documents set step = 'extract_entities', text = %s where id = %s", (text, document))
            mentions = [Mention(n, n + 1, EntityType.OTHER) for n in range(len(text))]
            self.store.save_mentions(self.begin(document, Step.EXTRACT_ENTITIES), mentions)
        return documents

    def begin(self, document: DocumentId, step: Step, engine: str = "1") -> Lease:
        verdict, lease = self.store.begin(document, step, engine, "")
        assert verdict is Verdict.RUN
        return lease

    def resolve(self, document: DocumentId, names: Sequence[str], links: Sequence[Link]) -> None:
        """Commit what a document names: one mention each."""
        known = self.store.candidates(document, names, [])
        new = [NewName(name, specificity(name)[0], ()) for name in names if name not in known.keys]
        rows = [NameLink(each.left, each.right, each.strength == "strong", each.reason, each.score) for each in links]
        clusters = [(name, [n]) for n, name in enumerate(names)]
        assert self.store.save_resolution(self.begin(document, Step.RESOLVE_ENTITIES), known.arrival, clusters, new, rows)

    def forget(self, document: DocumentId) -> None:
        """Find nothing in the document any more."""
        self.db.execute("update documents set status = 'queued', step = 'extract_entities' where id = %s", (document,))
        self.store.save_mentions(self.begin(document, Step.EXTRACT_ENTITIES, "2"), [])

    def canonical(self) -> dict[str, str]:
        """The canonical name of each name."""
        rows = self.db.execute(
            "select e.key, c.key from entities e join projects p on p.id = e.project_id"
            " join entities c on c.id = coalesce(e.merged_into, e.id) where p.name = %s",
            (self.name,),
        )
        return dict(rows.fetchall())

    def told(self) -> set[str]:
        """Names of which the graph is to be told something, and are then taken as told."""
        rows = self.db.execute(
            "with done as (delete from graph_changes g using projects p"
            " where p.id = g.project_id and p.name = %s returning entity_id)"
            " select e.key, '' from entities e join done on done.entity_id = e.id",
            (self.name,),
        )
        return {key for key, _ in rows}

    def decide(self, random: Random) -> None:
        """Merge two entities, or split one, or take a decision back, if that can be."""
        canonical, decisions = self.canonical(), self.decisions
        known = sorted(canonical)
        choice = random.random()
        if choice < 0.25 and (standing := [each for each in decisions.all(self.name) if not each["taken_back_at"]]):
            assert decisions.take_back(random.choice(standing)["id"], self.name, "test")
            return
        one, other = random.choice(known), random.choice(known)
        if canonical[one] != canonical[other]:
            decided = decisions.merge(self.ids[one], self.ids[other], self.name, "", "test")
            after = self.canonical()
            assert after[one] == after[other]
            assert decided.decision["holds"]
            return
        names = [name for name in known if canonical[name] == canonical[one]]
        if len(names) > 1:
            away = random.sample(names, random.randint(1, len(names) - 1))
            decided = decisions.split(self.ids[one], {name: [name] for name in away}, self.name, "", "test")
            after = self.canonical()
            assert {after[name] for name in away}.isdisjoint({after[name] for name in names if name not in away})
            assert len({after[name] for name in away}) == 1
            assert decided.decision["holds"]

    @property
    def ids(self) -> dict[str, str]:
        """Id of each name."""
        rows = self.db.execute(
            "select e.key, e.id::text from entities e join projects p on p.id = e.project_id where p.name = %s", (self.name,)
        )
        return dict(rows.fetchall())

    def decided(self) -> list[Decision]:
        """The decisions that were not taken back, the oldest first."""
        rows = self.db.execute(
            "select d.kind, array(select key from decided_names where decision_id = d.id and bound),"
            " array(select key from decided_names where decision_id = d.id and not bound) from entity_decisions d"
            " join projects p on p.id = d.project_id where p.name = %s and d.taken_back_at is null order by d.number",
            (self.name,),
        )
        return [Decision(kind, frozenset(bound), frozenset(rest)) for kind, bound, rest in rows]

    def end(self) -> None:
        self.db.execute("delete from projects where name = %s", (self.name,))


def played(project: Project, case: Case, random: Random, decisions: float = 0) -> list[DocumentId]:
    """Let the documents arrive; after each, the database and the reference agree, and the graph hears of what changed.

    ``decisions``: how likely a person decides something after a document.
    """
    documents = project.submit(["x" * len(names) for names in case.documents])
    known: set[str] = set()
    waiting, sent = list(case.links), list[Link]()
    before: dict[str, str] = {}
    for number, (document, names) in enumerate(zip(documents, case.documents, strict=True)):
        known |= set(names)
        last = number == len(documents) - 1
        now = [each for each in waiting if {each.left, each.right} <= known and (last or random.random() < 0.7)]
        waiting = [each for each in waiting if each not in now]
        sent += now
        project.resolve(document, names, now)
        assert project.canonical() == canonicalize(known, sent, project.decided())
        while random.random() < decisions:
            project.decide(random)
        after = project.canonical()
        assert after == canonicalize(known, sent, project.decided())
        changed = {name for name in before if before[name] != after[name]}
        concerned = changed | {before[name] for name in changed} | {after[name] for name in changed}
        assert concerned <= project.told()
        before = after
    assert waiting == []
    return documents


@given(cases(), st.randoms(use_true_random=False))
@example(Case(ONE_EACH, CHAIN, (1,)), Random(1))
@example(Case(ONE_EACH, SEVERAL, (2,)), Random(2))
@example(Case(ONE_EACH[::-1], CYCLE, (3,)), Random(3))
@example(Case(ONE_EACH, WAY_OUT, (2,)), Random(4))
@example(Case(ONE_EACH[::-1], BRIDGE, (3,)), Random(5))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_names_are_linked_as_if_all_had_come_at_once_and_dropped_as_if_they_had_never_come(
    store: PostgresStore, db: psycopg.Connection[tuple[Any, ...]], case: Case, random: Random
) -> None:
    project = Project(store, db)
    try:
        documents = played(project, case, random)
        for number in case.dropped:
            project.forget(documents[number])
        kept = {name for n, names in enumerate(case.documents) if n not in case.dropped for name in names}
        links = [each for each in case.links if {each.left, each.right} <= kept]
        assert project.canonical() == canonicalize(kept, links)
    finally:
        project.end()


PAIRS = (link(CLINTON, KLINTON, "strong"), link(HILLARY, RODHAM, "strong"), link(KLINTON, BILL, "strong"))


@given(cases(), st.integers(0, 2**32).map(Random))
@example(Case(ONE_EACH, BRIDGE, (1,)), Random(1))
@example(Case(ONE_EACH[::-1], PAIRS, (2, 3)), Random(2))
@example(Case(ONE_EACH, SEVERAL, (0, 4)), Random(3))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_decisions_hold_whatever_comes_goes_and_comes_again(
    store: PostgresStore, db: psycopg.Connection[tuple[Any, ...]], case: Case, random: Random
) -> None:
    project = Project(store, db)
    try:
        documents = played(project, case, random, decisions=0.6)
        before = project.canonical()
        for number in case.dropped:
            project.forget(documents[number])
        kept = {name for n, names in enumerate(case.documents) if n not in case.dropped for name in names}
        links = [each for each in case.links if {each.left, each.right} <= kept]
        assert project.canonical() == canonicalize(kept, links, project.decided())
        gone = [each for each in case.links if each not in links]
        for number in case.dropped:
            kept |= set(case.documents[number])
            now = [each for each in gone if {each.left, each.right} <= kept]
            gone = [each for each in gone if each not in now]
            project.resolve(documents[number], case.documents[number], now)
        assert project.canonical() == before
        for each in project.decisions.all(project.name):
            project.decisions.take_back(each["id"], project.name, "test")
        assert project.canonical() == canonicalize(case.names, case.links)
    finally:
        project.end()
