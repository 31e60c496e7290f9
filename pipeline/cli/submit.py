"""``submit``: queue files for whoever works on them."""

import json
from contextlib import closing
from pathlib import Path

import click

from pipeline.cli.files import find_files
from pipeline.cli.intake import Intake, checked_project
from pipeline.cli.output import count, plain
from pipeline.cli.session import opened, project_option
from pipeline.endpoints import embedded
from pipeline.home import Home
from pipeline.settings import MEGABYTE, Settings, load_settings
from pipeline.wiring import Services

SOME_FAILED = 3
WORDS = {"submitted": "queued", "changed": "queued again (changed)", "retried": "queued again", "known": "known already"}


@click.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path), metavar="PATH...")
@project_option
@click.option("--json", "as_json", is_flag=True, help="Print a JSON line for each file.")
@click.pass_context
def submit(context: click.Context, paths: tuple[Path, ...], project: str | None, as_json: bool) -> None:
    r"""Queue files and folders for running workers.

    Folders are searched to their ends; hidden files are passed over. What is known with the same content is left alone.

    \b
    Example:
      nlp-pipeline submit letters/ scans/page-1.tif --project harbour
    """
    settings = load_settings()
    checked_project(project or settings.nlp_pipeline_project)
    with opened(settings, project) as (located, reports), closing(Services(located)) as use:
        intake = Intake(use.documents, use.blobs, reports, settings.max_file_size * MEGABYTE)
        intake.take(find_files(paths, without=[settings.home]))
    print_intake(intake, as_json=as_json)
    if not as_json and nobody_works(settings):
        click.echo("No workers run. Start them: nlp-pipeline up.")
    context.exit(SOME_FAILED if intake.refused else 0)


def print_intake(intake: Intake, *, as_json: bool = False) -> None:
    """Say what became of the files."""
    if as_json:
        for document in intake.submitted:
            click.echo(json.dumps(document._asdict()))
        for refused in intake.refused:
            click.echo(
                json.dumps(
                    {"document_id": None, "source_path": refused.source_path, "outcome": "refused", "error": refused.fault}
                )
            )
        return
    outcomes = intake.outcomes()
    parts = [f"{number:,} {WORDS[name]}" for name, number in outcomes.items() if number and name in WORDS]
    click.echo(f"{count(sum(outcomes.values()), 'file')}: {', '.join(parts) or 'nothing to do'}.")
    for refused in intake.refused:
        click.echo(f"Not queued: {plain(refused.source_path)}: {refused.fault}", err=True)


def nobody_works(settings: Settings) -> bool:
    """Whether no process of this home works on documents. Where the broker is not ours, others may."""
    owner = Home(settings.home).state().owner
    return "valkey" in embedded(settings) and not (owner and owner.alive())
