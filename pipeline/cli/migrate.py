"""``migrate``: the tables of the database."""

import click

from pipeline.cli.session import DATABASE_ALONE, Servers
from pipeline.endpoints import embedded
from pipeline.settings import load_settings
from pipeline.stores import migrations


@click.command()
def migrate() -> None:
    r"""Create the tables of the database, or bring them up to date. An embedded database does so by itself.

    \b
    Example:
      DATABASE_URL=postgresql://user@host/db nlp-pipeline migrate
    """
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
