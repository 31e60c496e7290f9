"""What every ``GraphStore`` must do, on a real Bolt server."""

import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import pairwise
from threading import Event
from typing import Any

import neo4j
import pytest

from pipeline.errors import Misconfigured, NotReady, ServiceUnavailable
from pipeline.model import (
    DocumentGraph,
    DocumentId,
    DocumentNode,
    EntityGraph,
    EntityType,
    GraphChunk,
    GraphEntity,
    GraphFigures,
    GraphMention,
    GraphRelation,
    GraphTurn,
)
from pipeline.ports import GraphStore
from pipeline.stores import neo4j_graph
from pipeline.stores.neo4j_graph import CYPHER, Neo4jGraph, label
from pipeline.supervisor import Endpoints

PROJECT = "matter"
EMPTY = EntityGraph((), (), (), ())


@pytest.fixture
def store(endpoints: Endpoints, graph: neo4j.Driver) -> Iterator[GraphStore]:
    del graph  # empties the server
    store = Neo4jGraph(endpoints.graph_uri, endpoints.graph_user, endpoints.graph_password)
    store.prepare()
    yield store
    store.close()


def entity(name: str, kind: EntityType = EntityType.PERSON, mentions: int = 1, documents: int = 1) -> GraphEntity:
    return GraphEntity(name, f"Name of {name}", kind, mentions, documents)


ADA, BOB, ACME = entity("ada"), entity("bob"), entity("acme", EntityType.ORGANIZATION)


def part(document: str = "d1", chunks: int = 3, entities: tuple[GraphEntity, ...] = (ADA, BOB, ACME)) -> DocumentGraph:
    """Each chunk names each entity once."""
    cut = tuple(GraphChunk(f"{document}-{i}", i, i * 10, i * 10 + 9, f"Section {i}") for i in range(chunks))
    return DocumentGraph(
        DocumentNode(document, PROJECT, f"{document}.pdf", f"in/{document}.pdf", "application/pdf", "en", "letter"),
        cut,
        entities,
        tuple(GraphMention(c.id, e.id, 1, 0.5) for c in cut for e in entities),
    )


def put(store: GraphStore, part: DocumentGraph) -> None:
    """Write the document, then the figures of its entities: each stands with the next."""
    store.write_document(part)
    relations = tuple(GraphRelation(a.id, b.id, 2, 1) for a, b in pairwise(part.entities))
    store.write_figures(GraphFigures(part.entities, relations))


def rows(graph: neo4j.Driver, statement: str, **values: object) -> list[list[Any]]:
    return graph.execute_query(neo4j.Query(statement), values, database_="neo4j", result_transformer_=neo4j.Result.values)


def whole(graph: neo4j.Driver) -> list[list[Any]]:
    nodes = rows(graph, "MATCH (n) RETURN labels(n), properties(n), n.id ORDER BY n.id")
    edges = rows(graph, "MATCH (a)-[r]->(b) RETURN a.id, type(r), properties(r), b.id ORDER BY a.id, b.id, type(r)")
    return [[sorted(labels), properties] for labels, properties, _ in nodes] + edges


def test_a_document_is_written_whole(store: GraphStore, graph: neo4j.Driver) -> None:
    put(store, part())
    assert store.counts(PROJECT) == {
        "Document": 1, "Chunk": 3, "Entity": 3, "Person": 2, "Organization": 1,
        "HAS_CHUNK": 3, "NEXT": 2, "MENTIONS": 9, "CO_OCCURS_WITH": 2,
    }  # fmt: skip
    order = rows(
        graph, "MATCH p = (:Chunk {id: 'd1-0'})-[:NEXT*]->(c:Chunk {id: 'd1-2'}) RETURN length(p), c.start, c.heading"
    )
    assert order == [[2, 20, "Section 2"]]
    assert rows(graph, "MATCH (d:Document) RETURN d.file_name, d.project") == [["d1.pdf", PROJECT]]
    assert rows(graph, "MATCH (e:Entity:Organization) RETURN e.name, e.type, e.project") == [
        ["Name of acme", "ORGANIZATION", PROJECT]
    ]


