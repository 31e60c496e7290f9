"""``watch``: everything at a glance, live or once."""

import json
import sys
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from pipeline.monitor.eye import Eye

WELL, NOT_WELL, AWAY = 0, 1, 4
NARROW = 80
ONLY_PROJECT = "The matter to look at; all of them unless given."


@click.command()
@click.option("--project", metavar="NAME", help=ONLY_PROJECT)
@click.option("--once", is_flag=True, help="Print it once and end.")
@click.option("--json", "as_json", is_flag=True, help="With --once: print a JSON object.")
@click.option(
    "--every", default=2.0, show_default=True, type=click.FloatRange(0.5, 3600), metavar="SECONDS", help="Between two looks."
)
@click.pass_context
def watch(context: click.Context, project: str | None, once: bool, as_json: bool, every: float) -> None:
    r"""Watch everything: stages, throughput, queues, workers, failures; live, or once for scripts.

    Nothing is started or changed by looking. What is away (database, broker) is said, the rest is shown. In a terminal, ?
    shows the keys: find documents, see what was done to them, retry, cancel, pause and resume a queue.

    With --once, exit code 0: all is well; 1: something is not, and is said; 4: database or broker is away.

    \b
    Example:
      nlp-pipeline watch
      nlp-pipeline watch --once --json --project harbour
    """
    if as_json and not once:
        raise click.UsageError("--json goes with --once.")
    from pipeline.monitor.eye import Eye
    from pipeline.settings import load_settings

    with Eye(load_settings(), project) as eye:
        context.exit(_once(eye, as_json=as_json) if once else _live(eye, every))


def _live(eye: "Eye", every: float) -> int:
    if not sys.stdout.isatty():
        raise click.UsageError("This is no terminal: say --once.")
    from pipeline.cli.live.app import Monitor
    from pipeline.cli.live.hand import Hand

    Monitor(eye, Hand(eye), every).run()
    return WELL


def _once(eye: "Eye", *, as_json: bool) -> int:
    from rich.console import Console

    from pipeline.cli.glance import printed

    snapshot = eye.look()
    if as_json:
        click.echo(json.dumps(snapshot.as_data()))
    else:
        width = None if sys.stdout.isatty() else NARROW
        Console(markup=False, highlight=False, emoji=False, width=width).print(printed(snapshot))
    return AWAY if snapshot.missing else WELL if snapshot.well else NOT_WELL
