"""What a home holds in the end, taken apart into records that can be compared with those of another home."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import neo4j
import psycopg

from pipeline.endpoints import located
from pipeline.settings import Settings, load_settings

FINAL = ("completed", "partial_error", "error", "cancelled")
EXPORTED = {"documents": ("source_path",), "entities": ("id",), "relationships": ("subject", "predicate", "object")}

# What an export does not show: a line of a name, a key, and everything that does not tell of times and attempts.
TABLES = {
    "documents": "select source_path, row(id, parent_id, depth, file_name, storage_key, size, sha256, status, step,"
    " error_code, error_message, failed_pages, media_type, category, metadata)::text from documents",
    "steps": "select d.source_path || ' ' || s.step, row(s.fingerprint, s.engine)::text"
    " from document_steps s join documents d on d.id = s.document_id",
    "ranges": "select document_id || ' ' || number, row(first_page, last_page, status, error_code)::text"
    " from document_parts",
    "pages": "select document_id || ' ' || number, md5((p.*)::text) from pages p",
    "chunks": "select id::text, md5((c.*)::text) from chunks c",
    "mentions": "select m.document_id || ' ' || m.number, (m.*)::text from mentions m",
    "names": "select key, row(id, tokens, root, merged_into, merge_reason, merge_score)::text from entities",
    "links": "select concat_ws(' ', left_id, right_id, document_id), row(strong, reason, score)::text from entity_links",
    "blocking keys": "select blocking_key || ' ' || entity_id, '' from entity_keys",
    "evidence": "select concat_ws(' ', relationship_id, document_id, start_offset, end_offset), confidence::text"
    " from relationship_evidence",
}
NODES = "MATCH (n) WHERE NOT n:GraphTurn RETURN labels(n) AS labels, properties(n) AS properties"
EDGES = "MATCH (a)-[r]->(b) RETURN a.id AS start, type(r) AS type, properties(r) AS properties, b.id AS end"
TWICE = (
    "select d.source_path, h.step::text, count(*)"
    " from document_processing_history h join documents d on d.id = h.document_id"
    " where h.outcome = 'done' group by 1, 2 having count(*) > 1"
)

Records = dict[tuple[str, ...], str]


@dataclass
class Outcome:
    """Records by kind and key, the documents' states, and what is there twice."""

    records: dict[str, Records] = field(default_factory=dict)
    states: dict[str, str] = field(default_factory=dict)
    doubled: list[str] = field(default_factory=list)
    crashed: dict[str, int] = field(default_factory=dict)


def outcome_of(home: Path, export: Path) -> Outcome:
    """Read the export, the database and the graph of a home whose servers run."""
    settings = located(load_settings(nlp_pipeline_home=home))
    found = Outcome()
    for kind, key in EXPORTED.items():
        _add(found, kind, _exported(export / f"{kind}.jsonl", key))
    with psycopg.connect(settings.database) as db:
        found.states = dict(db.execute("select source_path, status::text from documents").fetchall())
        found.doubled += [f"{path}: {step} committed {times} times" for path, step, times in db.execute(TWICE)]
        found.crashed = dict(db.execute("select outcome, count(*) from document_processing_history group by 1").fetchall())
        for kind, query in TABLES.items():
            _add(found, f"table of {kind}", (((key,), value) for key, value in db.execute(query.encode())))
    for kind, query in (("nodes", NODES), ("edges", EDGES)):
        _add(found, f"graph's {kind}", _graph(settings, query))
    return found


def _add(found: Outcome, kind: str, rows: Iterator[tuple[tuple[str, ...], str]]) -> None:
    listed = list(rows)
    times = Counter(key for key, _ in listed)
    found.records[kind] = dict(listed)
    found.doubled += [f"{kind}: {key} is there {n} times" for key, n in times.items() if n > 1]


def _exported(path: Path, key: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str]]:
    for line in path.read_text(encoding="utf-8").split("\n")[:-1]:
        row = json.loads(line)
        yield tuple(row[name] for name in key), json.dumps(row, sort_keys=True)


def _graph(settings: Settings, query: str) -> Iterator[tuple[tuple[str, ...], str]]:
    assert settings.neo4j_password
    auth = (settings.neo4j_user, settings.neo4j_password.get_secret_value())
    with neo4j.GraphDatabase.driver(settings.neo4j_uri, auth=auth) as driver:
        for record in driver.execute_query(query, database_=settings.neo4j_database)[0]:
            row: dict[str, Any] = record.data()
            labels = sorted(row.get("labels", ()))
            key = (row["start"], row["type"], row["end"]) if "type" in row else (row["properties"].get("id", "?"),)
            yield key, json.dumps([labels, row["properties"]], sort_keys=True)


def different(one: Outcome, other: Outcome) -> dict[str, list[str]]:
    """By kind, the keys of the records that differ or that only one of the two has."""
    found = {}
    for kind in one.records:
        a, b = one.records[kind], other.records[kind]
        keys = sorted(key for key in a.keys() | b.keys() if a.get(key) != b.get(key))
        if keys:
            found[kind] = [" ".join(key) for key in keys]
    return found
