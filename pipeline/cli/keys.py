"""``keys``: who may use the HTTP API."""

import json
from collections.abc import Iterator
from contextlib import closing, contextmanager

import click
from rich.text import Text

from pipeline.cli.intake import checked_project
from pipeline.cli.output import console, count, plain, table
from pipeline.cli.session import opened
from pipeline.settings import load_settings
from pipeline.stores.api_keys import ApiKeys, KeyInfo, Scope
from pipeline.stores.database import Database

NOT_FOUND = 3


@click.group()
def keys() -> None:
    r"""Make, list and revoke keys of the HTTP API.

    \b
    Example:
      nlp-pipeline keys create --name laptop --scope write
      nlp-pipeline keys list
    """


@keys.command()
@click.option("--name", required=True, help="What the key is for.")
@click.option(
    "--scope",
    type=click.Choice([scope.value for scope in Scope]),
    default=Scope.READ.value,
    show_default=True,
    help="What it may do; write includes read, and admin both.",
)
@click.option("--project", help="The only project that it sees; all unless given.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object.")
def create(name: str, scope: str, project: str | None, as_json: bool) -> None:
    r"""Make a key and print it. It cannot be shown a second time.

    \b
    Example:
      nlp-pipeline keys create --name scanner --scope write --project harbour
    """
    project = checked_project(project) if project else ""
    with _opened() as made:
        new = made.create(name, Scope(scope), project)
    said = {"key": new.key, "id": new.id, "name": name, "scope": scope, "project": project or None}
    click.echo(json.dumps(said) if as_json else new.key)


@keys.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON line for each key.")
def list_keys(as_json: bool) -> None:
    r"""List all keys, without the keys themselves.

    \b
    Example:
      nlp-pipeline keys list
    """
    with _opened() as made:
        rows = made.all()
    if as_json:
        for row in rows:
            click.echo(json.dumps(row._asdict() | {"project": row.project or None}))
    else:
        _print(rows)


@keys.command()
@click.argument("word", metavar="NAME-OR-ID")
def revoke(word: str) -> None:
    r"""Revoke a key by its id, or all keys of a name; from then on they are refused.

    Exit code 3 if there is none.

    \b
    Example:
      nlp-pipeline keys revoke laptop
    """
    with _opened() as made:
        revoked = made.revoke(word)
    click.echo(f"{count(revoked, 'key')} revoked.")
    click.get_current_context().exit(0 if revoked else NOT_FOUND)


def _print(rows: list[KeyInfo]) -> None:
    if not rows:
        console().print("There are no keys.")
        return
    grid = table("name", "scope", "project", "made", "last used", "id")
    for row in rows:
        state = f"revoked {row.revoked_at[:16]}" if row.revoked_at else (row.last_used_at or "never")[:16]
        grid.add_row(Text(plain(row.name)), row.scope, Text(plain(row.project or "all")), row.created_at[:16], state, row.id)
    console().print(grid)


@contextmanager
def _opened() -> Iterator[ApiKeys]:
    with opened(load_settings(), None) as (settings, _), closing(Database(settings.database, most=1)) as database:
        yield ApiKeys(database)
