"""Asks database, broker and operating system, all at once, and puts together what they say."""

import time
from contextlib import closing
from typing import Self

from pipeline.endpoints import embedded, recorded_endpoints
from pipeline.errors import PipelineError, ServiceUnavailable
from pipeline.home import Home, ProcessId
from pipeline.memory import resident
from pipeline.monitor.broker import Broker, Heard
from pipeline.monitor.snapshot import Facts, Snapshot, compose
from pipeline.monitor.source import Source
from pipeline.monitor.workers import Local
from pipeline.settings import Settings
from pipeline.stores.database import Database
from pipeline.stores.watching import History, Listing, Seen, Watching

PATIENCE = 5.0  # seconds for all of it
CONNECT = 3.0


class Eye:
    """Looks as often as it is asked to. Nothing is started and nothing changed; what is away may come back. For one thread.

    Args:
        settings: as they were loaded; embedded servers are found anew at each look.
        project: name of the project to look at; None: all.
    """

    def __init__(self, settings: Settings, project: str | None = None) -> None:
        self.settings = settings
        self._home = Home(settings.home)
        self._database: tuple[str, Database] | None = None
        self._broker: Broker | None = None
        self._seen = Source("database", self._ask_database)
        self._heard = Source("broker", self._ask_broker)
        self.project = project
        self.listing: Listing | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def look(self) -> Snapshot:
        """What is there now; it takes a second, which workers have to answer, and ``PATIENCE`` at most."""
        until = time.monotonic() + PATIENCE
        self._seen.begin()
        self._heard.begin()
        project = self.project
        workers, servers = self._local()
        missing: dict[str, str] = {}
        seen, heard = None, None
        try:
            seen = self._seen.answer(until - time.monotonic())
        except PipelineError as fault:
            missing["database"] = fault.message
        try:
            heard = self._heard.answer(until - time.monotonic())
        except PipelineError as fault:
            missing["broker"] = fault.message
        return compose(Facts(seen, heard, workers, servers, missing), self.settings.worker_types, project)

    def history(self, document_id: str) -> History | None:
        """What was done to a document; None: there is no such document.

        Raises:
            PipelineError: the database is away.
        """
        with closing(Database(self.located().database, most=1, patience=CONNECT)) as database:
            return Watching(database).history(document_id)

    def close(self) -> None:
        """Give back connections."""
        if self._database:
            self._database[1].close()
        if self._broker:
            self._broker.close()

    def _local(self) -> tuple[tuple[Local, ...], tuple[Local, ...]]:
        """Workers and servers of this home."""
        state = self._home.state()
        own = embedded(self.settings)
        servers = {name: record.process for name, record in state.servers.items() if record.process and name in own}
        return _processes(state.workers), _processes(servers)

    def _ask_database(self) -> Seen:
        return Watching(self.database(), self.project).look(self.listing)

    def database(self) -> Database:
        """The database, where it is now.

        Raises:
            ServiceUnavailable: an embedded one does not run.
        """
        url = self.located().database
        if self._database is None or self._database[0] != url:
            if self._database:
                self._database[1].close()
            self._database = url, Database(url, most=2, patience=CONNECT)
        return self._database[1]

    def _ask_broker(self) -> Heard:
        url = self._at("valkey").broker
        if self._broker is None or self._broker.url != url:
            if self._broker:
                self._broker.close()
            self._broker = Broker(url)
        return self._broker.look(kind.name for kind in self.settings.worker_types)

    def located(self) -> Settings:
        """The settings with the addresses that there are now.

        Raises:
            ServiceUnavailable: an embedded database does not run.
        """
        return self._at("postgres")

    def _at(self, server: str) -> Settings:
        state = self._home.state()
        record = state.servers.get(server)
        if server in embedded(self.settings) and not (record and record.alive()):
            raise ServiceUnavailable(f"The server {server} of {self.settings.home} does not run: nlp-pipeline up.")
        return recorded_endpoints(self.settings, state, self._home.passwords()).fill(self.settings)


def _processes(known: dict[str, ProcessId]) -> tuple[Local, ...]:
    return tuple(
        Local(name, process.pid, runs, resident(process.pid) if runs else 0)
        for name, process, runs in ((name, process, process.alive()) for name, process in known.items())
    )
