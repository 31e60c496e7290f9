"""Writes that must outlive an outage of the database."""

import logging
import threading
import time
from collections import deque

import psycopg

from pipeline.errors import PipelineError, ServiceUnavailable
from pipeline.stores.calls import Calls

log = logging.getLogger(__name__)

PAUSE = 2.0
MOST = 10_000


class Later:
    """Runs named statements that return nothing of interest; while the database is away they wait in memory. Thread-safe.

    They are tried again in the background until they succeed, in order, as long as the process lives. A statement may run
    twice if the connection breaks at its end, so it must be one that can.

    Args:
        database: where they run.
        pause: seconds between two tries.
        most: statements that wait; beyond that the oldest is given up.
    """

    def __init__(self, database: Calls, pause: float = PAUSE, most: int = MOST) -> None:
        self._db = database
        self._pause = pause
        self._waiting: deque[tuple[str, dict[str, object]]] = deque(maxlen=most)
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    @property
    def waiting(self) -> int:
        """How many statements wait."""
        return len(self._waiting)

    def run(self, statement: str, **values: object) -> None:
        """Run it now, or as soon as the database is back."""
        try:
            self._db.rows(statement, **values)
        except ServiceUnavailable as fault:
            log.warning("%s waits: %s", statement, fault)
            with self._lock:
                self._waiting.append((statement, values))
                if self._thread is None:
                    self._thread = threading.Thread(target=self._work, name="later", daemon=True)
                    self._thread.start()

    def _work(self) -> None:
        while True:
            time.sleep(self._pause)
            with self._lock:
                if not self._waiting:
                    self._thread = None
                    return
                statement, values = self._waiting.popleft()
            try:
                self._db.rows(statement, **values)
            except ServiceUnavailable:
                with self._lock:
                    self._waiting.appendleft((statement, values))
            except (psycopg.Error, PipelineError):
                log.exception("%s is given up", statement)
