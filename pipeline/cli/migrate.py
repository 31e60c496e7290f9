"""``migrate``: the tables of the database; ``migrate documents``: see ``moves``."""

from pathlib import Path

import click

from pipeline.cli.moves import documents
from pipeline.cli.session import DATABASE_ALONE, Servers, writable_folder
from pipeline.endpoints import embedded
from pipeline.settings import load_settings
from pipeline.stores import migrations


class Tables(click.Group):
    """A group to which an option of ``documents`` means ``documents``."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """See ``click.Command``."""
        options = {name for option in documents.params for name in option.opts if name != "--help"}
        if args and args[0].partition("=")[0] in options:
            args = ["documents", *args]
        return super().parse_args(ctx, args)


@click.group(cls=Tables, invoke_without_command=True)
@click.option(
    "--write-supabase", "folder", metavar="FOLDER", type=click.Path(path_type=Path, file_okay=False),
    help="Write a folder that the Supabase tool takes, or add what is new to it; no database is touched.",
)  # fmt: skip
@click.pass_context
def migrate(context: click.Context, folder: Path | None) -> None:
    r"""Bring the database's tables up to date; `migrate documents`: move documents of earlier systems.

    Alone it makes or changes tables and moves no document; an embedded database's tables need no migration by hand. With an
    option of `migrate documents`, such as --dry-run, it is that command.

    \b
    Example:
      DATABASE_URL=postgresql://user@host/db nlp-pipeline migrate
      nlp-pipeline migrate --write-supabase supabase
      nlp-pipeline migrate documents --dry-run
    """
    if context.invoked_subcommand is None:
        _write(folder) if folder is not None else _tables()
    elif folder is not None:
        raise click.UsageError("--write-supabase stands alone.")


def _tables() -> None:
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


migrate.add_command(documents)
