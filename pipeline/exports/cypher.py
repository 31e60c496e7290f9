"""The graph as a script that makes it in an empty Neo4j 5.

A semicolon at the end of a line ends a statement, and stands there for nothing else.
"""

import re
from collections.abc import Iterator
from typing import IO, NamedTuple

from pipeline.graph_rows import COLUMNS, NODES, Part, Rows, Value
from pipeline.stores.reports import Snapshot
from pipeline.stores.statements import load_statements

HEAD = "// Load into an empty database: cypher-shell -f graph.cypher\n"
ESCAPES = {number: f"\\u{number:04x}" for number in (*range(0x20), 0x7F)} | str.maketrans(
    {"\\": "\\\\", "'": "\\'", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
)
_BEFORE_U = re.compile(r"(?<=\\)(?=[uU])")


class Batch(NamedTuple):
    """Rows, each a literal, and what is done with each."""

    rows: list[str]
    action: str


def write_cypher(snapshot: Snapshot, file: IO[str]) -> int:
    """Write the script; return how many nodes and relationships it makes."""
    file.write(HEAD)
    for statement in load_statements("cypher/schema.cypher").values():
        file.write(f"{statement};\n")
    number = 0
    for part in Part:
        for rows in snapshot.graph_rows(part):
            for batch in _batches(part, rows):
                file.write("UNWIND [\n" + ",\n".join(batch.rows) + f"\n] AS row {batch.action};\n")
                number += len(batch.rows)
    return number


def _batches(part: Part, rows: Rows) -> Iterator[Batch]:
    if part not in NODES:
        action = _LOADING[f"write_{part}"].removeprefix("UNWIND $rows AS row ")
        made = [_list(owner, *values) for owner, each in rows.items() for values in each]
        if made:
            yield Batch(made, action)
        return
    by_label: dict[str, list[str]] = {}
    for owner, (values,) in rows.items():
        node: dict[str, Value] = dict(zip(COLUMNS[part], values, strict=True))
        label = node.pop("label", None)
        by_label.setdefault(f"{part}:{label}" if label else part, []).append(_map({"id": owner, **node}))
    for labels, made in by_label.items():
        yield Batch(made, f"CREATE (n:{labels}) SET n = row")


_LOADING = load_statements("cypher/rows.cypher")


def _map(node: dict[str, Value]) -> str:
    return "{" + ", ".join(f"`{name}`: {literal(value)}" for name, value in node.items()) + "}"


def _list(*values: Value) -> str:
    return "[" + ", ".join(map(literal, values)) + "]"


def literal(value: Value) -> str:
    r"""A value as Cypher reads it.

    A backslash before a u is cut from it: older readers take ``\u`` for an escape even where the backslash is escaped.
    """
    if isinstance(value, str):
        return " + ".join(f"'{piece.translate(ESCAPES)}'" for piece in _BEFORE_U.split(value))
    return repr(value)
