"""``workers``: all workers of this machine, in the foreground or, for ``up``, in the background."""

import os
import sys
import time
from pathlib import Path

import click

from pipeline.cli.crew import Crew
from pipeline.cli.session import Servers
from pipeline.errors import ServiceUnavailable
from pipeline.home import Home, ProcessId
from pipeline.settings import Settings, load_settings
from pipeline.supervisor.processes import Launch, last_lines, spawn

PAUSE = 1.0
LOG = "workers"


@click.command()
def workers() -> None:
    r"""Run all workers of this machine and the queue processor.

    What ends is started again; Ctrl-C or SIGTERM ends it all. Servers that have no URL are started too.
    `nlp-pipeline up` runs this in the background.

    \b
    Example:
      nlp-pipeline workers
    """
    with Servers(load_settings()) as servers:
        crew = Crew(servers)
        if not crew.ours:
            raise ServiceUnavailable("Workers of this home run already: nlp-pipeline down ends them.", "locked")
        click.echo("Workers run.")
        while True:
            for message in crew.tend():
                click.echo(message)
            time.sleep(PAUSE)


def in_background(settings: Settings, deadline: float) -> ProcessId:
    """Start ``workers`` in the background unless somebody looks after this home's workers; returns who does.

    Raises:
        ServiceUnavailable: it ended at once, or was not ready in time.
    """
    home = Home(settings.home)
    owner = home.state().owner
    if owner and owner.alive():
        return owner
    log = home.logs / f"{LOG}.log"
    begin = log.stat().st_size if log.exists() else 0
    environment = os.environ | {"NLP_PIPELINE_HOME": str(settings.home)}
    process = spawn(Launch([sys.executable, "-m", "pipeline.cli.main", "workers"], Path.cwd(), environment), log)
    until = time.monotonic() + deadline
    while home.state().owner != process:
        if not process.alive():
            raise ServiceUnavailable(f"The workers do not start: {last_lines(log, begin)}", "died_at_start")
        if time.monotonic() > until:
            raise ServiceUnavailable(f"The workers are not ready in time. See {log}.", "not_ready")
        time.sleep(0.1)
    return process
