"""``pause`` and ``resume``: let a queue stand still, whoever serves it."""

from collections.abc import Iterator
from contextlib import closing, contextmanager

import click

from pipeline.cli.output import duration
from pipeline.cli.session import NothingHere, opened
from pipeline.endpoints import embedded
from pipeline.home import Home
from pipeline.model import Pause
from pipeline.ports import DocumentStore
from pipeline.queues import WORKER_TYPES, WorkerType, tasks_of
from pipeline.settings import load_settings
from pipeline.wiring import Services

NAMES = tuple(kind.name for kind in WORKER_TYPES)
QUEUE = click.argument("queue", type=click.Choice(NAMES), metavar="QUEUE")


@contextmanager
def _store() -> Iterator[tuple[DocumentStore, tuple[WorkerType, ...]]]:
    settings = load_settings()
    if "postgres" in embedded(settings) and "postgres" not in Home(settings.home).state().servers:
        raise NothingHere(f"Nothing was ever processed in {settings.home}.")
    with opened(settings, None) as (located, _), closing(Services(located)) as use:
        yield use.documents, settings.worker_types


def pause_queue(store: DocumentStore, types: tuple[WorkerType, ...], queue: str) -> None:
    """Let nothing of this queue begin, as the table of queues has it now."""
    store.pause(queue, tasks_of(queue, types))


@click.command()
@QUEUE
def pause(queue: str) -> None:
    r"""Let a queue stand still, whoever serves it.

    QUEUE is ocr, ocr_pages, text, entity, graph or default. What runs, ends; nothing new begins, on any machine, also by
    workers that start later, until `resume`. Documents go on up to the queue and wait there; when DOCUMENTS_IN_FLIGHT of
    them wait, no new ones are begun.

    \b
    Example:
      nlp-pipeline pause graph
    """
    with _store() as (store, types):
        pause_queue(store, types, queue)
    click.echo(f"The queue {queue} is paused. nlp-pipeline resume {queue} lets it go on.")


@click.command()
@QUEUE
def resume(queue: str) -> None:
    r"""Let a paused queue go on.

    What waits for it is sent on at once. Exit code 3 if it was not paused.

    \b
    Example:
      nlp-pipeline resume graph
    """
    with _store() as (store, _):
        resumed = store.resume(queue)
        others = store.pauses()
    click.echo(f"The queue {queue} goes on." if resumed else f"The queue {queue} was not paused.{_told(others)}")
    click.get_current_context().exit(0 if resumed else 3)


def _told(pauses: list[Pause]) -> str:
    return "".join(f" {pause.queue} is, for {duration(pause.seconds)}." for pause in pauses)
