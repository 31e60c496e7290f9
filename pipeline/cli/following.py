"""What a run waits for: its documents and their attachments, until each has ended."""

import time
from collections.abc import Iterable
from typing import NamedTuple

from pipeline.model import DocumentId
from pipeline.status import FINAL, Family, Status, Step
from pipeline.stores.reports import Group, Outcome, Reports

GRAPH_PATIENCE = 60.0  # seconds for the graph's figures after the last document; a graph that is away has them later


class Counts(NamedTuple):
    """How many documents there are, how many have ended, and how many have passed each stage (or ended before it)."""

    total: int
    ended: int
    passed: dict[Family, int]


class Following:
    """Knows which documents have ended. Each look costs one short query, and a second one for what has ended since.

    Args:
        reports: where to look.
        documents: what was submitted; their attachments are followed as they appear.
    """

    def __init__(self, reports: Reports, documents: Iterable[DocumentId]) -> None:
        self._reports = reports
        self.open = set(documents)
        self.ended: dict[DocumentId, Status] = {}
        self.counts = counted([], 0)
        self._moved = time.monotonic()

    def look(self) -> list[DocumentId]:
        """Look again; returns the documents that have ended since the last look."""
        groups = self._reports.progress(sorted(self.open))
        ended = {d: g.status for g in groups if g.status in FINAL for d in g.documents if d not in self.ended}
        self.ended |= ended
        # What is in no group any more was deleted.
        self.open = {d for g in groups if g.status not in FINAL for d in g.documents}
        self.counts = counted(groups, len(self.ended))
        if ended:
            self._moved = time.monotonic()
        return list(ended)

    def graph_waits(self) -> bool:
        """Whether all documents have ended and only the graph's figures are being brought up to date."""
        return not self.open and time.monotonic() - self._moved < GRAPH_PATIENCE and self._reports.graph_waits()

    def outcomes(self, documents: Iterable[DocumentId]) -> list[Outcome]:
        """What became of these documents."""
        return self._reports.outcomes(list(documents))

    def not_completed(self) -> list[Outcome]:
        """The documents that ended otherwise than completed, by path."""
        failed = [d for d, status in self.ended.items() if status is not Status.COMPLETED]
        return sorted(self.outcomes(failed)) if failed else []


def counted(groups: Iterable[Group], ended: int) -> Counts:
    """Count the documents that are on their way, and add those that have ended."""
    steps = list(Step)
    underway = [g for g in groups if g.status not in FINAL]
    passed = {
        family: ended + sum(len(g.documents) for g in underway if steps.index(g.step) > steps.index(last_step(family)))
        for family in Family
    }
    return Counts(ended + sum(len(g.documents) for g in underway), ended, passed)


def last_step(family: Family) -> Step:
    """The step that ends a stage."""
    return [step for step in Step if step.family is family][-1]
