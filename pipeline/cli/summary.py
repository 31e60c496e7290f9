"""The end of a run: what was done, what failed and why, what is there now, and where to look next."""

import shlex
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.text import Text

from pipeline.cli.following import Following
from pipeline.cli.intake import Refused
from pipeline.cli.money import total_line
from pipeline.cli.output import console, count, duration, plain, table
from pipeline.cli.progress import WORDS, outcome_line
from pipeline.cli.status import totals_line
from pipeline.model import GraphEntity, Prices
from pipeline.stores.costs import ModelCost
from pipeline.stores.reports import Outcome, Reports, Totals

FAILURES_SHOWN = 50


@dataclass(frozen=True, slots=True)
class Summary:
    """A run's end. ``documents``: those of this run by state, attachments included; ``totals``: the whole project."""

    project: str
    seconds: float
    documents: dict[str, int]
    known: int
    totals: Totals
    failures: list[Outcome]
    refused: list[Refused]
    entities: list[GraphEntity]
    files: list[Path]
    costs: list[ModelCost]

    def as_data(self) -> dict[str, Any]:
        """The summary for a program."""
        return asdict(self) | {
            "totals": self.totals._asdict(),
            "failures": [f._asdict() for f in self.failures],
            "refused": [r._asdict() for r in self.refused],
            "entities": [e._asdict() for e in self.entities],
            "files": [str(path) for path in self.files],
            "costs": [c._asdict() for c in self.costs],
        }


def summarize(
    reports: Reports,
    following: Following,
    known: int,
    refused: list[Refused],
    seconds: float,
    files: Sequence[Path],
    prices: Prices,
) -> Summary:
    """Read what a summary needs.

    Args:
        reports: the project.
        following: the run's documents, all of them ended.
        known: how many had ended before.
        refused: files that were not queued.
        seconds: how long the run took.
        files: what was exported.
        prices: of paid services.
    """
    states = Counter(WORDS[status] for status in following.ended.values())
    return Summary(
        reports.project, round(seconds, 1), dict(states), known, reports.totals(), following.not_completed(), refused,
        reports.top_entities(10), list(files), reports.costs(prices).models(),
    )  # fmt: skip


def print_summary(summary: Summary) -> None:
    """Print it."""
    out = console()
    total = sum(summary.documents.values())
    states = ", ".join(f"{n:,} {word}" for word, n in sorted(summary.documents.items()))
    before = f" ({summary.known:,} already before)" if summary.known else ""
    out.print(
        Text(
            f"\n{count(total, 'document')} in {duration(summary.seconds)}: {states or 'nothing to do'}{before}.",
            style="bold",
        )
    )
    for failure in summary.failures[:FAILURES_SHOWN]:
        out.print(outcome_line(failure))
    if len(summary.failures) > FAILURES_SHOWN:
        out.print(f"and {len(summary.failures) - FAILURES_SHOWN:,} more: nlp-pipeline status --failed{_of_project(summary)}")
    for refused in summary.refused:
        out.print(f"not queued: {plain(refused.source_path)}: {refused.fault}")
    out.print(f"Project {plain(summary.project)}: {totals_line(summary.totals)}.")
    if summary.costs:
        out.print(f"Paid for this project, in all: {total_line(summary.costs)}.")
    if summary.entities:
        _print_entities(summary.entities)
    _print_next(summary)


def _print_entities(entities: list[GraphEntity]) -> None:
    grid = table("most mentioned", "type", "mentions", "documents", right=2)
    for entity in entities:
        grid.add_row(Text(plain(entity.name)), entity.type, f"{entity.mentions:,}", f"{entity.documents:,}")
    console().print()
    console().print(grid)


def _print_next(summary: Summary) -> None:
    out, project = console(), _of_project(summary)
    out.print(Text("\nWhere to look next", style="dim"))
    out.print(f'  nlp-pipeline search "your question"{project}')
    if summary.entities:
        out.print(f"  nlp-pipeline entity {shlex.quote(plain(summary.entities[0].name))}{project}")
    out.print(f"  nlp-pipeline export --format graphml DIR{project}")
    out.print("  nlp-pipeline up          # and open the page that it names")
    if summary.files:
        out.print(Text(f"\nExported: {', '.join(plain(str(path)) for path in summary.files)}"))


def _of_project(summary: Summary) -> str:
    return "" if summary.project == "default" else f" --project {shlex.quote(summary.project)}"
