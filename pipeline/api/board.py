"""The monitor's picture, shared by all who ask: looked at anew every few seconds as long as anybody does."""

import threading
import time

from pipeline.errors import ServiceUnavailable
from pipeline.monitor.eye import Eye
from pipeline.monitor.snapshot import Facts, Snapshot, compose
from pipeline.settings import Settings
from pipeline.stores.database import Database
from pipeline.stores.watching import Watching

EVERY = 2.0  # seconds between two looks
WATCHED = 30.0  # seconds after the last question in which it is looked on
OLDEST = 8.0  # seconds; what is older is not shown
PATIENCE = 10.0  # seconds for which the first who asks waits
OWN = 1.0  # seconds for which what one project shows is shown again
PROJECTS = 200  # so many are remembered


class Board:
    """Thread-safe.

    Args:
        settings: with the addresses of database and broker.
        database: where projects are looked at.
    """

    def __init__(self, settings: Settings, database: Database) -> None:
        self._settings = settings
        self._database = database
        self._changed = threading.Condition()
        self._awake = threading.Event()
        self._seen: Snapshot | None = None
        self._asked = 0.0
        self._thread: threading.Thread | None = None
        self._projects: dict[str, tuple[float, Snapshot]] = {}

    def everything(self) -> Snapshot:
        """All projects, queues and workers, some seconds old at most.

        Raises:
            ServiceUnavailable: nothing was seen in time.
        """
        with self._changed:
            self._asked = time.monotonic()
            if self._thread is None:
                self._thread = threading.Thread(target=self._looking, name="board", daemon=True)
                self._thread.start()
            self._changed.wait_for(self._fresh, PATIENCE)
            if self._seen is None or not self._fresh():
                raise ServiceUnavailable("What runs could not be seen in time.")
            return self._seen

    def of(self, project: str) -> Snapshot:
        """What concerns one project; nothing of the broker and of workers.

        Raises:
            ServiceUnavailable: the database is away.
        """
        at, snapshot = self._projects.get(project, (0.0, None))
        if snapshot is None or time.monotonic() - at > OWN:
            seen = Watching(self._database, project).look()
            snapshot = compose(Facts(seen, None, (), (), {}), self._settings.worker_types, project)
            self._projects[project] = time.monotonic(), snapshot
            if len(self._projects) > PROJECTS:
                self._projects.clear()
        return snapshot

    def look_again(self) -> None:
        """Something was changed: do not wait."""
        self._projects.clear()
        self._awake.set()

    def close(self) -> None:
        """Look no more."""
        with self._changed:
            self._asked, thread = -WATCHED, self._thread
        self._awake.set()
        if thread:
            thread.join(PATIENCE)

    def _fresh(self) -> bool:
        return self._seen is not None and time.time() - self._seen.at < OLDEST

    def _looking(self) -> None:
        with Eye(self._settings) as eye:
            while self._wanted():
                self._awake.clear()
                snapshot = eye.look()
                with self._changed:
                    self._seen = snapshot
                    self._changed.notify_all()
                self._awake.wait(EVERY)

    def _wanted(self) -> bool:
        with self._changed:
            if time.monotonic() - self._asked < WATCHED:
                return True
            self._thread = None
            return False
