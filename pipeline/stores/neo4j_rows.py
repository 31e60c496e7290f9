"""The graph in rows on a Bolt server: read span by span, and put right where it is not as it should be."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from functools import partial
from typing import Any

from neo4j import ManagedTransaction

from pipeline.graph_rows import COLUMNS, NODES, Part, Rows, Span, Value, Values, entity_label, spans
from pipeline.model import EntityType, GraphTurn
from pipeline.stores.neo4j_graph import CYPHER as GRAPH
from pipeline.stores.neo4j_session import GraphServer, fetch_list
from pipeline.stores.statements import load_statements

CYPHER = load_statements("cypher/rows.cypher")
LABELS = {entity_label(kind) for kind in EntityType}
BATCH = 2000

Row = dict[str, Value]


class Neo4jRows:
    """``graph_rows.GraphRows`` over Bolt. What others add to the nodes, labels and properties of their own, is left.

    Args and raises as ``Neo4jGraph``.
    """

    def __init__(self, uri: str, user: str, password: str, database: str = "neo4j") -> None:
        self._server = GraphServer(uri, user, password, database)

    def projects(self) -> set[str]:
        """See ``graph_rows.GraphRows``."""
        return {record["name"] for record in self._server.read(CYPHER["projects"])}

    def sizes(self, project: str) -> dict[str, int]:
        """See ``graph_rows.GraphRows``."""
        return {record["label"]: record["number"] for record in self._server.read(CYPHER["sizes"], project=project)}

    def nodes(self, part: Part, project: str, span: Span) -> Rows:
        """See ``graph_rows.GraphRows``."""
        return self._rows(part, project=project, low=span.low, high=span.high)

    def relations(self, part: Part, owners: Collection[str]) -> Rows:
        """See ``graph_rows.GraphRows``."""
        return self._rows(part, ids=list(owners))

    def nameless(self, project: str) -> dict[str, int]:
        """See ``graph_rows.GraphRows``."""
        records = self._server.read(CYPHER["count_nameless"], project=project)
        return {record["label"]: record["number"] for record in records if record["number"]}

    def write(self, part: Part, rows: Rows, turn: GraphTurn | None) -> None:
        """See ``graph_rows.GraphRows``."""
        for batch in _batches(rows):
            if part is Part.ENTITY:
                self._write_entities(_properties(part, batch), turn)
            elif part in NODES:
                self._run(f"write_{part}", turn, rows=_properties(part, batch))
            else:
                self._server.write(partial(_write_relations, part=part, batch=batch), turn)

    def remove(self, part: Part, ids: Collection[str], turn: GraphTurn | None) -> None:
        """See ``graph_rows.GraphRows``."""
        names = list(ids)
        for start in range(0, len(names), BATCH):
            self._run(f"remove_{part}", turn, ids=names[start : start + BATCH])

    def clear(self, project: str, turn: GraphTurn | None) -> None:
        """See ``graph_rows.GraphRows``."""
        sizes = self.sizes(project)
        # Entities first: measured on ArcadeDB, the time then grows with the size; with chunks first it grew faster.
        for part in (Part.ENTITY, Part.CHUNK, Part.DOCUMENT):
            for span in spans(sizes.get(part, 0)):
                self.remove(part, self.nodes(part, project, span), turn)
        self.clear_nameless(project)

    def clear_nameless(self, project: str) -> None:
        """See ``graph_rows.GraphRows``."""
        self._run("wipe_nameless", None, project=project)

    def close(self) -> None:
        """See ``graph_rows.GraphRows``."""
        self._server.close()

    def _rows(self, part: Part, **values: object) -> Rows:
        records = self._server.read(CYPHER[f"read_{part}"], **values)
        found: Rows = {}
        for owner, *row in records[0][0] if records else []:
            found.setdefault(owner, []).append(_values(part, row))
        return found

    def _run(self, name: str, turn: GraphTurn | None, **values: object) -> None:
        self._server.write(lambda tx: tx.run(CYPHER[name], values).consume(), turn)

    def _write_entities(self, rows: Sequence[Row], turn: GraphTurn | None) -> None:
        held = self._server.write(lambda tx: _write_entities(tx, rows), turn)
        add, remove = defaultdict(list), defaultdict(list)
        for row in (row for row in rows if row["id"] in held):
            right = {entity_label(str(row["type"]))}
            for name in right - held[row["id"]]:
                add[name].append(row["id"])
            for name in (held[row["id"]] & LABELS) - right:
                remove[name].append(row["id"])
        # After the transaction and not in it: ArcadeDB refuses a change of label in an open one.
        for statement, groups in (("remove_label", remove), ("add_label", add)):
            for name, ids in groups.items():
                self._server.run(CYPHER[statement].replace("LABEL", name), ids=ids)


def _write_entities(tx: ManagedTransaction, rows: Sequence[Row]) -> dict[Value, set[str]]:
    """Create what is missing, set the others' properties; returns the labels of those that were there."""
    held = {i: set(labels) for i, labels in fetch_list(tx, CYPHER["labels"], ids=[row["id"] for row in rows])}
    new: dict[str, list[Row]] = {kind.value: [] for kind in EntityType}
    for row in (row for row in rows if row["id"] not in held):
        new[str(row["type"])].append(row)
    if len(held) < len(rows):
        tx.run(GRAPH["create_entities"], new).consume()
    if held:
        tx.run(CYPHER["set_entities"], rows=[row for row in rows if row["id"] in held]).consume()
    return held


def _write_relations(tx: ManagedTransaction, part: Part, batch: Rows) -> None:
    """Replace all that the owners have of this kind: so a relationship that stands twice needs no care of its own."""
    tx.run(CYPHER[f"clear_{part}"], ids=list(batch)).consume()
    rows = [[owner, *each] for owner, values in batch.items() for each in values]
    tx.run(CYPHER[f"write_{part}"], rows=rows).consume()


def _properties(part: Part, rows: Rows) -> list[Row]:
    """Nodes as maps of properties; a label is none."""
    found: list[Row] = []
    for owner, (values,) in rows.items():
        row: Row = dict(zip(COLUMNS[part], values, strict=True))
        row.pop("label", None)
        found.append(row | {"id": owner})
    return found


def _values(part: Part, values: list[Any]) -> Values:
    if part is Part.ENTITY:
        values[-1] = "+".join(sorted(LABELS & set(values[-1])))
    # Whatever stands where a value should be: it differs, and must not stop the comparison.
    return tuple(value if value is None or isinstance(value, str | int | float) else repr(value) for value in values)


def _batches(rows: Rows) -> Iterator[Rows]:
    batch: Rows = {}
    number = 0
    for owner, values in rows.items():
        batch[owner] = values
        number += 1 + len(values)
        if number >= BATCH:
            yield batch
            batch, number = {}, 0
    if batch:
        yield batch
