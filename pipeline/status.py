"""States of a document, its steps in order, and the moves that are permitted.

The database holds the same enums and refuses any other move; a test compares the two.
"""

from enum import StrEnum


class Status(StrEnum):
    """Where a document stands."""

    PENDING = "pending"  # -> queued, cancelled
    QUEUED = "queued"  # -> extracting, processing, pending (repair), error, cancelled
    EXTRACTING = "extracting"  # -> processing_chunks, processing, error, cancelled
    PROCESSING_CHUNKS = "processing_chunks"  # page ranges in parallel -> processing, error, cancelled
    PROCESSING = "processing"  # -> completed, partial_error, error, cancelled
    COMPLETED = "completed"  # -> pending (reprocess)
    PARTIAL_ERROR = "partial_error"  # -> pending (retry, reprocess)
    ERROR = "error"  # -> pending (retry)
    CANCELLED = "cancelled"  # -> pending (retry)


class Family(StrEnum):
    """The four stages that users see; each holds one or more steps."""

    OCR = "ocr"
    TEXT = "text"
    ENTITY = "entity"
    GRAPH = "graph"


class Step(StrEnum):
    """One committed step of a document's way; the value is the name of its Celery task."""

    PROCESS_OCR = "process_ocr"
    CREATE_DOCUMENT_NODE = "create_document_node"
    PROCESS_CHUNKING = "process_chunking"
    EXTRACT_ENTITIES = "extract_entities"
    RESOLVE_ENTITIES = "resolve_entities"
    BUILD_RELATIONSHIPS = "build_relationships"

    @property
    def family(self) -> Family:
        """The stage that a user knows this step by."""
        return FAMILIES[self]

    @property
    def running(self) -> Status:
        """The state of a document while this step runs."""
        return Status.EXTRACTING if self is Step.PROCESS_OCR else Status.PROCESSING


FAMILIES = {
    Step.PROCESS_OCR: Family.OCR,
    Step.CREATE_DOCUMENT_NODE: Family.TEXT,
    Step.PROCESS_CHUNKING: Family.TEXT,
    Step.EXTRACT_ENTITIES: Family.ENTITY,
    Step.RESOLVE_ENTITIES: Family.ENTITY,
    Step.BUILD_RELATIONSHIPS: Family.GRAPH,
}

FINAL = frozenset({Status.COMPLETED, Status.PARTIAL_ERROR, Status.ERROR, Status.CANCELLED})
IN_FLIGHT = frozenset({Status.QUEUED, Status.EXTRACTING, Status.PROCESSING_CHUNKS, Status.PROCESSING})

MOVES: dict[Status, frozenset[Status]] = {
    Status.PENDING: frozenset({Status.QUEUED, Status.CANCELLED}),
    Status.QUEUED: IN_FLIGHT - {Status.QUEUED, Status.PROCESSING_CHUNKS} | {Status.PENDING, Status.ERROR, Status.CANCELLED},
    Status.EXTRACTING: frozenset(
        {Status.QUEUED, Status.PROCESSING_CHUNKS, Status.PROCESSING, Status.ERROR, Status.CANCELLED}
    ),
    Status.PROCESSING_CHUNKS: frozenset({Status.QUEUED, Status.PROCESSING, Status.ERROR, Status.CANCELLED}),
    Status.PROCESSING: frozenset({Status.QUEUED}) | FINAL,
    Status.COMPLETED: frozenset({Status.PENDING}),
    Status.PARTIAL_ERROR: frozenset({Status.PENDING}),
    Status.ERROR: frozenset({Status.PENDING}),
    Status.CANCELLED: frozenset({Status.PENDING}),
}


def may_move(old: Status, new: Status) -> bool:
    """Whether a document in ``old`` may go to ``new``; staying is always permitted."""
    return old == new or new in MOVES[old]


def parse_status(name: str) -> tuple[Status, Family | None]:
    """A state, or ``ocr_failed``, ``text_failed``, ``entity_failed``, ``graph_failed``: an error in that stage.

    Raises:
        ValueError: there is no such state.
    """
    family, _, failed = name.partition("_")
    if failed == "failed" and family in list(Family):
        return Status.ERROR, Family(family)
    return Status(name), None
