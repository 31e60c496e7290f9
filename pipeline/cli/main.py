"""The command line. A command's module is imported when that command is called, so that help comes at once."""

import os
import signal
import sys
from collections.abc import Sequence
from importlib import import_module
from types import FrameType
from typing import NoReturn

import click

from pipeline import __version__
from pipeline.errors import PipelineError

INTERRUPTED = 130

# Command -> module below pipeline.cli, and its help in one line.
COMMANDS = {
    "run": ("run", "Process files and folders, from nothing to a summary: the main job."),
    "up": ("servers", "Start the servers that have no URL, the workers and the web page, and leave them running."),
    "down": ("servers", "End the workers, the web page and the servers of this home, in order."),
    "estimate": ("estimate", "Say what files would cost with the engines and PRICES that are set; nothing is paid for."),
    "submit": ("submit", "Queue files and folders for running workers."),
    "status": ("status", "Show where documents stand, what waits for what, and what failed and why."),
    "metrics": ("metrics", "Serve figures about documents, queues, workers, steps and costs to Prometheus."),
    "watch": ("watch", "Watch everything: stages, throughput, queues, workers, failures; live, or once for scripts."),
    "pause": ("pausing", "Let a queue stand still, whoever serves it."),
    "resume": ("pausing", "Let a paused queue go on."),
    "cancel": ("control", "Stop documents: waiting ones at once, running ones at their worker's next heartbeat."),
    "retry": ("control", "Queue what failed or was cancelled again, from the step where it stopped."),
    "reprocess": ("control", "Run again what is stale because an engine, a model or an option changed."),
    "delete": ("control", "Remove documents with their attachments, and their share in entities, relations and graph."),
    "search": ("search", "Find passages by their words and by their meaning."),
    "entity": ("entity", "Show an entity: its spellings, documents and neighbours; or decide what is one."),
    "export": ("export", "Write documents, entities and relations to files in DIR."),
    "costs": ("costs", "Show what paid services used and cost, by step and model."),
    "budget": ("costs", "Show or set a project's budget: what paid services may cost."),
    "graph": ("graph", "Compare the graph with the database, or build it again from there."),
    "embeddings": ("embeddings", "Show which model made the vectors, and change to another one while search goes on."),
    "backup": ("backup", "Copy all documents and all that was found in them to FILE, while everything runs."),
    "restore": ("backup", "Put FILE's documents into this home, and build the graph from them."),
    "models": ("models", "List the models: file, origin, licence, hash, and whether it is the official one."),
    "workers": ("workers", "Run all workers of this machine and the queue processor."),
    "worker": ("worker", "Run one worker: ocr, text, entity, graph or default."),
    "api": ("api", "Run the HTTP API: upload, watch, read, search."),
    "link": ("link", "Print a link that signs a person in at the web page, once, within an hour."),
    "keys": ("keys", "Make, list and revoke keys of the HTTP API."),
    "flower": ("flower", "Run Flower, Celery's web page about workers and tasks, behind a password."),
    "migrate": (
        "migrate",
        "Bring the database's tables up to date; `migrate documents`: move documents of earlier systems.",
    ),
    "doctor": ("servers", "Check what a run needs: Python, disk, wheels, servers, weights."),
}


def _unwrapped(command: click.Command) -> click.Command:
    r"""Turn the written ``\b`` of a raw docstring into the character by which click leaves a paragraph's lines alone."""
    command.help = (command.help or "").replace(r"\b", "\b")
    for inner in command.commands.values() if isinstance(command, click.Group) else ():
        _unwrapped(inner)
    return command


class LazyGroup(click.Group):
    """Knows its commands by name and help alone until one is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: D102
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: D102
        if cmd_name not in COMMANDS:
            return None
        command = getattr(import_module(f"pipeline.cli.{COMMANDS[cmd_name][0]}"), cmd_name)
        assert isinstance(command, click.Command)
        return _unwrapped(command)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: D102
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, message="%(version)s")
@click.option("--debug", is_flag=True, envvar="NLP_PIPELINE_DEBUG", help="Show where a fault arose.")
@click.pass_obj
def cli(flags: dict[str, bool], debug: bool) -> None:
    r"""Documents in; searchable text, entities and their graph out.

    \b
    Example:
      nlp-pipeline run letters/ --project harbour
      nlp-pipeline search "who paid for the dredging?" --project harbour

    Exit codes: 0 done, 1 a fault of the program, 2 wrong usage or settings, 3 some documents failed, 4 a server is away.
    """
    flags["debug"] = debug


_unwrapped(cli)


def main() -> NoReturn:
    """Run the command that was typed."""
    signal.signal(signal.SIGTERM, _interrupt)
    signal.signal(signal.SIGHUP, _interrupt)
    sys.exit(execute(sys.argv[1:]))


def execute(arguments: Sequence[str]) -> int:
    """Run a command; return its exit code. The one place that turns a fault into words."""
    flags = {"debug": False}
    try:
        code = cli.main(list(arguments), prog_name="nlp-pipeline", standalone_mode=False, obj=flags)
        sys.stdout.flush()
    except click.ClickException as fault:
        fault.show()
        return fault.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("Stopped.", err=True)
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has gone; nothing may be written at exit either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as fault:
        if flags["debug"]:
            raise
        return _explain(fault)
    return code if isinstance(code, int) else 0


def _explain(fault: Exception) -> int:
    if isinstance(fault, PipelineError):
        click.echo(f"{fault}\n{fault.advice}".rstrip(), err=True)
        return fault.exit_code
    click.echo(f"An internal fault: {type(fault).__name__}: {fault}\nTo see where: nlp-pipeline --debug …", err=True)
    return 1


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    main()
