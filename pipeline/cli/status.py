"""``status``: where documents stand."""

import json
import time
from contextlib import nullcontext
from pathlib import Path
from typing import Any, NamedTuple

import click
from rich.console import Group, RenderableType
from rich.live import Live
from rich.text import Text

from pipeline.cli.document import as_data as document_data
from pipeline.cli.document import drawn as document_drawn
from pipeline.cli.files import source_path
from pipeline.cli.money import batch_lines, budget_lines
from pipeline.cli.output import COLOURS, console, count, duration, plain, table
from pipeline.cli.session import project_option, reading
from pipeline.model import Prices
from pipeline.status import FINAL, Status
from pipeline.stores.costs import Budget, Unanswered
from pipeline.stores.reports import Failure, PartlyRead, Reports, StateCount, Totals, Waiting

PAUSE = 1.0
FAILURES_SHOWN = 20
NOT_FOUND = 3


class Picture(NamedTuple):
    """All that ``status`` shows, read at one time."""

    project: str
    states: list[StateCount]
    totals: Totals
    partly_read: list[PartlyRead]
    waiting: list[Waiting]
    failures: list[Failure]
    budget: Budget
    batches: list[Unanswered]


@click.command()
@click.argument("document", required=False)
@project_option
@click.option("--watch", is_flag=True, help="Go on showing it until every document has ended.")
@click.option("--failed", is_flag=True, help="List the documents that failed, and nothing else.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object.")
@click.pass_context
def status(
    context: click.Context, document: str | None, project: str | None, watch: bool, failed: bool, as_json: bool
) -> None:
    r"""Show where documents stand, what waits for what, and what failed and why.

    With DOCUMENT (path or id) that one alone: what was done to it, by what, and what happened on the way.

    Exit code 3 if there is no such document.

    \b
    Example:
      nlp-pipeline status --watch
      nlp-pipeline status --failed --project harbour
      nlp-pipeline status letters/1843-02-05.txt
    """
    if document and (watch or failed):
        raise click.UsageError("--watch and --failed are of all documents.")
    with reading(project) as (settings, reports):
        prices = settings.prices
        if document:
            context.exit(_one(reports, document, as_json=as_json))
        if watch and not as_json:
            _watch(reports, prices)
        elif as_json:
            click.echo(json.dumps(as_data(look(reports, prices, failures=None))))
        elif failed:
            console().print(failures_list(reports.failures()))
        else:
            console().print(drawn(look(reports, prices)))


def _one(reports: Reports, name: str, *, as_json: bool) -> int:
    story = reports.story([name, source_path(Path(name), Path.cwd())])
    if as_json:
        click.echo(json.dumps(story and document_data(story), ensure_ascii=False))
    elif story:
        console().print(document_drawn(story))
    else:
        click.echo(f"There is no document {plain(name)}.", err=True)
    return 0 if story else NOT_FOUND


def look(reports: Reports, prices: Prices, failures: int | None = FAILURES_SHOWN) -> Picture:
    """Read the picture from the database; of the failures the first few, or all."""
    books = reports.costs(prices)
    return Picture(
        reports.project,
        reports.states(),
        reports.totals(),
        reports.partly_read(),
        reports.waiting(),
        reports.failures(failures),
        books.budget(),
        books.batches(),
    )


def drawn(picture: Picture) -> RenderableType:
    """The picture as it is printed."""
    parts: list[RenderableType] = [Text(f"Project {plain(picture.project)}", style="bold"), _states(picture.states), Text()]
    parts.append(Text(totals_line(picture.totals)))
    parts += [Text(f"{plain(d.source_path)}: {d.read} of {d.ranges} page ranges read") for d in picture.partly_read]
    for wait in picture.waiting:
        after = f"; next try in {duration(wait.seconds)}" if wait.seconds else ""
        parts.append(
            Text(
                f"{count(wait.documents, 'document')} at {wait.step} wait: {plain(wait.waiting_for)}{after}", style="yellow"
            )
        )
    parts += [Text(line) for line in batch_lines(picture.batches) + budget_lines(picture.budget)]
    if picture.failures:
        failed = sum(state.documents for state in picture.states if state.status in FINAL - {Status.COMPLETED})
        parts += [Text(), failures_list(picture.failures, failed)]
    return Group(*parts)


def totals_line(totals: Totals) -> str:
    """``12 documents, 80 pages, …``."""
    numbers = totals._asdict()
    singular = {"entities": "entity"}
    return ", ".join(count(n, singular.get(name, name[:-1]), name) for name, n in numbers.items())


def failures_list(failures: list[Failure], failed: int = 0) -> RenderableType:
    """A line for each document that failed; ``failed`` is how many there are, where only the first are given."""
    if not failures:
        return Text("No document failed.")
    lines = [
        Text.assemble(
            (plain(f.source_path), "bold"), f"  {f.status} at {f.step} ", (f"[{f.code}] ", "red"), plain(f.message)
        )
        for f in failures
    ]
    if len(failures) < failed:
        lines.append(Text(f"and {failed - len(failures):,} more: nlp-pipeline status --failed"))
    return Group(*lines)


def as_data(picture: Picture) -> dict[str, Any]:
    """The picture for a program."""
    return {
        "project": picture.project,
        "states": [s._asdict() for s in picture.states],
        "totals": picture.totals._asdict(),
        "partly_read": [d._asdict() for d in picture.partly_read],
        "waiting": [w._asdict() for w in picture.waiting],
        "failures": [f._asdict() for f in picture.failures],
        "budget": picture.budget._asdict(),
        "batches": [b._asdict() for b in picture.batches],
    }


def _states(states: list[StateCount]) -> RenderableType:
    grid = table("state", "step", "documents", right=1)
    for state in states:
        step = "" if state.status in FINAL and state.status.value in ("completed", "cancelled") else state.step
        grid.add_row(Text(state.status, style=COLOURS.get(state.status, "cyan")), Text(step), f"{state.documents:,}")
    return grid


def _watch(reports: Reports, prices: Prices) -> None:
    """Redraw on a terminal; elsewhere print the picture whenever it has changed."""
    out = console()
    shown = None
    with Live(console=out, auto_refresh=False) if out.is_terminal else nullcontext() as live:
        while True:
            picture = look(reports, prices)
            if live is not None:
                live.update(drawn(picture), refresh=True)
            elif picture != shown:
                out.print(drawn(picture))
            if all(state.status in FINAL for state in picture.states):
                return
            shown = picture
            time.sleep(PAUSE)
