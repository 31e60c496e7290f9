"""The forms of an export, and the files of each."""

from collections.abc import Callable
from typing import IO

from pipeline.exports.cypher import write_cypher
from pipeline.exports.graphml import write_graphml
from pipeline.exports.tables import TABLES, table_writer
from pipeline.stores.reports import Snapshot

Writer = Callable[[Snapshot, IO[str]], int]
"""Writes a file; returns the number of its rows."""


def _lines(statement: str) -> Writer:
    def write(snapshot: Snapshot, file: IO[str]) -> int:
        number = 0
        for (line,) in snapshot.rows(statement):
            file.write(line + "\n")
            number += 1
        return number

    return write


FORMS: dict[str, dict[str, Writer]] = {
    "jsonl": {
        "documents.jsonl": _lines("export_documents"),
        "entities.jsonl": _lines("export_entities"),
        "relationships.jsonl": _lines("export_relationships"),
    },
    "csv": {f"{name}.csv": table_writer(name) for name in TABLES},
    "graphml": {"graph.graphml": write_graphml},
    "cypher": {"graph.cypher": write_cypher},
}
