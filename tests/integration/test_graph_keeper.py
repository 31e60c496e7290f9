"""The graph is compared with the database and put right, whatever was done to it, on real servers."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Any

import neo4j
import numpy as np
import psycopg
import pytest

from pipeline.cli.export import write_export
from pipeline.errors import NotReady
from pipeline.exports.cypher import HEAD
from pipeline.graph_keeper import GraphKeeper
from pipeline.graph_rows import Difference, Kind, Part
from pipeline.model import (
    Chunk,
    DocumentId,
    DocumentInfo,
    EntityType,
    GraphTurn,
    Lease,
    Mention,
    Page,
    PageSpan,
    Source,
    Submission,
    Verdict,
)
from pipeline.status import Step
from pipeline.stores.database import Database
from pipeline.stores.graph_content import GraphContent, Project
from pipeline.stores.neo4j_graph import Neo4jGraph
from pipeline.stores.neo4j_rows import Neo4jRows
from pipeline.stores.postgres import PostgresStore
from pipeline.stores.reports import Reports
from pipeline.supervisor import Endpoints
from tests.matter import LETTER, MAIL, PROJECT, Matter, axis, fill, write

OTHER = "other"


@pytest.fixture
def writer(endpoints: Endpoints, graph: neo4j.Driver) -> Iterator[Neo4jGraph]:
    del graph  # empties the server
    with closing(Neo4jGraph(endpoints.graph_uri, endpoints.graph_user, endpoints.graph_password)) as writer:
        writer.prepare()
        yield writer


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    with closing(Database(database_url)) as database:
        yield database


@pytest.fixture
def store(database: Database) -> PostgresStore:
    return PostgresStore(database)


@pytest.fixture
def keeper(endpoints: Endpoints, database: Database) -> Iterator[GraphKeeper]:
    with closing(Neo4jRows(endpoints.graph_uri, endpoints.graph_user, endpoints.graph_password)) as rows:
        yield GraphKeeper(GraphContent(database), rows)


@pytest.fixture
def matter(store: PostgresStore, writer: Neo4jGraph, database: Database) -> Matter:
    """Two projects with the same documents, so that one can be seen to be left alone."""
    fill(store, OTHER, writer, said=True)
    matter = fill(store, PROJECT, writer, said=True)
    refresh(store, writer, database)
    return matter


def refresh(store: PostgresStore, writer: Neo4jGraph, database: Database) -> None:
    """What the queue processor has done when projects come to rest."""
    for each in GraphContent(database).projects():
        with store.graph_refreshing(each.id) as work:
            write(writer, work)


def run(graph: neo4j.Driver, statement: str, **values: object) -> list[list[Any]]:
    return graph.execute_query(neo4j.Query(statement), values, database_="neo4j", result_transformer_=neo4j.Result.values)


def dump(graph: neo4j.Driver) -> list[str]:
    """Everything that the graph holds, in one order."""
    nodes = run(graph, "MATCH (n) WHERE NOT n:GraphTurn RETURN labels(n), properties(n)")
    edges = run(graph, "MATCH (a)-[r]->(b) RETURN a.id, type(r), properties(r), b.id")
    told = [f"{sorted(labels)} {sorted(properties.items())}" for labels, properties in nodes]
    return sorted(told + [f"{a} {kind} {sorted(properties.items())} {b}" for a, kind, properties, b in edges])


def project(keeper: GraphKeeper, name: str = PROJECT) -> Project:
    return next(each for each in keeper.projects() if each.name == name)


def drift(keeper: GraphKeeper, name: str = PROJECT) -> list[Difference]:
    return [each for look in keeper.check(project(keeper, name)) for each in look.differences]


def rebuild(keeper: GraphKeeper, name: str = PROJECT) -> list[Difference]:
    return [each for look in keeper.rebuild(project(keeper, name)) for each in look.differences]


def kinds(found: list[Difference]) -> set[tuple[Part, Kind]]:
    return {(each.part, each.kind) for each in found}


@pytest.mark.usefixtures("matter")
def test_what_the_pipeline_writes_is_what_the_database_says(keeper: GraphKeeper, graph: neo4j.Driver) -> None:
    before = dump(graph)
    assert drift(keeper) == drift(keeper, OTHER) == []
    assert rebuild(keeper) == []
    assert dump(graph) == before
    assert len(before) > 50


@pytest.mark.usefixtures("matter")
def test_a_graph_that_is_gone_comes_back_the_same(keeper: GraphKeeper, graph: neo4j.Driver) -> None:
    before = dump(graph)
    run(graph, "MATCH (n) DETACH DELETE n")
    assert {kind for _, kind in kinds(drift(keeper))} == {Kind.MISSING}
    assert {part for part, _ in kinds(rebuild(keeper))} == set(Part)
    assert drift(keeper) == []
    rebuild(keeper, OTHER)
    assert dump(graph) == before


@pytest.mark.usefixtures("matter")
def test_a_project_that_is_cleared_and_rebuilt_is_the_same_and_alone(keeper: GraphKeeper, graph: neo4j.Driver) -> None:
    before = dump(graph)
    keeper.clear(project(keeper))
    assert run(graph, "MATCH (n) WHERE NOT n:GraphTurn RETURN DISTINCT n.project") == [[OTHER]]
    assert drift(keeper, OTHER) == []
    rebuild(keeper)
    assert dump(graph) == before


ALL = "MATCH (n {project: $project})"
FIRST = "MATCH (d:Document {id: $document})-->(c:Chunk {index: 0})"
ADA = "MATCH (n:Person {name: 'Ada Lovelace', project: $project})"
PAIR = "MATCH (a {project: $project})-[r:CO_OCCURS_WITH]->(b)"
SAID = "MATCH (a {project: $project})-[r:RELATED]->(b)"
MENTION = "MATCH (a {project: $project})-[r:MENTIONS]->(b)"
GHOST = "{id: '11111111-2222-3333-4444-555555555555', project: $project, name: 'x'}"

DAMAGE = {
    "a document is gone": ("MATCH (n:Document {id: $document}) DETACH DELETE n", Part.DOCUMENT, Kind.MISSING),
    "a chunk is gone": (f"{FIRST} DETACH DELETE c", Part.CHUNK, Kind.MISSING),
    "an entity is gone": (f"{ADA} DETACH DELETE n", Part.ENTITY, Kind.MISSING),
    "a language is wrong": (f"{FIRST} SET d.file_name = 'x', d.language = null", Part.DOCUMENT, Kind.DIFFERENT),
    "an offset is wrong": (f"{FIRST} SET c.end = 3", Part.CHUNK, Kind.DIFFERENT),
    "a figure is wrong": (f"{ADA} SET n.mentions = 99", Part.ENTITY, Kind.DIFFERENT),
    "a figure is a list": (f"{ADA} SET n.mentions = [1, 2]", Part.ENTITY, Kind.DIFFERENT),
    "an entity is without project": (f"{ADA} SET n.project = null", Part.ENTITY, Kind.MISSING),
    "an entity is in another project": (f"{ADA} SET n.project = 'zoo'", Part.ENTITY, Kind.MISSING),
    "a weight is wrong": (f"{PAIR} SET r.weight = 7", Part.CO_OCCURS_WITH, Kind.DIFFERENT),
    "what was said is wrong": (f"{SAID} SET r.evidence = 7", Part.RELATED, Kind.DIFFERENT),
    "it has another name": (f"{SAID} SET r.predicate = 'PAID'", Part.RELATED, Kind.DIFFERENT),
    "it is said twice": (
        f"{SAID} WITH a, r, b LIMIT 1 CREATE (a)-[:RELATED {{predicate: r.predicate, evidence: 1}}]->(b)",
        Part.RELATED,
        Kind.SUPERFLUOUS,
    ),
    "it is gone": (f"{SAID} DELETE r", Part.RELATED, Kind.MISSING),
    "a count is wrong": (f"{MENTION} SET r.count = 7", Part.MENTIONS, Kind.DIFFERENT),
    "mentions are gone": (f"{MENTION} DELETE r", Part.MENTIONS, Kind.MISSING),
    "the order is gone": ("MATCH (:Chunk {project: $project})-[r:NEXT]->() DELETE r", Part.NEXT, Kind.MISSING),
    "a document lost its chunks": ("MATCH ({id: $document})-[r:HAS_CHUNK]->() DELETE r", Part.HAS_CHUNK, Kind.MISSING),
    "relations are gone": (f"{PAIR} DELETE r", Part.CO_OCCURS_WITH, Kind.MISSING),
    "a relation stands twice": (
        f"{PAIR} WITH a, r, b LIMIT 1 CREATE (a)-[:CO_OCCURS_WITH {{weight: r.weight, documents: r.documents}}]->(b)",
        Part.CO_OCCURS_WITH,
        Kind.SUPERFLUOUS,
    ),
    "a relation stands the other way": (
        f"{PAIR} WITH a, r, b LIMIT 1"
        " CREATE (b)-[:CO_OCCURS_WITH {weight: r.weight, documents: r.documents}]->(a) DELETE r",
        Part.CO_OCCURS_WITH,
        Kind.SUPERFLUOUS,
    ),
    "a mention stands twice": (
        f"{MENTION} WITH a, r, b LIMIT 1 CREATE (a)-[:MENTIONS {{count: r.count, confidence: r.confidence}}]->(b)",
        Part.MENTIONS,
        Kind.SUPERFLUOUS,
    ),
    "a chunk belongs twice": (f"{FIRST} CREATE (d)-[:HAS_CHUNK]->(c)", Part.HAS_CHUNK, Kind.SUPERFLUOUS),
    "an entity relates to itself": (
        f"{ADA} CREATE (n)-[:CO_OCCURS_WITH {{weight: 1, documents: 1}}]->(n)",
        Part.CO_OCCURS_WITH,
        Kind.SUPERFLUOUS,
    ),
    "a document that never was": (
        "CREATE (d:Document {id: 'ghost', project: $project})-[:HAS_CHUNK]->(:Chunk {id: 'zoo', project: $project})",
        Part.DOCUMENT,
        Kind.SUPERFLUOUS,
    ),
    "an entity that never was": (
        f"{FIRST} CREATE (e:Entity:Person {GHOST}) CREATE (c)-[:MENTIONS]->(e)",
        Part.ENTITY,
        Kind.SUPERFLUOUS,
    ),
    "a chunk has no id": (f"{FIRST} SET c.id = null", Part.CHUNK, Kind.SUPERFLUOUS),
    "everything": (f"{ALL} DETACH DELETE n", Part.DOCUMENT, Kind.MISSING),
}


@pytest.mark.parametrize("what", DAMAGE)
def test_damage_of_every_kind_is_found_and_mended(
    what: str, keeper: GraphKeeper, graph: neo4j.Driver, matter: Matter
) -> None:
    statement, part, kind = DAMAGE[what]
    before = dump(graph)
    run(graph, statement, document=matter.letter, project=PROJECT)
    assert dump(graph) != before
    assert (part, kind) in kinds(drift(keeper))
    assert (part, kind) in kinds(rebuild(keeper))
    assert dump(graph) == before


def test_a_rebuild_that_was_broken_off_goes_on(keeper: GraphKeeper, graph: neo4j.Driver, matter: Matter) -> None:
    del matter
    before = dump(graph)
    keeper.clear(project(keeper))
    assert all(look.differences for look in islice(keeper.rebuild(project(keeper)), 3))
    assert dump(graph) != before
    assert {part for part, _ in kinds(rebuild(keeper))} == {"HAS_CHUNK", "NEXT", "MENTIONS", "CO_OCCURS_WITH", "RELATED"}
    assert dump(graph) == before


@pytest.mark.parametrize("act", ["mend", "clear"])
def test_who_sleeps_while_a_later_turn_writes_mends_nothing(
    act: str, keeper: GraphKeeper, graph: neo4j.Driver, writer: Neo4jGraph, matter: Matter
) -> None:
    mine = project(keeper)
    run(graph, f"{PAIR} SET r.weight = 7", document=matter.letter, project=PROJECT)
    writer.delete_document(DocumentId("none"), GraphTurn(mine.id, 2**62))
    before = dump(graph)
    with pytest.raises(NotReady, match="Another worker wrote"):
        keeper.clear(mine) if act == "clear" else rebuild(keeper)
    assert dump(graph) == before


def looked(keeper: GraphKeeper) -> tuple[list[Difference], list[Difference]]:
    """What is drift, and what is on the way."""
    looks = list(keeper.check(project(keeper)))
    return [each for look in looks for each in look.differences], [each for look in looks for each in look.on_the_way]


def test_what_is_still_to_be_removed_is_no_drift(
    keeper: GraphKeeper, graph: neo4j.Driver, store: PostgresStore, writer: Neo4jGraph, database: Database, matter: Matter
) -> None:
    store.delete([matter.letter])
    drift, on_the_way = looked(keeper)
    assert drift == []
    assert (Part.DOCUMENT, Kind.SUPERFLUOUS) in kinds(on_the_way)
    rebuild(keeper)
    assert matter.letter in "".join(dump(graph))  # left to the work that is under way
    refresh(store, writer, database)
    assert looked(keeper) == ([], [])
    assert matter.letter not in "".join(dump(graph))


def test_documents_on_their_way_are_no_drift(
    keeper: GraphKeeper, store: PostgresStore, writer: Neo4jGraph, database: Database, matter: Matter
) -> None:
    store.reprocess([matter.letter])
    store.claim(10, 10)
    spans = [PageSpan(1, 0, len(LETTER), Source.TEXT, 1.0)]
    lease = begin(store, matter.letter, Step.PROCESS_OCR, "engine/2")
    store.save_pages(lease, DocumentInfo("text/html"), LETTER, [Page(1, LETTER)], spans, [])
    store.save_node(begin(store, matter.letter, Step.CREATE_DOCUMENT_NODE, "engine/2"), "de", "note")
    store.save_chunks(begin(store, matter.letter, Step.PROCESS_CHUNKING, "engine/2"), [Chunk(0, 0, 99)], np.stack([axis(7)]))
    drift, on_the_way = looked(keeper)
    assert drift == []
    assert {(Part.DOCUMENT, Kind.DIFFERENT), (Part.CHUNK, Kind.DIFFERENT)} <= kinds(on_the_way)
    store.cancel([matter.letter])
    assert looked(keeper)[0] == []
    refresh(store, writer, database)
    assert looked(keeper) == ([], [])


def test_a_document_that_the_graph_was_never_told_of_changes_nothing_there(
    keeper: GraphKeeper, graph: neo4j.Driver, store: PostgresStore, writer: Neo4jGraph, database: Database, matter: Matter
) -> None:
    del matter
    before = dump(graph)
    (new,) = (each.document_id for each in store.submit(PROJECT, [Submission("new.txt", "new.txt", "k", 1, "new")]))
    store.claim(10, 10)
    spans = [PageSpan(1, 0, len(MAIL), Source.TEXT, 1.0)]
    store.save_pages(begin(store, new, Step.PROCESS_OCR), DocumentInfo("text/plain"), MAIL, [Page(1, MAIL)], spans, [])
    lease = begin(store, new, Step.CREATE_DOCUMENT_NODE)
    writer.write_node(store.node(new))
    assert looked(keeper)[0] == []
    store.save_node(lease, "", "")
    store.save_chunks(begin(store, new, Step.PROCESS_CHUNKING), [Chunk(0, 0, len(MAIL))], np.stack([axis(7)]))
    store.save_mentions(begin(store, new, Step.EXTRACT_ENTITIES), [Mention(5, 17, EntityType.PERSON)])
    key = "person/ada lovelace"
    known = store.candidates(new, [key], [])
    assert store.save_resolution(begin(store, new, Step.RESOLVE_ENTITIES), known.arrival, [(key, [0])], [], [])
    assert looked(keeper)[0] == []
    store.fail(begin(store, new, Step.BUILD_RELATIONSHIPS), "internal", "A fault.", None, 0)
    refresh(store, writer, database)
    assert looked(keeper) == ([], [])
    assert [line for line in dump(graph) if new not in line] == before


def test_documents_that_are_written_meanwhile_raise_no_alarm(
    keeper: GraphKeeper, graph: neo4j.Driver, store: PostgresStore, writer: Neo4jGraph, database: Database
) -> None:
    names = ["one", "two", "three"]
    with ThreadPoolExecutor(1) as pool:
        filling = pool.submit(lambda: [fill(store, name, writer) for name in names])
        looks = 0
        while not filling.done():
            for each in keeper.projects():
                found = keeper.rebuild(each) if looks % 2 else keeper.check(each)
                assert [d for look in found for d in look.differences] == []
            looks += 1
        filling.result()
    refresh(store, writer, database)
    before = dump(graph)
    for name in names:
        assert drift(keeper, name) == []
        keeper.clear(project(keeper, name))
        rebuild(keeper, name)
    assert dump(graph) == before


def begin(store: PostgresStore, document: DocumentId, step: Step, engine: str = "engine/1") -> Lease:
    verdict, lease = store.begin(document, step, engine, "worker")
    assert verdict is Verdict.RUN
    return lease


AWKWARD = "it's \\users\\ \\u0027 'quoted' \"; // x\r\n\tend;\n\x07 \U0001f600 ünï $rows {id: 1}\\"


@pytest.mark.usefixtures("matter")
def test_the_script_makes_the_same_graph(
    keeper: GraphKeeper, graph: neo4j.Driver, database: Database, database_url: str, tmp_path: Path
) -> None:
    with psycopg.connect(database_url) as db:
        db.execute("update documents set file_name = %s", (AWKWARD,))
        db.execute("update chunks set heading = %s", (AWKWARD,))
        db.execute("update mentions set name = %s where name like 'Clement%%'", (AWKWARD,))
    rebuild(keeper)
    rebuild(keeper, OTHER)
    before = dump(graph)
    assert any(repr(AWKWARD) in line for line in before)
    run(graph, "MATCH (n) DETACH DELETE n")
    for name in (PROJECT, OTHER):
        write_export(Reports(database, name), tmp_path, "cypher")
        for statement in (tmp_path / "graph.cypher").read_text().removeprefix(HEAD).split(";\n"):
            if statement:
                run(graph, statement)
    assert dump(graph) == before
