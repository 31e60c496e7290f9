"""``workers``: all workers of this machine, in the foreground or, for ``up``, in the background."""

import os
import sys
import time
from pathlib import Path

import click

from pipeline.cli import flower
from pipeline.cli.crew import Choice, Crew
from pipeline.cli.session import Servers
from pipeline.errors import ServiceUnavailable
from pipeline.home import Home, ProcessId
from pipeline.queues import WORKER_TYPES
from pipeline.settings import Settings, load_settings
from pipeline.supervisor.processes import Launch, last_lines, spawn

PAUSE = 1.0
LOG = "workers"
PATIENCE = 120.0
EACH = tuple(w.name for w in WORKER_TYPES)


def _types(_context: click.Context, _option: click.Parameter, value: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in value.split(",") if name.strip())
    for name in names:
        if name not in EACH:
            raise click.BadParameter(f"there is no worker type {name!r}; there are {', '.join(EACH)}.")
    return names


@click.command()
@click.option("--each", is_flag=True, help="A worker for each type of the table of queues, without a queue processor.")
@click.option("--only", default="", callback=_types, metavar="TYPES", help="As --each, these alone: ocr,text.")
@click.option("--with-flower", is_flag=True, help="Flower too, on 127.0.0.1:5555, behind a password.")
@click.option("--detach", is_flag=True, help="Leave them running in the background; `nlp-pipeline down` ends them.")
def workers(each: bool, only: tuple[str, ...], with_flower: bool, detach: bool) -> None:
    r"""Run all workers of this machine and the queue processor.

    What ends is started again; Ctrl-C or SIGTERM ends it all. Servers that have no URL are started too.
    `nlp-pipeline up` runs this in the background.

    \b
    Example:
      nlp-pipeline workers
      nlp-pipeline workers --only ocr,text --with-flower --detach
    """
    settings = load_settings()
    choice = Choice(only or (EACH if each else ()), with_flower)
    if detach:
        _detach(settings, choice)
        return
    with Servers(settings) as servers:
        crew = Crew(servers, choice)
        if not crew.ours:
            raise _run_already()
        click.echo("Workers run.")
        while True:
            for message in crew.tend():
                click.echo(message)
            time.sleep(PAUSE)


def _run_already() -> ServiceUnavailable:
    return ServiceUnavailable("Workers of this home run already: nlp-pipeline down ends them.", "locked")


def _detach(settings: Settings, choice: Choice) -> None:
    home = Home(settings.home)
    owner = home.state().owner
    if owner and owner.alive():
        raise _run_already()
    if choice.flower:
        flower.command(settings)  # what is missing is said here, and not in a log
        flower.check_port()
    in_background(settings, PATIENCE, choice)
    for name, process in home.state().workers.items():
        click.echo(f"{name:<16} pid {process.pid:<8} {home.logs / f'{name}.log'}")
    if choice.flower:
        click.echo(flower.where(settings))


def in_background(settings: Settings, deadline: float, choice: Choice | None = None) -> ProcessId:
    """Start ``workers`` in the background unless somebody looks after this home's workers; returns who does.

    Raises:
        ServiceUnavailable: it ended at once, or was not ready in time.
    """
    choice = choice or Choice()
    home = Home(settings.home)
    owner = home.state().owner
    if owner and owner.alive():
        return owner
    log = home.logs / f"{LOG}.log"
    begin = log.stat().st_size if log.exists() else 0
    environment = os.environ | {"NLP_PIPELINE_HOME": str(settings.home)}
    words = ["--only", ",".join(choice.only)] if choice.only else []
    words += ["--with-flower"] if choice.flower else []
    process = spawn(Launch([sys.executable, "-m", "pipeline.cli.main", "workers", *words], Path.cwd(), environment), log)
    until = time.monotonic() + deadline
    while home.state().owner != process:
        if not process.alive():
            raise ServiceUnavailable(f"The workers do not start: {last_lines(log, begin)}", "died_at_start")
        if time.monotonic() > until:
            raise ServiceUnavailable(f"The workers are not ready in time. See {log}.", "not_ready")
        time.sleep(0.1)
    return process
