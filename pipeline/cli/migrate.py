"""``migrate``: the tables of the database."""

from pathlib import Path

import click

from pipeline.cli.session import DATABASE_ALONE, Servers, writable_folder
from pipeline.endpoints import embedded
from pipeline.settings import load_settings
from pipeline.stores import migrations


@click.command()
@click.option(
    "--write-supabase", "folder", metavar="FOLDER", type=click.Path(path_type=Path, file_okay=False),
    help="Write a folder that the Supabase tool takes, or add what is new to it; no database is touched.",
)  # fmt: skip
def migrate(folder: Path | None) -> None:
    r"""Create the tables of the database, or bring them up to date. An embedded database does so by itself.

    \b
    Example:
      DATABASE_URL=postgresql://user@host/db nlp-pipeline migrate
      nlp-pipeline migrate --write-supabase supabase
    """
    if folder is not None:
        _write(folder)
        return
    settings = load_settings()
    if "postgres" in embedded(settings):
        with Servers(settings) as servers:
            ran = migrations.migrate(servers.up(DATABASE_ALONE).database)
    else:
        ran = migrations.migrate(settings.database)
    for name in ran:
        click.echo(f"applied {name}")
    if not ran:
        click.echo("The database is up to date.")


def _write(folder: Path) -> None:
    from pipeline.stores.supabase_setup import write_supabase

    for path in write_supabase(writable_folder(folder)):
        click.echo(f"wrote {path}")
