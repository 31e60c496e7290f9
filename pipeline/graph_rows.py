"""The graph cut into rows that can be compared: nodes and relationships, each belonging to the node that owns it."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from enum import StrEnum
from typing import NamedTuple, Protocol

from pipeline.model import GraphTurn

ROWS_AT_ONCE = 500


class Part(StrEnum):
    """A kind of node or relationship; the value is its label or type in the graph."""

    DOCUMENT = "Document"
    CHUNK = "Chunk"
    ENTITY = "Entity"
    HAS_CHUNK = "HAS_CHUNK"
    NEXT = "NEXT"
    MENTIONS = "MENTIONS"
    CO_OCCURS_WITH = "CO_OCCURS_WITH"
    RELATED = "RELATED"


def entity_label(kind: str) -> str:
    """The second label of an entity by its type: ``Person`` for PERSON."""
    return kind.capitalize()


NODES = (Part.DOCUMENT, Part.CHUNK, Part.ENTITY)

ROUNDS = (
    (Part.DOCUMENT, (Part.DOCUMENT,)),
    (Part.CHUNK, (Part.CHUNK,)),
    (Part.ENTITY, (Part.ENTITY,)),
    (Part.CHUNK, (Part.HAS_CHUNK, Part.NEXT, Part.MENTIONS)),
    (Part.ENTITY, (Part.CO_OCCURS_WITH, Part.RELATED)),
)
"""Owner and parts, in an order in which they can be written: relationships need their nodes."""

OWNER = {part: owner for owner, parts in ROUNDS for part in parts}

COLUMNS: dict[Part, tuple[str, ...]] = {
    Part.DOCUMENT: ("project", "file_name", "source_path", "media_type", "language", "category", "parent_id"),
    Part.CHUNK: ("document_id", "project", "index", "start", "end", "heading"),
    Part.ENTITY: ("project", "name", "type", "mentions", "documents", "label"),
    Part.HAS_CHUNK: ("document",),
    Part.NEXT: ("chunk",),
    Part.MENTIONS: ("entity", "count", "confidence"),
    Part.CO_OCCURS_WITH: ("entity", "weight", "documents"),
    Part.RELATED: ("entity", "predicate", "evidence", "documents", "confidence"),
}
"""What the values of a row are. A relationship's first value is the id of its other end."""

Value = str | int | float | bool | None
Values = tuple[Value, ...]
Rows = dict[str, list[Values]]
"""Values by owner. A node has one row; an owner without relationships of a kind stands there with none."""


class Span(NamedTuple):
    """Ids from ``low`` to below ``high``."""

    low: str
    high: str


FIRST, LAST = "", "\uffff"


def spans(number: int, at_once: int = ROWS_AT_ONCE) -> list[Span]:
    """Cut all ids into spans that hold about ``at_once`` of ``number`` evenly spread UUIDs each."""
    pieces = max(1, -(-number // at_once))
    bounds = [f"{(place << 32) // pieces:08x}-0000-0000-0000-000000000000" for place in range(1, pieces)]
    return [Span(low, high) for low, high in zip([FIRST, *bounds], [*bounds, LAST], strict=True)]


class Kind(StrEnum):
    """How the graph differs from the database."""

    MISSING = "missing"
    SUPERFLUOUS = "superfluous"
    DIFFERENT = "different"


class Difference(NamedTuple):
    """A row that is not as it should be; ``other`` is the far end of a relationship, "" for a node."""

    part: Part
    owner: str
    other: str
    held: Values | None
    expected: Values | None

    @property
    def kind(self) -> Kind:
        """How the graph differs here."""
        if self.held is None:
            return Kind.MISSING
        return Kind.SUPERFLUOUS if self.expected is None else Kind.DIFFERENT

    @property
    def ids(self) -> set[str]:
        """Everything that this row is about."""
        of_document = {str((self.expected or self.held or ("",))[0])} if self.part is Part.CHUNK else set()
        return {self.owner, self.other} | of_document


def compare(part: Part, expected: Rows, held: Rows) -> list[Difference]:
    """What differs, ordered by owner. Relationships of nodes that should not be there go with them, and are passed over."""
    owners = expected.keys() | held.keys() if part in NODES else expected.keys()
    return [
        each for owner in sorted(owners) for each in _of_owner(part, owner, expected.get(owner, []), held.get(owner, []))
    ]


def _of_owner(part: Part, owner: str, expected: list[Values], held: list[Values]) -> Iterator[Difference]:
    if expected == held:
        return
    wanted, found = Counter(expected), Counter(held)
    missing, extra = _by_other(part, (wanted - found).elements()), _by_other(part, (found - wanted).elements())
    for other in sorted(missing.keys() | extra.keys()):
        lacking, wrong = missing.get(other, []), extra.get(other, [])
        for place in range(max(len(lacking), len(wrong))):
            yield Difference(part, owner, other, _at(wrong, place), _at(lacking, place))


def _by_other(part: Part, values: Iterable[Values]) -> dict[str, list[Values]]:
    found: dict[str, list[Values]] = {}
    for each in values:
        found.setdefault("" if part in NODES else str(each[0]), []).append(each)
    return found


def _at(values: list[Values], place: int) -> Values | None:
    return values[place] if place < len(values) else None


class GraphRows(Protocol):
    """The graph in rows. A project is given by name; "" is that of nodes without one.

    ``turn`` and what is raised: as in ``ports.GraphStore``.
    """

    def projects(self) -> set[str]:
        """Names of all projects that a node belongs to."""

    def sizes(self, project: str) -> dict[str, int]:
        """Nodes by label."""

    def nodes(self, part: Part, project: str, span: Span) -> Rows:
        """The project's nodes of a label whose ids are in ``span``."""

    def relations(self, part: Part, owners: Collection[str]) -> Rows:
        """The relationships of a type that belong to these nodes."""

    def nameless(self, project: str) -> dict[str, int]:
        """How many nodes have no id, by label."""

    def write(self, part: Part, rows: Rows, turn: GraphTurn | None) -> None:
        """Make the owners hold exactly these rows; relationships whose ends are not there are passed over."""

    def remove(self, part: Part, ids: Collection[str], turn: GraphTurn | None) -> None:
        """Remove nodes with all their relationships."""

    def clear(self, project: str, turn: GraphTurn | None) -> None:
        """Remove everything of the project."""

    def clear_nameless(self, project: str) -> None:
        """Remove nodes that have no id."""

    def close(self) -> None:
        """Give back connections."""