def test_writing_twice_changes_nothing(store: GraphStore, graph: neo4j.Driver) -> None:
    put(store, part())
    first = whole(graph)
    put(store, part())
    assert whole(graph) == first


def test_the_way_to_a_graph_does_not_matter(store: GraphStore, graph: neo4j.Driver) -> None:
    small = part(chunks=2, entities=(ADA, BOB))
    put(store, small)
    fresh = whole(graph)
    put(store, replace(small, mentions=small.mentions[:1]))
    put(store, replace(small, chunks=small.chunks[:1], mentions=()))
    put(store, small)
    assert whole(graph) == fresh


def test_fewer_chunks_and_mentions_remove_the_old_ones(store: GraphStore, graph: neo4j.Driver) -> None:
    put(store, part())
    put(store, part(chunks=1, entities=(ADA,)))
    assert rows(graph, "MATCH (c:Chunk) RETURN c.id") == [["d1-0"]]
    assert rows(graph, "MATCH (c:Chunk)-[m:MENTIONS]->(e:Entity) RETURN c.id, e.id") == [["d1-0", "ada"]]


def test_figures_are_set_and_never_added(store: GraphStore, graph: neo4j.Driver) -> None:
    put(store, part(entities=(ADA, BOB)))
    new = part(entities=(entity("ada", mentions=7, documents=2), BOB))
    mention = GraphMention("d1-0", "ada", 4, 0.75)
    store.write_document(replace(new, mentions=(mention,)))
    store.write_figures(GraphFigures(new.entities, (GraphRelation("bob", "ada", 9, 3),)))
    assert rows(graph, "MATCH (e:Entity {id: 'ada'}) RETURN e.mentions, e.documents") == [[7, 2]]
    assert rows(graph, "MATCH ()-[m:MENTIONS]->() RETURN m.count, m.confidence") == [[4, 0.75]]
    assert rows(graph, "MATCH (a)-[r:CO_OCCURS_WITH]->(b) RETURN a.id, r.weight, r.documents, b.id") == [
        ["ada", 9, 3, "bob"]
    ]


def test_documents_share_entities(store: GraphStore) -> None:
    put(store, part("d1"))
    put(store, part("d2", entities=(ADA, entity("eve"))))
    counts = store.counts(PROJECT)
    assert (counts["Document"], counts["Person"], counts["MENTIONS"], counts["CO_OCCURS_WITH"]) == (2, 3, 15, 3)


def test_a_node_alone_keeps_its_chunks(store: GraphStore, graph: neo4j.Driver) -> None:
    node = part().document
    store.write_node(node)
    put(store, part())
    store.write_node(replace(node, language="de"))
    assert store.counts(PROJECT)["Chunk"] == 3
    assert rows(graph, "MATCH (d:Document) RETURN d.language") == [["de"]]


def test_an_entity_changes_its_type_and_keeps_what_it_has(store: GraphStore, graph: neo4j.Driver) -> None:
    put(store, part(chunks=1))
    for kind in EntityType:
        put(store, part(chunks=1, entities=(entity("ada", kind), entity("bob", kind), ACME)))
        found = rows(graph, "MATCH (e:Entity {id: 'ada'}) RETURN labels(e), e.type")
        assert [(set(labels), value) for labels, value in found] == [({"Entity", label(kind)}, kind.value)]
    assert rows(graph, "MATCH (e:Entity {id: 'ada'})<-[:MENTIONS]-(c) RETURN c.id") == [["d1-0"]]
    assert rows(graph, "MATCH (e:Entity {id: 'ada'})-[:CO_OCCURS_WITH]-(o) RETURN o.id") == [["bob"]]


