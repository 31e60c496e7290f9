"""A run as it is seen: a bar a stage on a terminal, and a line for each document that ends."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from pipeline.cli.following import Counts
from pipeline.cli.output import COLOURS, console, count, duration, plain
from pipeline.status import Family, Status
from pipeline.stores.reports import Outcome

LOOKS_A_SECOND = 4
WORDS = {Status.COMPLETED: "done", Status.PARTIAL_ERROR: "partly", Status.ERROR: "failed", Status.CANCELLED: "cancelled"}


class Display(Protocol):
    """Where a run shows itself."""

    def counts(self, counts: Counts) -> None:
        """Show how far it is."""

    def line(self, text: Text) -> None:
        """Say something that stays."""


class Lines:
    """For logs and pipes: what stays, and nothing else."""

    def counts(self, counts: Counts) -> None:
        """See ``Display``."""

    def line(self, text: Text) -> None:
        """See ``Display``."""
        print(text.plain, flush=True)  # noqa: T201 - never wrapped, whatever the width


class Silent:
    """For programs: nothing at all."""

    def counts(self, counts: Counts) -> None:
        """See ``Display``."""

    def line(self, text: Text) -> None:
        """See ``Display``."""


class Bars:
    """For a terminal."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._tasks = {family: progress.add_task(family.upper(), total=None) for family in Family}

    def counts(self, counts: Counts) -> None:
        """See ``Display``."""
        for family, task in self._tasks.items():
            self._progress.update(task, completed=counts.passed[family], total=counts.total)

    def line(self, text: Text) -> None:
        """See ``Display``."""
        self._progress.console.print(text)


@contextmanager
def display(*, silent: bool = False) -> Iterator[Display]:
    """Bars on a terminal, else lines."""
    if silent:
        yield Silent()
    elif not sys.stdout.isatty():
        yield Lines()
    else:
        columns = (TextColumn("{task.description:<6}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        with Progress(*columns, console=console(), refresh_per_second=LOOKS_A_SECOND) as progress:
            yield Bars(progress)


def outcome_line(outcome: Outcome) -> Text:
    """``done  letter.pdf  3 pages, 7 chunks, 12 mentions, 0.8 s`` or ``failed  letter.pdf  why``."""
    line = Text.assemble((f"{WORDS[outcome.status]:<7}", COLOURS[outcome.status]), plain(outcome.source_path), "  ")
    if outcome.status is Status.COMPLETED:
        sizes = [count(outcome.pages, "page"), count(outcome.chunks, "chunk"), count(outcome.mentions, "mention")]
        return line.append(", ".join([*sizes, duration(outcome.seconds)]), "dim")
    return line.append(f"{plain(outcome.message)} [{outcome.code}]" if outcome.code else f"at {outcome.step}")
