"""``migrate documents``: documents of earlier systems, and our own that never finished."""

import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeElapsedColumn, TimeRemainingColumn

from pipeline.cli.intake import checked_project
from pipeline.cli.moving import OldMover, OwnMover, Pace, Target
from pipeline.cli.old_files import OldFiles
from pipeline.cli.session import opened, reading
from pipeline.cli.submit import nobody_works
from pipeline.cli.tally import Tally
from pipeline.errors import PipelineError
from pipeline.settings import MEGABYTE, Settings, load_settings
from pipeline.status import parse_status
from pipeline.stores.mapping import PACKAGED, Mapping, WrongMapping, load_mapping, packaged
from pipeline.stores.old_table import OldTable, Surveyed, Wanted, known_statuses, reach
from pipeline.wiring import Services

SOME_REFUSED = 3
DAY = timedelta(hours=24)
UNITS = {"": 3600, "m": 60, "h": 3600, "d": 86400}


class Asked(NamedTuple):
    """What a person wants moved, and how."""

    statuses: tuple[str, ...]
    idle: timedelta | None
    project: str | None
    pace: Pace
    mark: bool
    dry: bool
    as_json: bool


def _age(_context: click.Context, _option: click.Parameter, value: str | None) -> timedelta | None:
    if value is None:
        return None
    found = re.fullmatch(r"(\d{1,6})([mhd]?)", value)
    if not found or int(found[1]) == 0:
        raise click.BadParameter("say how long, such as 24h, 90m or 2d.")
    return timedelta(seconds=int(found[1]) * UNITS[found[2]])


def _print_mapping(context: click.Context, _option: click.Parameter, name: str | None) -> None:
    if name and not context.resilient_parsing:
        click.echo(packaged(name), nl=False)
        context.exit()


@click.command()
@click.argument("more", nargs=-1, metavar="[STATE]...")
@click.option(
    "--from-url",
    metavar="URL",
    help="Database of the old table; LEGACY_DATABASE_URL unless given, which keeps the password out of sight.",
)
@click.option(
    "--mapping",
    "mapping_name",
    metavar="NAME|FILE",
    help="What the old table and its columns are called: nlp-pipeline (unless given), ocr-backend, or a TOML or JSON file.",
)
@click.option(
    "--print-mapping",
    type=click.Choice(PACKAGED),
    is_eager=True,
    expose_value=False,
    callback=_print_mapping,
    help="Print a mapping to begin from, and end.",
)
@click.option("--table", metavar="NAME", help="The old table, if the mapping calls it otherwise.")
@click.option(
    "--files",
    "folder",
    metavar="FOLDER",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="Where paths of files begin; no path may lead out of it.",
)
@click.option("--own", is_flag=True, help="Our own documents that never finished, also where LEGACY_DATABASE_URL is set.")
@click.option(
    "--status",
    "statuses",
    multiple=True,
    metavar="STATE...",
    help="Documents in these states alone, instead of those that wait: pending ocr_failed.",
)
@click.option(
    "--include-stalled",
    is_flag=True,
    help="Also what stands still: no lease renewed (in an old table: not changed) for 24 hours.",
)
@click.option("--stalled-after", metavar="TIME", callback=_age, help="As --include-stalled, after so long: 90m, 24h, 2d.")
@click.option("--project", metavar="NAME", help="Where documents go, whatever the old table says; of ours: whose are moved.")
@click.option("--limit", metavar="N", type=click.IntRange(1), help="Move so many at most.")
@click.option(
    "--batch", metavar="N", type=click.IntRange(1, 1000), default=100, show_default=True, help="Documents in a transaction."
)
@click.option("--rate", metavar="N", type=click.FloatRange(0, min_open=True), help="Documents in a second at most.")
@click.option("--mark", is_flag=True, help="Write into the old table's status column what [written] of the mapping says.")
@click.option("--dry-run", "dry", is_flag=True, help="Say what would happen and why; change nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as a JSON object.")
@click.pass_context
def documents(
    context: click.Context,
    more: tuple[str, ...],
    from_url: str | None,
    mapping_name: str | None,
    table: str | None,
    folder: Path | None,
    own: bool,
    statuses: tuple[str, ...],
    include_stalled: bool,
    stalled_after: timedelta | None,
    project: str | None,
    limit: int | None,
    batch: int,
    rate: float | None,
    mark: bool,
    dry: bool,
    as_json: bool,
) -> None:
    r"""Move documents of an earlier system's table into the chain, or our own that never finished.

    The old table is read, and never written to but for its status column with --mark. Each of its rows becomes a document
    once, however often this is stopped and started again: what was moved is remembered by the row's id. Without
    LEGACY_DATABASE_URL, --from-url, --mapping and --table it is about our own documents.

    Exit codes: 0 all moved, 2 wrong usage, table or mapping, 3 some rows cannot be moved (listed), 4 a database is away.

    \b
    Example:
      nlp-pipeline migrate documents --mapping old.toml --files /srv/uploads --dry-run
      nlp-pipeline migrate documents --mapping old.toml --files /srv/uploads --include-stalled
      nlp-pipeline migrate documents --status pending ocr_failed
    """
    if more and not statuses:
        raise click.UsageError(f"What is {more[0]!r}? States stand behind --status.")
    idle = stalled_after or (DAY if include_stalled else None)
    pace = Pace(batch, limit or 0, rate or 0.0)
    asked = Asked((*statuses, *more), idle, checked_project(project) if project else None, pace, mark, dry, as_json)
    settings = load_settings()
    legacy = settings.legacy_database_url.get_secret_value() if settings.legacy_database_url else ""
    if own or not (from_url or mapping_name or table or legacy):
        if from_url or mapping_name or table or folder or mark:
            raise click.UsageError(
                "--own takes no old table: --from-url, --mapping, --table, --files and --mark are for one."
            )
        tally = _own(settings, asked)
    else:
        mapping = load_mapping(mapping_name or PACKAGED[0]).model_copy(update={"table": table} if table else {})
        tally = _old(settings, asked, mapping, from_url or legacy, folder)
    if tally.moved and not dry and not as_json and nobody_works(settings):
        click.echo("No workers run. Start them: nlp-pipeline up.")
    context.exit(SOME_REFUSED if tally.refused else 0)


