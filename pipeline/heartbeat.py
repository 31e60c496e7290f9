"""Keeps the lease of the running step alive: one thread a worker process."""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

from pipeline.errors import PipelineError
from pipeline.model import Lease

log = logging.getLogger("pipeline.tasks")


class Heartbeat:
    """Renews every held lease at a third of its duration.

    Args:
        renew: prolongs one lease; False if it is lost.
        duration: how long a lease lasts.
    """

    def __init__(self, renew: Callable[[Lease], bool], duration: timedelta) -> None:
        self._renew = renew
        self._pause = duration.total_seconds() / 3
        self._held: set[Lease] = set()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    @contextmanager
    def of(self, lease: Lease) -> Iterator[None]:
        """Keep ``lease`` while the context lasts."""
        with self._lock:
            self._held.add(lease)
            if self._thread is None:
                self._thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)
                self._thread.start()
        try:
            yield
        finally:
            with self._lock:
                self._held.discard(lease)

    def _beat(self) -> None:
        pause = threading.Event()
        while not pause.wait(self._pause):
            with self._lock:
                held = list(self._held)
            for lease in held:
                self._renew_one(lease)

    def _renew_one(self, lease: Lease) -> None:
        try:
            if not self._renew(lease):
                log.info("%s of %s: the lease was lost", lease.step, lease.document_id)
                with self._lock:
                    self._held.discard(lease)
        except PipelineError as fault:
            log.warning("the lease on %s could not be renewed: %s", lease.document_id, fault)
