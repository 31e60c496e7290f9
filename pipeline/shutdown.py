"""A worker that is asked to end: what runs may finish for a while, and is handed back then.

Celery's own soft shutdown always waits for its whole time; here a worker ends as soon as its last task has.
"""

import logging
import os
import threading
import time
from contextlib import closing, suppress

import psutil
from celery.signals import worker_shutting_down

from pipeline.endpoints import located
from pipeline.errors import ServiceUnavailable
from pipeline.settings import Settings, load_settings
from pipeline.wiring import Services

log = logging.getLogger("pipeline.tasks")

INTERRUPT_SECONDS = 3.0  # for a pool process to hand its document back itself

_asked = threading.Event()
_at_once = threading.Event()


def begin(sender: str, **_: object) -> None:
    """A signal came to the worker's main process: the first begins to count, the second means at once."""
    if _asked.is_set():
        _at_once.set()
        return
    _asked.set()
    threading.Thread(target=_hand_back, args=(sender,), name="shutdown", daemon=True).start()


def _hand_back(node: str) -> None:
    settings = located(load_settings())
    _at_once.wait(settings.celery_worker_soft_shutdown_timeout.total_seconds())
    log.warning("the time is over: what still runs is handed back")
    pool = psutil.Process().children()
    if not pool:  # greenlets or threads: nothing ends them but the end of the process
        _give_back(settings, node)
        logging.shutdown()
        os._exit(0)
    for process in pool:
        with suppress(psutil.NoSuchProcess):
            process.terminate()  # each gives back what it holds
    until = time.monotonic() + INTERRUPT_SECONDS
    while (left := [process for process in pool if _runs(process)]) and time.monotonic() < until:
        time.sleep(0.05)
    if left:
        _give_back(settings, node)
    for process in left:
        with suppress(psutil.NoSuchProcess):
            process.kill()


def _give_back(settings: Settings, node: str) -> None:
    """Give back what is held by processes that do not listen; from then on they cannot commit it."""
    # Not the process's own services: those belong to its main thread.
    with closing(Services(settings)) as use:
        try:
            use.documents.release_all(node)
        except ServiceUnavailable as away:
            log.warning("what was stopped could not be handed back, and waits until its leases run out: %s", away)


def _runs(process: psutil.Process) -> bool:
    # Not waited for here: Celery must learn how its processes ended.
    with suppress(psutil.NoSuchProcess):
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    return False


worker_shutting_down.connect(begin)
