"""What a migration did, or would do: counted by state, outcome and reason."""

import json
from collections import Counter
from typing import NamedTuple

import click
from rich.console import Group, RenderableType
from rich.text import Text

from pipeline.cli.output import console, count, flat, plain, table

LISTED = 20
MOVED, BEFORE, LEFT, REFUSED = "moved", "moved before", "left alone", "not moved"
WOULD = {MOVED: "would be moved", BEFORE: "moved before", LEFT: "would be left alone", REFUSED: "cannot be moved"}
COLOURS = {MOVED: "green", REFUSED: "red"}


class Refusal(NamedTuple):
    """A document that cannot be moved."""

    id: str
    file: str
    why: str


class Tally:
    """Counts of one migration.

    Args:
        source: the old table, "" for our own documents.
        dry: whether nothing is changed.
    """

    def __init__(self, source: str, *, dry: bool) -> None:
        self._source = source
        self._dry = dry
        self._counts: Counter[tuple[str, str, str]] = Counter()
        self.refused: list[Refusal] = []
        self.finished = False

    @property
    def moved(self) -> int:
        """How many were moved."""
        return self.total(MOVED)

    def total(self, outcome: str) -> int:
        """How many documents had this outcome."""
        return sum(number for (_, each, _), number in self._counts.items() if each == outcome)

    def add(self, status: str, outcome: str, why: str = "", number: int = 1) -> None:
        """Count documents of an old state."""
        if number:
            self._counts[status, outcome, why] += number

    def refuse(self, status: str, refusal: Refusal) -> None:
        """Count a document that cannot be moved; reasons are told apart up to their first colon."""
        self.add(status, REFUSED, refusal.why.partition(":")[0].rstrip("."))
        self.refused.append(refusal)

    def print(self, *, as_json: bool) -> None:
        """Report."""
        if as_json:
            click.echo(json.dumps(self._data(), ensure_ascii=False))
        else:
            console().print(self._drawn())

    def _data(self) -> dict[str, object]:
        rows = [{"status": s, "outcome": o, "why": w, "documents": n} for (s, o, w), n in self._sorted()]
        totals = {name.replace(" ", "_"): self.total(name) for name in (MOVED, BEFORE, LEFT, REFUSED)}
        refused = [each._asdict() for each in self.refused]
        return {
            "source": self._source,
            "dry_run": self._dry,
            "finished": self.finished,
            **totals,
            "rows": rows,
            "refused": refused,
        }

    def _sorted(self) -> list[tuple[tuple[str, str, str], int]]:
        order = (MOVED, BEFORE, REFUSED, LEFT)
        return sorted(self._counts.items(), key=lambda item: (order.index(item[0][1]), -item[1], item[0]))

    def _drawn(self) -> RenderableType:
        grid = table("state", "what", "why", "documents", right=1)
        for (status, outcome, why), number in self._sorted():
            words = WOULD[outcome] if self._dry else outcome
            grid.add_row(plain(status) or "(none)", Text(words, style=COLOURS.get(outcome, "")), plain(why), f"{number:,}")
        lines = [Text(f"{each.id}: {flat(each.file)}: {flat(each.why)}") for each in self.refused[:LISTED]]
        if len(self.refused) > LISTED:
            lines.append(Text(f"and {len(self.refused) - LISTED:,} more: --json lists them all"))
        if lines:
            lines.insert(0, Text("\nNot moved" if not self._dry else "\nCannot be moved"))
        return Group(grid, *lines, Text(), Text(self._sum()))

    def _sum(self) -> str:
        if self._dry:
            return f"{count(self.moved, 'document')} would be moved. Nothing was changed."
        rest = "" if self.finished else " Not finished: the same command goes on."
        return f"{count(self.moved, 'document')} moved.{rest}"