def test_joined_entities_hand_over_what_they_had(store: GraphStore, graph: neo4j.Driver) -> None:
    put(store, part(chunks=2))
    joined = entity("ada", mentions=4)
    mentions = (
        GraphMention("d1-0", "ada", 2, 0.5),
        GraphMention("d1-1", "ada", 2, 0.5),
        GraphMention("absent", "ada", 9, 1.0),
    )
    relations = (GraphRelation("acme", "ada", 2, 1), GraphRelation("ada", "absent", 2, 1))
    store.write_entities(EntityGraph(("bob",), (joined,), mentions, relations))
    assert rows(graph, "MATCH (e:Entity) RETURN e.id, e.mentions ORDER BY e.id") == [["acme", 1], ["ada", 4]]
    assert rows(graph, "MATCH (c)-[m:MENTIONS]->({id: 'ada'}) RETURN c.id, m.count ORDER BY c.id") == [
        ["d1-0", 2],
        ["d1-1", 2],
    ]
    assert rows(graph, "MATCH (a)-[r:CO_OCCURS_WITH]->(b) RETURN a.id, b.id") == [["acme", "ada"]]


def test_a_parted_entity_belongs_to_the_project(store: GraphStore, graph: neo4j.Driver) -> None:
    put(store, part(chunks=2, entities=(ADA, ACME)))
    mentions = (GraphMention("d1-0", "ada", 1, 0.5), GraphMention("d1-1", "new", 1, 0.5))
    store.write_entities(EntityGraph((), (ADA, entity("new", EntityType.EMAIL)), mentions, ()))
    found = rows(graph, "MATCH (c:Chunk)-[:MENTIONS]->(e) WHERE e.id <> 'acme' RETURN c.id, e.id, e.project ORDER BY c.id")
    assert found == [["d1-0", "ada", PROJECT], ["d1-1", "new", PROJECT]]
    assert "CO_OCCURS_WITH" not in store.counts(PROJECT)


def test_a_change_of_nothing_is_nothing(store: GraphStore, graph: neo4j.Driver) -> None:
    put(store, part())
    before = whole(graph)
    store.write_entities(EMPTY)
    assert whole(graph) == before


def test_a_deleted_document_leaves_its_neighbours(store: GraphStore, graph: neo4j.Driver) -> None:
    put(store, part("d1"))
    put(store, part("d2"))
    for _ in range(2):
        store.delete_document(DocumentId("d1"))
    assert rows(graph, "MATCH (d:Document) RETURN d.id") == [["d2"]]
    counts = store.counts(PROJECT)
    assert (counts["Chunk"], counts["MENTIONS"], counts["Entity"]) == (3, 9, 3)
    store.write_node(part("d3").document)
    store.delete_document(DocumentId("d3"))
    assert store.counts(PROJECT)["Document"] == 1


def test_a_document_without_text_is_only_its_node(store: GraphStore) -> None:
    put(store, part(chunks=0, entities=()))
    assert store.counts(PROJECT) == {"Document": 1}


def test_projects_are_counted_apart(store: GraphStore) -> None:
    put(store, part("d1"))
    other = part("d2", entities=(entity("zoe"),))
    put(store, replace(other, document=replace(other.document, project="other")))
    assert store.counts("other") == {
        "Document": 1,
        "Chunk": 3,
        "Entity": 1,
        "Person": 1,
        "HAS_CHUNK": 3,
        "NEXT": 2,
        "MENTIONS": 3,
    }
    assert store.counts("none") == {}


def test_more_than_a_batch_is_written(store: GraphStore) -> None:
    many = tuple(entity(f"e{i}") for i in range(2100))
    put(store, part(chunks=1, entities=many))
    counts = store.counts(PROJECT)
    assert (counts["Person"], counts["MENTIONS"], counts["CO_OCCURS_WITH"]) == (2100, 2100, 2099)


def test_names_are_only_data(store: GraphStore, graph: neo4j.Driver) -> None:
    name = "'}) DETACH DELETE n // \u202e \"\\ 名"
    put(store, part(entities=(entity("ada")._replace(name=name),)))
    assert rows(graph, "MATCH (e:Entity) RETURN e.name") == [[name]]


