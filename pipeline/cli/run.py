"""``run``: everything from nothing to a summary."""

import json
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import click
from rich.text import Text

from pipeline.cli.crew import Crew
from pipeline.cli.export import write_export
from pipeline.cli.files import find_files
from pipeline.cli.following import Following
from pipeline.cli.intake import Intake, checked_project
from pipeline.cli.link import address_of
from pipeline.cli.progress import Display, display, outcome_line
from pipeline.cli.session import DATABASE_ALONE, Servers, project_option
from pipeline.cli.submit import print_intake
from pipeline.cli.summary import Summary, print_summary, summarize
from pipeline.settings import MEGABYTE, Settings, load_settings
from pipeline.stores.database import Database
from pipeline.stores.migrations import migrate
from pipeline.stores.reports import Reports
from pipeline.wiring import Services

PAUSE = 0.5
SHARE = 10  # between two looks lies at least so many times what a look takes


class Job(NamedTuple):
    """What a run was asked for."""

    paths: Sequence[Path]
    project: str
    out: Path | None
    quiet: bool


@click.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path), metavar="PATH...")
@project_option
@click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path), metavar="DIR", help="Write the export (jsonl) to DIR."
)
@click.option("--keep", is_flag=True, help="Leave the servers running afterwards.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as one JSON object, and nothing else.")
@click.pass_context
def run(
    context: click.Context, paths: tuple[Path, ...], project: str | None, out: Path | None, keep: bool, as_json: bool
) -> None:
    r"""Process files and folders, from nothing to a summary: the main job.

    Starts what it needs, follows every document and its attachments to the end, and stops what it started. What is done
    already is not done again; after Ctrl-C the same command goes on where it stopped.

    Exit code 0 if all documents completed, 3 if some did not (they are listed).

    \b
    Example:
      nlp-pipeline run letters/ --project harbour --out export/
    """
    settings = load_settings()
    job = Job(paths, checked_project(project or settings.nlp_pipeline_project), out, as_json)
    began = time.monotonic()
    try:
        with Servers(settings) as servers:
            summary = _process(settings, servers, job, began)
            if keep:
                servers.supervisor.up(keep=True)
    except KeyboardInterrupt:
        click.echo("Stopped. The same command goes on where it stopped.", err=True)
        context.exit(130)
    if as_json:
        click.echo(json.dumps(summary.as_data()))
    else:
        print_summary(summary)
        if address := address_of(settings):
            click.echo(f"Look at it: {address}")
    context.exit(3 if summary.failures or summary.refused else 0)


def _process(settings: Settings, servers: Servers, job: Job, began: float) -> Summary:
    located = servers.up(DATABASE_ALONE)
    migrate(located.database)
    with closing(Database(located.database, most=2)) as database:
        reports = Reports(database, job.project)
        intake = _submit(settings, located, reports, job)
        following = Following(reports, (s.document_id for s in intake.submitted))
        known = following.look()
        if following.open:
            _work(servers, following, job)
        files = write_export(reports, job.out) if job.out else {}
        seconds = time.monotonic() - began
        return summarize(reports, following, len(known), intake.refused, seconds, sorted(files), settings.prices)


def _submit(settings: Settings, located: Settings, reports: Reports, job: Job) -> Intake:
    with closing(Services(located)) as use:
        intake = Intake(use.documents, use.blobs, reports, settings.max_file_size * MEGABYTE)
        intake.take(find_files(job.paths, without=[settings.home, *([job.out] if job.out else [])]))
    if not job.quiet:
        print_intake(intake)
    return intake


def _work(servers: Servers, following: Following, job: Job) -> None:
    """Start what works on documents, and follow them to their ends."""
    crew = Crew(servers)
    with display(silent=job.quiet) as shown:
        try:
            _follow(crew, following, shown)
        except KeyboardInterrupt:
            shown.line(Text("Stopping: what runs is finished or handed back. This takes some seconds."))
            raise


def _follow(crew: Crew, following: Following, shown: Display) -> None:
    while True:
        began = time.monotonic()
        ended = following.look()
        shown.counts(following.counts)
        for outcome in following.outcomes(ended) if ended else ():
            shown.line(outcome_line(outcome))
        if not following.open and not following.graph_waits():
            return
        for message in crew.tend():
            shown.line(Text(message))
        time.sleep(max(PAUSE, SHARE * (time.monotonic() - began)))