def _own(settings: Settings, asked: Asked) -> Tally:
    for status in asked.statuses:
        try:
            parse_status(status)
        except ValueError:
            raise click.UsageError(
                f"There is no state {status!r}; there are pending, error, cancelled … ocr_failed."
            ) from None
    with reading(asked.project) as (located, reports), closing(Services(located)) as use:
        tally = Tally("", dry=asked.dry)
        with _reported(tally, asked):
            OwnMover(use.documents, reports.project, tally).run(
                asked.statuses or ("pending",), asked.idle, asked.pace, dry=asked.dry
            )
    return tally


def _old(settings: Settings, asked: Asked, mapping: Mapping, url: str, folder: Path | None) -> Tally:
    _check(mapping, asked)
    if settings.database:
        reach(settings.database, "The database", "Correct DATABASE_URL, or start the database.")
    with ExitStack() as held:
        located, _ = held.enter_context(opened(settings, asked.project))
        use = held.enter_context(closing(Services(located)))
        table = OldTable(url or located.database, mapping)
        held.callback(table.close)
        files = OldFiles(use, folder or mapping.folder or Path.cwd())
        held.callback(files.close)
        surveyed = table.survey(wanted := _wanted(mapping, asked))
        _check_statuses(mapping, asked, surveyed)
        target = Target(
            use.documents, use.blobs, located.max_file_size * MEGABYTE, asked.project or "", located.nlp_pipeline_project
        )
        tally = Tally(table.source, dry=asked.dry)
        mover = OldMover(table, mapping, wanted, files, target, tally)
        with _reported(tally, asked), _bar(mover.leave(surveyed), asked) as tell:
            mover.run(asked.pace, tell, mark=asked.mark, dry=asked.dry)
    return tally


def _check(mapping: Mapping, asked: Asked) -> None:
    columns = mapping.columns
    if asked.mark and mapping.written is None:
        raise WrongMapping("--mark: the mapping has no [written] with the column and the value that may be written.")
    if asked.idle is not None and not (columns.changed and columns.status):
        raise WrongMapping(
            "--include-stalled: the mapping names no columns `status` and `changed`, so nobody can say what stands still."
        )
    if asked.statuses and not columns.status:
        raise WrongMapping("--status: the mapping names no column `status`.")


def _check_statuses(mapping: Mapping, asked: Asked, surveyed: Sequence[Surveyed]) -> None:
    known = known_statuses(mapping, surveyed)
    for status in asked.statuses:
        if status not in known:
            raise click.UsageError(
                f"There is no state {status!r} in {mapping.table}; there are {', '.join(sorted(known - {''}))}."
            )


def _wanted(mapping: Mapping, asked: Asked) -> Wanted:
    statuses = asked.statuses or mapping.statuses.pending
    return Wanted(statuses, tuple(s for s in mapping.statuses.running if s not in statuses), asked.idle)


@contextmanager
def _reported(tally: Tally, asked: Asked) -> Iterator[None]:
    """Report at the end, also where it was stopped or a server went away."""
    try:
        yield
    except (KeyboardInterrupt, PipelineError):
        tally.print(as_json=asked.as_json)
        raise
    tally.print(as_json=asked.as_json)


@contextmanager
def _bar(total: int, asked: Asked) -> Iterator[Callable[[int], None]]:
    """A bar on a terminal, on its error stream; elsewhere nothing."""
    columns = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), disable=asked.as_json or not sys.stderr.isatty()) as progress:
        task = progress.add_task("", total=total)
        yield lambda number: progress.advance(task, number)
