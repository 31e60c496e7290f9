"""What people decide of entities holds: in the graph, beside workers, when documents are read anew, go and come again."""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial

import neo4j
import pytest

from pipeline.endpoints import Endpoints
from pipeline.graph_keeper import GraphKeeper
from pipeline.model import DocumentId, EntityType
from pipeline.stages.canonicalizing import Decision, canonicalize
from pipeline.stages.linking import Link
from pipeline.status import Family
from pipeline.stores.database import Database
from pipeline.stores.decisions import Decisions
from pipeline.stores.entity_catalog import EntityCatalog, EntityListing
from pipeline.stores.graph_content import GraphContent, Project
from pipeline.stores.neo4j_graph import Neo4jGraph
from pipeline.stores.neo4j_rows import Neo4jRows
from pipeline.stores.postgres import PostgresStore
from tests.matter import PROJECT, write
from tests.telling import read, relate, resolve, tell_all

PERSON, ORGANIZATION = EntityType.PERSON, EntityType.ORGANIZATION
NAMES = {
    "Hillary Clinton": PERSON, "Hillary Rodham Clinton": PERSON, "Bill Clinton": PERSON, "Clinton": PERSON,
    "H. Clinton": PERSON, "Cheryl Mills": PERSON, "Cheryl D. Mills": PERSON, "Clinton Foundation": ORGANIZATION,
    "Acme": ORGANIZATION,
}  # fmt: skip
TEXTS = {
    "a.txt": "Hillary Clinton wrote to Cheryl Mills.",
    "b.txt": "Clinton met Cheryl D. Mills at Acme.",
    "c.txt": "H. Clinton spoke at the Clinton Foundation.",
    "d.txt": "Hillary Rodham Clinton knew Acme.",
    "e.txt": "Bill Clinton saw Cheryl Mills.",
}


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    with closing(Database(database_url, most=8)) as database:
        yield database


@pytest.fixture
def store(database: Database) -> PostgresStore:
    return PostgresStore(database)


@pytest.fixture
def decisions(database: Database) -> Decisions:
    return Decisions(database)


def spelt(database: Database, name: str) -> str:
    """Id of the entity of a name."""
    catalog = EntityCatalog(database)
    return next(each.id for each, distance in catalog.listed(EntityListing(PROJECT, name)) if distance == 1)


def meant(database: Database) -> dict[str, str]:
    """The canonical key of each name."""
    with database.connection() as db:
        rows = db.execute(
            "select e.key, c.key from entities e join entities c on c.id = coalesce(e.merged_into, e.id) order by 1"
        ).fetchall()
    return {str(name): str(entity) for name, entity in rows}


def should_be(database: Database) -> dict[str, str]:
    """The same by the rules, from the names, links and decisions that are there."""
    with database.connection() as db:
        links = db.execute(
            "select a.key, b.key, l.strong, l.reason, l.score from entity_links l"
            " join entities a on a.id = l.left_id join entities b on b.id = l.right_id"
        ).fetchall()
        decided = db.execute(
            "select d.kind, array_agg(key) filter (where bound), array_agg(key) filter (where not bound)"
            " from entity_decisions d join decided_names n on n.decision_id = d.id where d.taken_back_at is null"
            " group by d.id order by d.number"
        ).fetchall()
    return canonicalize(
        meant(database),
        [Link(left, right, "strong" if strong else "weak", reason, score) for left, right, strong, reason, score in links],
        [Decision(kind, frozenset(bound), frozenset(rest or ())) for kind, bound, rest in decided],
    )


def test_the_graph_follows(
    endpoints: Endpoints, graph: neo4j.Driver, database: Database, store: PostgresStore, decisions: Decisions
) -> None:
    del graph  # empties the server
    place = (endpoints.graph_uri, endpoints.graph_user, endpoints.graph_password)
    with closing(Neo4jGraph(*place)) as writer, closing(Neo4jRows(*place)) as rows:
        writer.prepare()
        keeper = GraphKeeper(GraphContent(database), rows)
        tell_all(store, PROJECT, TEXTS, NAMES, writer)
        follow(store, writer, database)
        assert unlike(keeper, database) == (0, 0)
        counts = writer.counts(PROJECT)
        bill = spelt(database, "Bill Clinton")
        merged = decisions.merge(bill, spelt(database, "Acme"), PROJECT, "", "test")
        assert unlike(keeper, database)[0] == 0  # of what is to be told the comparison knows
        assert follow(store, writer, database)
        assert unlike(keeper, database) == (0, 0)
        assert writer.counts(PROJECT)["Entity"] == counts["Entity"] - 1
        mills = spelt(database, "Cheryl Mills")
        split = decisions.split(mills, {"Cheryl D. Mills": ["person/cheryl d mills"]}, PROJECT, "", "test")
        assert follow(store, writer, database)
        assert unlike(keeper, database) == (0, 0)
        for decision in (merged, split):
            assert decisions.take_back(decision.decision["id"], PROJECT, "test")
        follow(store, writer, database)
        assert unlike(keeper, database) == (0, 0)
        assert writer.counts(PROJECT) == counts


