"""``up``, ``down`` and ``doctor``: the embedded servers from the command line."""

import json
from dataclasses import asdict
from datetime import timedelta

import click


@click.command(epilog="Example: nlp-pipeline up")
@click.option("--deadline", default=120, show_default=True, metavar="SECONDS", help="Longest time to wait for all servers.")
@click.option(
    "--workers/--no-workers", default=True, show_default=True, help="Start the workers too, so that `submit` is enough."
)
@click.option("--api/--no-api", "api", default=True, show_default=True, help="Start the HTTP API and its web page too.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object.")
def up(deadline: int, workers: bool, api: bool, as_json: bool) -> None:
    """Start the servers that have no URL, the workers and the web page, and leave them running.

    What runs already is kept; nothing is started for a server whose URL is set. The web page is for this machine alone,
    at port 8000 or another that is free. The first time a link is printed that signs in once.
    """
    from pipeline.cli.pages import NO_PAGES, start_pages
    from pipeline.cli.workers import in_background
    from pipeline.settings import load_settings
    from pipeline.supervisor import Supervisor

    settings = load_settings()
    supervisor = Supervisor(settings)
    endpoints = supervisor.up(timedelta(seconds=deadline), keep=True)
    owner = in_background(settings, deadline) if workers else None
    pages = start_pages(supervisor, endpoints, timedelta(seconds=deadline)) if api else NO_PAGES
    servers = supervisor.status()
    if as_json:
        rows = [{**asdict(server), "data": str(server.data)} for server in servers]
        said = {"home": str(settings.home), "servers": rows, "workers": owner and owner.pid, "api": pages.as_data()}
        click.echo(json.dumps(said))
        return
    if owner:
        click.echo(f"workers   looked after by process {owner.pid}")
    for server in servers:
        click.echo(f"{server.name:<9} {server.address:<16} pid {server.pid:<8} {server.rss >> 20:>4} MB  {server.data}")
    if not servers and not workers:
        click.echo("Every server has a URL of its own; none was started.")
    for line in pages.lines():
        click.echo(line)


@click.command(epilog="Example: nlp-pipeline down")
@click.option("--patience", default=30, show_default=True, metavar="SECONDS", help="Time for running tasks to finish.")
def down(patience: int) -> None:
    """End the workers, the web page and the servers of this home, in order. Data is kept."""
    from pipeline.settings import load_settings
    from pipeline.supervisor import Supervisor

    Supervisor(load_settings()).down(timedelta(seconds=patience))


@click.command(epilog="Example: nlp-pipeline doctor")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list.")
@click.pass_context
def doctor(context: click.Context, as_json: bool) -> None:
    """Check what a run needs: Python, disk, wheels, servers, weights. Exit code 1 if something is missing."""
    from pipeline.settings import load_settings
    from pipeline.supervisor.doctor import check

    checks = check(load_settings())
    if as_json:
        click.echo(json.dumps([asdict(one) for one in checks]))
    else:
        for one in checks:
            click.echo(f"{'ok  ' if one.ok else 'FAIL'}  {one.name}: {one.detail}")
            if not one.ok and one.advice:
                click.echo(f"      {one.advice}")
    context.exit(0 if all(one.ok for one in checks) else 1)
