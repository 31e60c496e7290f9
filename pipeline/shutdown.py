"""A worker that is asked to end: what runs may finish for a while, and is handed back then.

Celery's own soft shutdown always waits for its whole time; here a worker ends as soon as its last task has.
"""

import logging
import threading

import psutil
from celery.signals import worker_shutting_down

from pipeline.wiring import services

log = logging.getLogger("pipeline.tasks")

INTERRUPT_SECONDS = 3.0  # for a pool process to hand its document back itself

_at_once = threading.Event()
_asked = threading.Event()


def end_in_time(sender: str, **_: object) -> None:
    """Begin to count with the first signal; the second means at once."""
    if _asked.is_set():
        _at_once.set()
        return
    _asked.set()
    threading.Thread(target=_hand_back, args=(sender,), name="shutdown", daemon=True).start()


def _hand_back(worker: str) -> None:
    """Interrupt what still runs when the time is over, so that another worker can go on with it."""
    use = services()
    _at_once.wait(use.settings.celery_worker_soft_shutdown_timeout.total_seconds())
    pool = psutil.Process().children()
    for process in pool:
        process.terminate()
    for process in psutil.wait_procs(pool, INTERRUPT_SECONDS)[1]:
        process.kill()
    psutil.wait_procs(pool, INTERRUPT_SECONDS)
    log.warning("stopped in the middle of %s documents: handed back", use.documents.release_all(worker))


worker_shutting_down.connect(end_in_time)
