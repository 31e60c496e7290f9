"""``worker``: one Celery worker in the foreground; and the layout of workers on one machine."""

import os
import sys
from collections.abc import Collection
from contextlib import closing, suppress

import click

from pipeline.errors import ServiceUnavailable
from pipeline.queues import WORKER_TYPES, WorkerType
from pipeline.settings import Settings
from pipeline.status import Step

CELERY = ("-m", "celery", "-A", "pipeline.celery_app", "worker")
OPTIONS = ("-O", "fair", "--without-gossip", "--without-mingle", "--without-heartbeat")


@click.command()
@click.argument("type_", type=click.Choice([w.name for w in WORKER_TYPES]), metavar="TYPE")
@click.option(
    "--concurrency", type=click.IntRange(1, 1000), help="Tasks at one time; the table of queues decides unless given."
)
def worker(type_: str, concurrency: int | None) -> None:
    r"""Run one worker: ocr, text, entity, graph or default. It takes the place of this process; SIGTERM ends it.

    The worker ocr also reads the page ranges of large documents; one of type ocr_pages does nothing else. With
    NER_ENGINE=remote the worker entity waits for the language model, with many documents at one time.

    \b
    Example:
      nlp-pipeline worker ocr
    """
    from pipeline.settings import load_settings

    settings = load_settings()
    kind = next(w for w in settings.worker_types if w.name == type_)
    command = celery_command(settings, kind, concurrency or own_concurrency(settings, kind))
    if Step.PROCESS_CHUNKING in kind.tasks:
        _check_embeddings(settings)
    sys.stdout.flush()
    os.execv(command[0], command)


def _check_embeddings(settings: Settings) -> None:
    """Refuse to work with another embedding model than the database; one that is away is waited for by the worker."""
    from pipeline.endpoints import located
    from pipeline.wiring import Services

    with suppress(ServiceUnavailable), closing(Services(located(settings))) as use:
        use.embeddings.check()


def waits(kind: WorkerType) -> bool:
    """Whether its tasks wait for a service instead of working."""
    return kind.pool != "prefork"


def celery_command(settings: Settings, kind: WorkerType, concurrency: int, queues: str = "") -> list[str]:
    """The command line of a worker."""
    return [
        sys.executable, *CELERY, "-Q", queues or ",".join(served(kind)), "-n", f"{kind.name}@%h", "--pool", kind.pool,
        "--concurrency", str(concurrency), "--loglevel", settings.log_level, *OPTIONS,
    ]  # fmt: skip


def served(kind: WorkerType) -> tuple[str, ...]:
    """Queues that a worker serves, in order."""
    return ("ocr_pages", "ocr") if kind.name == "ocr" else (kind.name,)


def type_commands(settings: Settings, names: Collection[str]) -> dict[str, list[str]]:
    """A worker for each of these types of the table of queues."""
    chosen = [w for w in settings.worker_types if w.name in names]
    return {w.name: celery_command(settings, w, own_concurrency(settings, w)) for w in chosen}


def own_concurrency(settings: Settings, kind: WorkerType) -> int:
    """Tasks that a worker of this type runs at once."""
    return kind.concurrency if waits(kind) else settings.celery_worker_concurrency or kind.concurrency


def worker_commands(settings: Settings, cores: int) -> dict[str, list[str]]:
    """The processes that work on one machine: reading and waiting apart from the rest, so that none holds up the other."""
    types = settings.worker_types
    ocr = next(w for w in types if w.name == "ocr")
    waiting = [w for w in types if waits(w)]
    elsewhere = {*served(ocr), *(w.name for w in waiting)}
    concurrency = settings.celery_worker_concurrency
    rest = WorkerType("rest", (), "prefork", cores)
    return {
        "queue_processor": [sys.executable, "-m", "pipeline.queue_processor"],
        "ocr": celery_command(settings, ocr, concurrency or cores),
        # Steps also wait for the database and the graph: only more processes than cores keep the cores busy.
        "rest": celery_command(
            settings, rest, concurrency or 2 * cores, ",".join(w.name for w in types if w.name not in elsewhere)
        ),
        **{w.name: celery_command(settings, w, w.concurrency) for w in waiting},
    }
