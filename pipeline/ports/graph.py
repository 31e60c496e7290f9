"""The graph."""

from typing import Protocol

from pipeline.model import DocumentGraph, DocumentId, DocumentNode, EntityGraph, GraphFigures, GraphTurn


class GraphStore(Protocol):
    """Holds what can be rebuilt from the database. Writes are idempotent; callers write one project at a time.

    What is written in a ``turn`` is refused, whole, once anything was written in a later one of the project; None: never.
    """

    def prepare(self) -> None:
        """Create the constraints and indexes that are missing."""

    def write_node(self, node: DocumentNode) -> None:
        """Create the document's node or set its properties."""

    def write_document(self, part: DocumentGraph, turn: GraphTurn | None = None) -> None:
        """Make the graph hold exactly this part of the document; entities that are there already stay as they are.

        Raises:
            ServiceUnavailable: the server is away or a conflict lasted through all retries.
            NotReady: somebody else has written in a later turn (code ``turn_lost``).
        """

    def write_figures(self, figures: GraphFigures, turn: GraphTurn | None = None) -> None:
        """Set these entities and relations; entities that are not in the graph are passed over."""

    def write_entities(self, change: EntityGraph, turn: GraphTurn | None = None) -> None:
        """Remove ``gone``; make mentions and relations of ``entities`` exactly these.

        Chunks that are not in the graph are passed over.
        """

    def delete_document(self, document_id: DocumentId, turn: GraphTurn | None = None) -> None:
        """Remove the document's node and chunks with their mentions; entities stay (see ``write_entities``)."""

    def counts(self, project: str) -> dict[str, int]:
        """Nodes by label and relationships by type, for summaries and checks."""

    def close(self) -> None:
        """Give back connections."""
