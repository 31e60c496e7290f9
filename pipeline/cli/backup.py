"""``backup`` and ``restore``: everything that the embedded shape keeps, in one file."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from pipeline.backup.archive import Archive
from pipeline.backup.database import Copied, Watch
from pipeline.backup.making import write_backup
from pipeline.backup.restoring import restore_backup
from pipeline.cli.graph import ALL, Tally, chosen, keeper
from pipeline.cli.output import console, count
from pipeline.cli.session import NothingHere, Servers
from pipeline.endpoints import embedded
from pipeline.errors import Misconfigured, ServiceUnavailable
from pipeline.home import Home
from pipeline.settings import Settings, load_settings
from pipeline.stores.migrations import migrate
from pipeline.supervisor.postgres import Postgres
from pipeline.supervisor.server import package_folder
from pipeline.wiring import Services

json_flag = click.option("--json", "as_json", is_flag=True, help="Print a JSON object.")


@click.command(epilog="Example: nlp-pipeline backup harbour.backup")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--force", is_flag=True, help="Write over a file of that name.")
@json_flag
def backup(file: Path, force: bool, as_json: bool) -> None:
    """Copy all documents and all that was found in them to FILE, while everything runs.

    It holds the database as of one moment and every submitted file; the graph is built again from there. It holds no
    passwords and no settings, but all that the documents say: keep it as you keep them.
    """
    settings = _own_database()
    if "postgres" not in Home(settings.home).state().servers:
        raise NothingHere(f"Nothing was ever processed in {settings.home}.")
    with Servers(settings) as servers, _bar("files") as watch:
        located = servers.up(("postgres",))
        blobs = Services(located).blobs if located.blob_store == "folder" else None
        copied = write_backup(located.database, blobs, _programs(), file.absolute(), watch, replace=force)
    size = file.stat().st_size
    if as_json:
        click.echo(json.dumps(copied._asdict() | {"bytes": size}))
        return
    click.echo(f"{_told(copied)}, {size / 1e6:,.1f} MB: {file}")
    if copied.missing:
        click.echo(f"{count(copied.missing, 'file')} of documents could not be found in {settings.files}.", err=True)
    if blobs is None:
        click.echo("The submitted files lie in the bucket, and are not in the backup.")


@click.command(epilog="Example: NLP_PIPELINE_HOME=/srv/second nlp-pipeline restore harbour.backup")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--replace", is_flag=True, help="Even if this home holds documents, which are then gone.")
@json_flag
def restore(file: Path, replace: bool, as_json: bool) -> None:
    """Put FILE's documents into this home, and build the graph from them.

    Workers must not run. What is there stays as it is until the whole file was read and found right. Documents that were
    on their way when the backup was made go on when workers start.
    """
    settings = _own_database()
    home = Home(settings.home)
    state = home.state()
    if any(process.alive() for process in state.workers.values()) or (state.owner and state.owner.alive()):
        raise ServiceUnavailable(f"Workers run in {settings.home}: end them first with nlp-pipeline down.", "locked")
    archive = Archive(file)
    with Servers(settings) as servers, home.lock("workers"):
        located = servers.up()
        migrate(located.database)
        with _bar("files") as watch:
            copied = restore_backup(archive, located.database, Services(located).blobs, _programs(), watch, replace=replace)
        if "valkey" in embedded(settings):
            _forget_messages(located)
        _build_graph()
    click.echo(json.dumps(copied._asdict()) if as_json else f"{_told(copied)}. To go on: nlp-pipeline up")


def _own_database() -> Settings:
    settings = load_settings()
    if "postgres" not in embedded(settings):
        raise Misconfigured(
            "The database is a server of your own: back it up with its own tools (pg_dump), and the files with it.",
            "not_ours",
        )
    return settings


def _programs() -> Path:
    return package_folder(Postgres) / "pginstall" / "bin"


def _forget_messages(settings: Settings) -> None:
    from redis import Redis

    with Redis.from_url(settings.broker) as broker:
        broker.flushdb()


def _build_graph() -> None:
    with keeper(prepare=True) as (keep, _):
        tally = Tally()
        for project in chosen(keep, ALL):
            keep.clear(project)
            tally.follow(keep.rebuild(project), "put into the graph")


def _told(copied: Copied) -> str:
    return f"{count(copied.documents, 'document')} with {count(copied.files, 'file')}"


@contextmanager
def _bar(what: str) -> Iterator[Watch]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=console(), transient=True, disable=not sys.stdout.isatty()) as progress:
        bar = progress.add_task(what, total=None)
        yield lambda done, of: progress.update(bar, completed=done, total=of or None)
