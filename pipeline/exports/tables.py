"""CSV as RFC 4180 has it: UTF-8, a header, values quoted where they must be and otherwise written as they are."""

import csv
from collections.abc import Callable
from typing import IO

from pipeline.stores.reports import Snapshot

TABLES = {
    "documents": ("document_id", "source_path", "file_name", "status", "error_code", "error_message", "media_type",
                  "language", "category", "pages", "parent_id"),
    "chunks": ("chunk_id", "document_id", "position", "start", "end", "heading", "text"),
    "entities": ("entity_id", "type", "name", "mentions", "documents", "aliases"),
    "mentions": ("document_id", "start", "end", "type", "name", "entity_id", "chunk_id", "confidence"),
    "relationships": ("subject", "predicate", "object", "weight", "documents"),
}  # fmt: skip
"""Columns of each table; ids join them. ``aliases`` is a JSON list."""


def table_writer(table: str) -> Callable[[Snapshot, IO[str]], int]:
    """What writes a table; it returns the number of rows, the header not counted."""

    def write(snapshot: Snapshot, file: IO[str]) -> int:
        rows = csv.writer(file)
        rows.writerow(TABLES[table])
        number = 0
        for row in snapshot.rows(f"csv_{table}"):
            rows.writerow(row)
            number += 1
        return number

    return write
