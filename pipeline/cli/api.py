"""``api``: the HTTP API."""

import click

from pipeline.cli.session import Servers
from pipeline.endpoints import embedded
from pipeline.settings import load_settings
from pipeline.stores.migrations import migrate
from pipeline.supervisor.api import check_installed

ASKED = ("postgres", "valkey")


@click.command()
@click.option(
    "--host", default="127.0.0.1", show_default=True, help="Where it listens; others can reach more than this machine."
)
@click.option("--port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="On which port; 0: any.")
def api(host: str, port: int) -> None:
    r"""Run the HTTP API: upload, watch, read, search.

    Every request needs a key of `keys create`. What there is stands in /openapi.json. It ends on SIGTERM,
    once the answers under way are given.

    \b
    Example:
      nlp-pipeline api
      curl -H "Authorization: Bearer $KEY" -F file=@letter.pdf http://127.0.0.1:8000/api/documents/upload
    """
    check_installed()
    from pipeline.api.server import serve

    settings = load_settings()
    with Servers(settings) as servers:
        located = servers.up(ASKED)
        if "postgres" in embedded(settings):
            migrate(located.database)
        serve(located, host, port, lambda address: click.echo(f"API: {address}"))
