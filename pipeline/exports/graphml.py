"""GraphML: documents and entities as nodes; mentions, relations and attachments as edges.

The format: http://graphml.graphdrawing.org/specification.html; one undirected graph edge a pair and predicate.
"""

import re
from collections.abc import Iterator, Sequence
from typing import IO, NamedTuple
from xml.sax.saxutils import escape, quoteattr

from pipeline.stores.reports import Snapshot

NAMESPACE = "http://graphml.graphdrawing.org/xmlns"
_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class Key(NamedTuple):
    """An attribute of nodes or edges."""

    domain: str
    name: str
    type: str


KEYS = {
    "kind": Key("node", "kind", "string"),
    "label": Key("node", "label", "string"),
    "type": Key("node", "type", "string"),
    "path": Key("node", "source_path", "string"),
    "status": Key("node", "status", "string"),
    "language": Key("node", "language", "string"),
    "category": Key("node", "category", "string"),
    "mentions": Key("node", "mentions", "int"),
    "documents": Key("node", "documents", "int"),
    "relation": Key("edge", "relation", "string"),
    "weight": Key("edge", "weight", "double"),
    "evidence": Key("edge", "documents", "int"),
}


def write_graphml(snapshot: Snapshot, file: IO[str]) -> int:
    """Write the whole graph; return how many nodes and edges."""
    file.write(f'<?xml version="1.0" encoding="UTF-8"?>\n<graphml xmlns="{NAMESPACE}">\n')
    for name, key in KEYS.items():
        file.write(f'<key id="{name}" for="{key.domain}" attr.name="{key.name}" attr.type="{key.type}"/>\n')
    file.write('<graph id="project" edgedefault="directed">\n')
    number = 0
    for element in _elements(snapshot):
        file.write(element)
        number += 1
    file.write("</graph>\n</graphml>\n")
    return number


def _elements(snapshot: Snapshot) -> Iterator[str]:
    document = ("kind", "path", "label", "status", "language", "category")
    for identifier, *values in snapshot.rows("graph_documents"):
        yield _node(identifier, document, ("document", *values))
    for identifier, *values in snapshot.rows("graph_entities"):
        yield _node(identifier, ("kind", "label", "type", "mentions", "documents"), ("entity", *values))
    for source, target, weight in snapshot.rows("graph_mentions"):
        yield _edge(source, target, ("relation", "weight"), ("MENTIONS", weight))
    for source, target in snapshot.rows("graph_attachments"):
        yield _edge(source, target, ("relation",), ("HAS_ATTACHMENT",))
    for source, target, *values in snapshot.rows("graph_relations"):
        yield _edge(source, target, ("relation", "weight", "evidence"), values)


def _node(identifier: str, keys: Sequence[str], values: Sequence[object]) -> str:
    return f"<node id={quoteattr(identifier)}>{_data(keys, values)}</node>\n"


def _edge(source: str, target: str, keys: Sequence[str], values: Sequence[object]) -> str:
    return f"<edge source={quoteattr(source)} target={quoteattr(target)}>{_data(keys, values)}</edge>\n"


def _data(keys: Sequence[str], values: Sequence[object]) -> str:
    pairs = zip(keys, values, strict=True)
    return "".join(f'<data key="{key}">{escape(_NO_XML.sub(" ", str(value)))}</data>' for key, value in pairs if value != "")