def test_writers_that_meet_make_one_entity(endpoints: Endpoints, store: GraphStore) -> None:
    stores = [Neo4jGraph(endpoints.graph_uri, endpoints.graph_user, endpoints.graph_password) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda i: stores[i % 4].write_document(part(f"d{i}")), range(16)))
    for each in stores:
        each.close()
    put(store, part("d0"))
    counts = store.counts(PROJECT)
    assert (counts["Document"], counts["Entity"], counts["MENTIONS"], counts["CO_OCCURS_WITH"]) == (16, 3, 144, 2)


def test_an_id_is_unique_for_every_kind_of_node(store: GraphStore, graph: neo4j.Driver) -> None:
    put(store, part())
    for statement in ("CREATE (:Document {id: 'd1'})", "CREATE (:Chunk {id: 'd1-0'})", "CREATE (:Entity:Law {id: 'ada'})"):
        with pytest.raises(neo4j.exceptions.ConstraintError):
            rows(graph, statement)


def test_every_type_has_its_label() -> None:
    assert all(f"${kind.value} | CREATE (e:Entity:{label(kind)})" in CYPHER["create_entities"] for kind in EntityType)


def test_a_server_that_is_away_may_come_back() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        store = Neo4jGraph(f"bolt://127.0.0.1:{taken.getsockname()[1]}", "neo4j", "secret")
        with pytest.raises(ServiceUnavailable, match=r"127\.0\.0\.1"):
            store.write_node(part().document)
        store.close()


@pytest.mark.parametrize("uri", ["", "nonsense", "http//x", "bolt://host:port", "ftp://host"])
def test_an_address_that_is_none_is_a_setting(uri: str) -> None:
    with pytest.raises(Misconfigured):
        Neo4jGraph(uri, "neo4j", "secret")


@pytest.mark.parametrize(
    ("password", "database", "code"), [("wrong", "neo4j", "graph_auth"), ("", "absent", "graph_database")]
)
def test_a_wrong_password_or_database_is_a_setting(endpoints: Endpoints, password: str, database: str, code: str) -> None:
    store = Neo4jGraph(endpoints.graph_uri, endpoints.graph_user, password or endpoints.graph_password, database)
    with pytest.raises(Misconfigured) as fault:
        store.write_node(part().document)
    store.close()
    assert fault.value.code == code
    assert endpoints.graph_password not in str(fault.value)


def test_what_is_written_in_an_earlier_turn_is_refused_whole(store: GraphStore, graph: neo4j.Driver) -> None:
    early, late = GraphTurn("matter's id", 7), GraphTurn("matter's id", 9)
    store.write_document(part(entities=(ADA,)), early)
    store.write_document(part(entities=(ADA, BOB)), late)
    before = whole(graph)
    refused = pytest.raises(NotReady, match="Another worker wrote")
    with refused:
        store.write_document(part(entities=(ADA,)), early)
    with refused:
        store.write_figures(GraphFigures((entity("ada", mentions=99),), ()), early)
    with refused:
        store.write_entities(EntityGraph(("ada",), (), (), ()), early)
    with refused:
        store.delete_document(DocumentId("d1"), early)
    assert whole(graph) == before
    store.write_document(part("d2"), GraphTurn("another's id", 1))
    store.delete_document(DocumentId("d1"), late)
    assert rows(graph, "MATCH (d:Document) RETURN d.id") == [["d2"]]


def test_who_sleeps_in_the_middle_of_a_write_writes_nothing_after_a_later_turn(
    store: GraphStore, graph: neo4j.Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    asleep, awake = Event(), Event()
    write = neo4j_graph._write_document

    def slow(tx: neo4j.ManagedTransaction, it: DocumentGraph) -> None:
        write(tx, it)
        if it.entities == (ADA,) and not asleep.is_set():
            asleep.set()
            assert awake.wait(30)

    monkeypatch.setattr(neo4j_graph, "_write_document", slow)
    with ThreadPoolExecutor(1) as pool:
        sleeper = pool.submit(store.write_document, part(entities=(ADA,)), GraphTurn("matter's id", 1))
        assert asleep.wait(30)
        store.write_document(part(entities=(BOB,)), GraphTurn("matter's id", 2))
        after = whole(graph)
        awake.set()
        with pytest.raises(NotReady):
            sleeper.result()
    assert whole(graph) == after
