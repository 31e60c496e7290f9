"""``link``: how a person gets into the web page without typing a key."""

from contextlib import closing

import click

from pipeline.cli.session import opened
from pipeline.home import Home
from pipeline.settings import Settings, load_settings
from pipeline.stores.api_keys import ApiKeys, Scope
from pipeline.stores.database import Database
from pipeline.stores.sessions import make_link
from pipeline.supervisor import Supervisor

NOT_FOUND = 3
OWNER = "owner"
"""The key of whoever has this home: made when it is first needed, and known to nobody."""


@click.command()
@click.option(
    "--key",
    "word",
    metavar="NAME-OR-ID",
    help="The key to act with; a key named owner, which may do everything, unless given.",
)
@click.option("--address", metavar="URL", help="Where the page is; that of `up` unless given.")
def link(word: str | None, address: str | None) -> None:
    r"""Print a link that signs a person in at the web page, once, within an hour.

    The session ends with its key: `keys revoke`. Exit code 3 if there is no such key.

    \b
    Example:
      nlp-pipeline link
      nlp-pipeline keys create --name ada --scope write --project harbour
      nlp-pipeline link --key ada
    """
    settings = load_settings()
    with opened(settings, None) as (located, _), closing(Database(located.database, most=1)) as database:
        token = make_link(database, word or OWNER)
        if token is None and word is None:
            ApiKeys(database).create(OWNER, Scope.ADMIN)
            token = make_link(database, OWNER)
    if token is None:
        click.echo(f"There is no valid key {word}.", err=True)
        click.get_current_context().exit(NOT_FOUND)
    click.echo(link_of(address or address_of(settings) or "http://127.0.0.1:8000", token))


def first_link(database: Database, address: str) -> str | None:
    """A link for whoever comes first, with a key for it; None: there is a key already."""
    made = ApiKeys(database).first(OWNER)
    token = make_link(database, made) if made else None
    return link_of(address, token) if token else None


def address_of(settings: Settings) -> str | None:
    """Where the API is that `up` started; None: it does not run."""
    if not Home(settings.home).path.exists():
        return None
    status = Supervisor(settings).api_status()
    return f"http://{status.address}" if status.running else None


def link_of(address: str, token: str) -> str:
    """What stands behind # reaches no server and no log."""
    return f"{address.rstrip('/')}/login#once={token}"