def project_of(database: Database) -> str:
    with database.connection() as db:
        ((project,),) = db.execute("select id::text from projects").fetchall()
    return str(project)


def follow(store: PostgresStore, writer: Neo4jGraph, database: Database) -> bool:
    """What the queue processor has done; whether it would."""
    with database.connection() as db:
        db.execute("update projects set graph_asked_at = null")
        db.execute("update graph_touched set touched_at = touched_at - interval '1 minute'")
        asked = db.execute("select ask_for_graphs()").fetchall()
    with store.graph_refreshing(project_of(database)) as work:
        write(writer, work)
    return len(asked) == 1


def unlike(keeper: GraphKeeper, database: Database) -> tuple[int, int]:
    """How many things of the graph differ from the database, and how many are on the way there."""
    looks = list(keeper.check(Project(PROJECT, project_of(database))))
    return sum(len(look.differences) for look in looks), sum(len(look.on_the_way) for look in looks)


@pytest.mark.parametrize("order", [list(TEXTS), list(TEXTS)[::-1]], ids=["forwards", "backwards"])
def test_decisions_outlive_what_is_read_anew_deleted_and_given_again(
    database: Database, store: PostgresStore, decisions: Decisions, order: Sequence[str]
) -> None:
    documents = tell_all(store, PROJECT, {path: TEXTS[path] for path in order}, NAMES)
    decisions.split(spelt(database, "Hillary Clinton"), {"H. Clinton": ["person/h clinton"]}, PROJECT, "", "test")
    decisions.merge(spelt(database, "Clinton"), spelt(database, "Bill Clinton"), PROJECT, "his letters", "test")
    decided = meant(database)
    assert decided == should_be(database)
    assert decided["person/clinton"] == decided["person/bill clinton"] == "person/bill clinton"
    assert decided["person/h clinton"] == "person/h clinton"
    texts = dict(zip(documents, (TEXTS[path] for path in order), strict=True))
    again(store, dict(reversed(texts.items())))
    assert meant(database) == decided
    for document in documents:
        store.delete([document])
        assert meant(database) == should_be(database)
    assert meant(database) == {}
    tell_all(store, PROJECT, {path: TEXTS[path] for path in reversed(order)}, NAMES)
    assert meant(database) == decided
    for each in decisions.all(PROJECT):
        assert each["holds"]
        decisions.take_back(each["id"], PROJECT, "test")
    assert meant(database) == should_be(database) != decided


def again(store: PostgresStore, texts: Mapping[DocumentId, str]) -> None:
    """Process the documents anew, from their files on."""
    store.reprocess(list(texts), Family.OCR)
    store.claim(1000, 1000)
    for document, text in texts.items():
        process(store, document, text)


def test_decisions_and_workers_do_not_get_in_each_others_way(
    database: Database, store: PostgresStore, decisions: Decisions
) -> None:
    first = {"a.txt": TEXTS["a.txt"], "e.txt": TEXTS["e.txt"]}
    tell_all(store, PROJECT, first, NAMES)
    more = {f"{copy}/{path}": text for copy in range(4) for path, text in TEXTS.items()}
    documents = tell_all(store, PROJECT, more, NAMES)
    one, other = spelt(database, "Hillary Clinton"), spelt(database, "Bill Clinton")
    texts = dict(zip(documents, more.values(), strict=True))

    def decide() -> None:
        for _ in range(6):
            merged = decisions.merge(one, other, PROJECT, "", "test")
            split = decisions.split(one, {"Bill Clinton": ["person/bill clinton"]}, PROJECT, "", "test")
            for each in (merged, split):
                decisions.take_back(each.decision["id"], PROJECT, "test")
        decisions.merge(one, other, PROJECT, "", "test")

    store.reprocess(documents, Family.OCR)
    store.claim(1000, 1000)
    with ThreadPoolExecutor(4) as pool:
        deciding = pool.submit(decide)
        list(pool.map(partial(process, store), documents, texts.values()))
        deciding.result()
    now = meant(database)
    assert now == should_be(database)
    assert now["person/hillary clinton"] == now["person/bill clinton"]


def process(store: PostgresStore, document: DocumentId, text: str) -> None:
    read(store, document, text, NAMES)
    resolve(store, document)
    relate(store, document)
