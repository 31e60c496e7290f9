"""Textract's blocks, gathered page by page as they come. What it says of them is documentation's word."""

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple

from pipeline.model import Box

if TYPE_CHECKING:
    from types_boto3_textract.type_defs import BlockTypeDef

WITH_TEXT = {"WORD", "SELECTION_ELEMENT"}
CHECKED, UNCHECKED = "[x]", "[ ]"


class Block(NamedTuple):
    """One thing on a page: the tenth of Textract's block that is needed. ``links`` are ids by kind of relationship."""

    id: str
    type: str
    text: str
    confidence: float
    box: Box
    quarter: int  # turns by 90 degrees, clockwise, that the text is turned by
    role: str  # KEY or VALUE
    row: int
    column: int
    links: Mapping[str, tuple[str, ...]]

    def linked(self, kind: str = "CHILD") -> tuple[str, ...]:
        """Ids of the blocks that stand in this relationship to it."""
        return self.links.get(kind, ())


class PageBlocks:
    """The blocks of one page, in the order in which they came."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.by_id: dict[str, Block] = {}
        self._awaited: set[str] = set()

    def add(self, block: Block) -> None:
        """Take one block."""
        self.by_id[block.id] = block
        self._awaited.discard(block.id)
        self._awaited.update(other for ids in block.links.values() for other in ids if other not in self.by_id)

    @property
    def complete(self) -> bool:
        """Whether the page and all that it speaks of are here."""
        return not self._awaited and any(block.type == "PAGE" for block in self.by_id.values())

    def of_type(self, *types: str) -> Iterator[Block]:
        """Its blocks of these types, in order; a type that ends in ``_`` stands for all that begin so."""
        starts = tuple(name for name in types if name.endswith("_"))
        return (block for block in self.by_id.values() if block.type in types or (starts and block.type.startswith(starts)))

    def children(self, block: Block, kind: str = "CHILD") -> Iterator[Block]:
        """What stands in this relationship to the block, so far as it is here."""
        return (self.by_id[other] for other in block.linked(kind) if other in self.by_id)

    def words(self, block: Block) -> Iterator[Block]:
        """The words and check boxes of a block, wherever below it they hang."""
        if block.type in WITH_TEXT:
            yield block
        for child in self.children(block):
            yield from self.words(child)


def block_of(raw: "BlockTypeDef") -> tuple[int, Block]:
    """The number of the page, and the block."""
    text = raw.get("Text", "")
    if raw.get("BlockType") == "SELECTION_ELEMENT":
        text = CHECKED if raw.get("SelectionStatus") == "SELECTED" else UNCHECKED
    links: dict[str, tuple[str, ...]] = {}
    for relation in raw.get("Relationships", ()):
        kind = relation.get("Type", "CHILD")
        links[kind] = (*links.get(kind, ()), *relation.get("Ids", ()))
    box, quarter = _place(raw)
    block = Block(
        raw.get("Id", ""),
        raw.get("BlockType", ""),
        text,
        min(1.0, max(0.0, raw.get("Confidence", 100.0) / 100)),
        box,
        quarter,
        next(iter(raw.get("EntityTypes", ())), ""),
        raw.get("RowIndex", 0),
        raw.get("ColumnIndex", 0),
        links,
    )
    return raw.get("Page", 1), block


def pages_of(answers: Iterable[Iterable["BlockTypeDef"]]) -> Iterator[PageBlocks]:
    """Each page, in order, as soon as it is complete and another has begun; at the end what is left, as it is."""
    pages: dict[int, PageBlocks] = {}
    for blocks in answers:
        for raw in blocks:
            number, block = block_of(raw)
            pages.setdefault(number, PageBlocks(number)).add(block)
        while len(pages) > 1 and pages[first := min(pages)].complete:  # of the last one, more may come
            yield pages.pop(first)
    for number in sorted(pages):
        yield pages[number]


def _place(raw: "BlockTypeDef") -> tuple[Box, int]:
    geometry = raw.get("Geometry", {})
    place = geometry.get("BoundingBox", {})
    left, top = place.get("Left", 0.0), place.get("Top", 0.0)
    sides = (left, top, left + place.get("Width", 0.0), top + place.get("Height", 0.0))
    box = Box(*(min(1.0, max(0.0, side)) for side in sides))
    corners = geometry.get("Polygon", ())
    if len(corners) < 2:
        return box, 0
    right = corners[1].get("X", 0.0) - corners[0].get("X", 0.0)
    down = corners[1].get("Y", 0.0) - corners[0].get("Y", 0.0)
    if abs(right) >= abs(down):
        return box, 0 if right >= 0 else 2
    return box, 1 if down > 0 else 3
