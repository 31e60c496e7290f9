"""How a snapshot looks on the live screen: rows, titles and lines. Nothing here reads or draws anything."""

from typing import NamedTuple

from rich.text import Text

from pipeline.cli.glance import (
    QUEUES,
    WORKERS,
    Row,
    age,
    documents_line,
    headline,
    pace_line,
    queue_row,
    spark,
    worker_rows,
)
from pipeline.cli.output import COLOURS, count, plain
from pipeline.monitor.snapshot import Snapshot
from pipeline.monitor.workers import Worker
from pipeline.status import IN_FLIGHT, Status
from pipeline.stores.watching import Failed, History, Listed, Listing, Trouble

DOCUMENTS = ("document", "state", "for", "why")
FAILURES = ("document", "ago", "code", "why")
PROBLEMS_SHOWN = 2
WORKERS_WIDTHS = (16, 7, 5, 8, 0, 6)
WORKERS_WIDTH = sum(WORKERS_WIDTHS) + 2 * len(WORKERS_WIDTHS) + 9  # what a path does not have


class Line(NamedTuple):
    """A row of a pane. ``id`` tells it from the others; ``document`` and ``path`` say what it is about ("": no document)."""

    id: str
    cells: Row
    document: str = ""
    path: str = ""


class Pane(NamedTuple):
    """A table: its columns with the width of each (0: what is left), and its rows."""

    title: str
    columns: tuple[tuple[str, int], ...]
    lines: list[Line]


def top(snapshot: Snapshot, width: int) -> Text:
    """The lines above the panes: whose, how many, how fast, and what is not well."""
    lines = [headline(snapshot), documents_line(snapshot), pace_line(snapshot)]
    history = snapshot.throughput.history if snapshot.throughput else ()
    if bars := spark(history):
        lines.append(Text(f"an hour ago {bars} now" if width >= len(bars) + 16 else bars[-width:], "cyan"))
    lines += [Text(_cut(f"! {plain(problem)}", width), "red") for problem in snapshot.problems[:PROBLEMS_SHOWN]]
    return Text("\n").join(lines)


def queues(snapshot: Snapshot) -> Pane:
    """The queues."""
    widths = (10, 8, 7, 7, 6, 7, 0)
    return Pane(
        "1 queues",
        tuple(zip(QUEUES, widths, strict=True)),
        [Line(queue.name, queue_row(queue)) for queue in snapshot.queues],
    )


def workers(snapshot: Snapshot, width: int = 80) -> Pane:
    """The workers, a row for each document that one works on, in so many columns."""
    lines = [
        Line(f"{worker.name}/{number}", row, *_subject(worker, number))
        for worker in snapshot.workers
        for number, row in enumerate(worker_rows(worker, width - WORKERS_WIDTH))
    ]
    return Pane("2 workers", tuple(zip(WORKERS, WORKERS_WIDTHS, strict=True)), lines)


def _subject(worker: Worker, number: int) -> tuple[str, ...]:
    return (worker.work[number].document_id, worker.work[number].source_path) if worker.work else ()


def documents(snapshot: Snapshot, listing: Listing) -> Pane:
    """The documents that are listed."""
    having = f", with {plain(listing.text)!r} in their path" if listing.text else ""
    return Pane(
        f"3 documents: {listing.wanted}{having}",
        tuple(zip(DOCUMENTS, (0, 20, 6, 0), strict=True)),
        [_document(listed) for listed in snapshot.listed],
    )


def failures(snapshot: Snapshot) -> Pane:
    """What failed lately, and what was tried in vain, the last first."""
    both: list[Failed | Trouble] = sorted([*snapshot.failures, *snapshot.troubles], key=lambda each: each.seconds)
    lines = [_failure(number, each) for number, each in enumerate(both)]
    return Pane("4 failed, or tried in vain", tuple(zip(FAILURES, (24, 6, 14, 0), strict=True)), lines)


def _document(listed: Listed) -> Line:
    if listed.status in IN_FLIGHT:
        where = Text(listed.step, "cyan")
    else:
        failed = listed.status in (Status.ERROR, Status.PARTIAL_ERROR)
        where = Text(f"{listed.status} ({listed.step.family})" if failed else listed.status, COLOURS.get(listed.status, ""))
    cells = Text(plain(listed.source_path)), where, Text(age(listed.seconds)), Text(plain(listed.why))
    return Line(listed.document_id, cells, listed.document_id, listed.source_path)


def _failure(number: int, each: Failed | Trouble) -> Line:
    failed = isinstance(each, Failed)
    why = each.message or (f"{each.worker} died" if isinstance(each, Trouble) and each.outcome == "crashed" else "")
    cells = (
        Text(plain(each.source_path)), Text(age(each.seconds)), Text(plain(each.code), "red" if failed else "yellow"),
        Text(plain(why)),
    )  # fmt: skip
    return Line(f"{number}/{each.document_id}", cells, each.document_id, each.source_path)


def condition(snapshot: Snapshot) -> Text:
    """All that is not well, what is waited for, and what the servers of this machine are."""
    lines = [headline(snapshot), Text()]
    lines += [Text(f"! {plain(problem)}", "red") for problem in snapshot.problems]
    lines += [Text(plain(f"{count(n, 'document')} wait: {why}"), "yellow") for why, n in snapshot.waits]
    if snapshot.stale_graphs:
        lines.append(Text(f"The graph of {count(snapshot.stale_graphs, 'project')} is to be brought up to date."))
    lines.append(Text())
    for server in snapshot.servers:
        state = f"{server.memory >> 20:,} MB" if server.runs else "has ended"
        lines.append(Text(f"{server.name:<12} process {server.pid:<8} {state}", "" if server.runs else "red"))
    return Text("\n").join(lines)


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: width - 1]}…"


def history(found: History) -> Text:
    """What was done to a document."""
    lines = [
        Text.assemble((plain(found.source_path), "bold"), f"  project {plain(found.project)}"),
        Text.assemble(
            (found.status, COLOURS.get(found.status, "cyan")),
            f" at {found.step}, {found.pages:,} pages, {found.chunks:,} chunks, {found.mentions:,} mentions",
        ),
    ]
    if found.code:
        lines.append(Text(f"[{found.code}] {plain(found.message)}", "red"))
    if found.waiting_for:
        lines.append(Text(f"waits: {plain(found.waiting_for)}", "yellow"))
    lines.append(Text())
    for event in found.events:
        style = {"done": "green", "crashed": "red", "failed": "red"}.get(event.outcome, "yellow")
        line = Text.assemble(
            f"{age(event.ago):>6} ago  {event.step:<20} ", (f"{event.outcome:<9}", style), f" {event.seconds:.1f} s"
        )
        line.append(f"  {plain(event.worker)}", "dim")
        lines.append(line)
        if event.code:
            lines.append(Text(f"            [{event.code}] {plain(event.message)}", style))
    return Text("\n").join(lines)
