"""Brings up what has no URL, watches the pipeline's own processes, and ends everything in order."""

import os
import shutil
import signal
import time
from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from pipeline.endpoints import LOOPBACK, Endpoints, child_environment, embedded, recorded_endpoints
from pipeline.errors import Misconfigured, ServiceUnavailable
from pipeline.home import Home, ServerRecord
from pipeline.memory import resident
from pipeline.settings import Settings
from pipeline.supervisor.api import Api
from pipeline.supervisor.arcadedb import ArcadeDB
from pipeline.supervisor.postgres import Postgres
from pipeline.supervisor.server import Server, Start, end_server
from pipeline.supervisor.valkey import Valkey
from pipeline.supervisor.workers import WorkerExit, Workers, end_leftovers

SERVERS: tuple[type[Server], ...] = (Valkey, Postgres, ArcadeDB)
DEADLINE = timedelta(seconds=120)
PATIENCE = timedelta(seconds=30)
LEAST_FREE = 256 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class ServerStatus:
    """One server of a home. ``rss`` is bytes of memory with all its processes; ``data`` is where its data is."""

    name: str
    running: bool
    address: str
    pid: int | None
    rss: int
    data: Path


class Supervisor:
    """The embedded servers and the workers of one NLP_PIPELINE_HOME. Used by one thread."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._home = Home(settings.home)
        wanted = embedded(settings)
        self._servers = [server(self._home) for server in SERVERS if server.name in wanted]
        self._workers = Workers(self._home)

    def up(self, deadline: timedelta = DEADLINE, *, keep: bool = False, only: Collection[str] | None = None) -> Endpoints:
        """Start what is not running, all at once, and wait until each server answers a real call.

        Args:
            deadline: time for all of it, a wait for another supervisor included.
            keep: the servers stay up after ``release`` too, until ``down``.
            only: names of the servers to start; the others are left as they are.

        Raises:
            Misconfigured: a wheel is missing, the home cannot be written or entered; a person must act.
            ServiceUnavailable: a server or port cannot be had in time; whatever this call started is ended again.
        """
        until = time.monotonic() + deadline.total_seconds()
        self._home.create()
        with self._home.lock("servers", deadline.total_seconds()):
            self._check_disk()
            self._bring_up([server for server in self._servers if only is None or server.name in only], until)
            with self._home.change() as state:
                state.keep |= keep
        return recorded_endpoints(self._settings, state, self._home.passwords())

    def up_api(self, endpoints: Endpoints, deadline: timedelta = DEADLINE) -> ServerStatus:
        """Have the HTTP API run over these servers, until ``down``; where it is, is kept for the next time.

        Raises:
            Misconfigured: the home cannot be written.
            ServiceUnavailable: it is not ready in time.
        """
        until = time.monotonic() + deadline.total_seconds()
        api = Api(self._home, child_environment(endpoints) | {"NLP_PIPELINE_HOME": str(self._settings.home)})
        self._home.create()
        with self._home.lock("api", deadline.total_seconds()):
            known = self._home.state().servers.get(api.name)
            if known and known.process and known.alive() and not api.knows(known.process, endpoints):
                end_server(api, known)  # servers have moved since
            Start(until, self._record).bring_up(api, known)
        return self.api_status()

    def watch_api(self, endpoints: Endpoints, deadline: timedelta = PATIENCE) -> bool:
        """Start the HTTP API again if it was started and has ended by itself; True if so. Call it now and then.

        Raises:
            ServiceUnavailable: it cannot be started.
        """
        known = self._home.state().servers.get(Api.name, ServerRecord())
        ended = known.process is not None and not known.alive()
        if ended:
            self.up_api(endpoints, deadline)
        return ended

    def api_status(self) -> ServerStatus:
        """How the HTTP API of this home stands; asks the operating system only."""
        return _status(Api.name, self._home.state().servers.get(Api.name, ServerRecord()))

    def down(self, patience: timedelta = PATIENCE) -> None:
        """End workers, then servers; a run that still watches them is asked to end first. Nothing running is no error.

        Raises:
            ServiceUnavailable: that run does not end in time.
        """
        if not self._home.path.exists():
            return
        self.stop_workers(patience)
        self._end_owner(patience)
        with self._home.lock("api", patience.total_seconds()):
            self._end(Api(self._home))
        with self._home.lock("servers", patience.total_seconds()):
            for server in reversed([kind(self._home) for kind in SERVERS]):
                self._end(server)
            with self._home.change() as state:
                state.keep = False

    def release(self, patience: timedelta = PATIENCE) -> None:
        """End workers, and the servers too unless someone asked to keep them up or another run uses them."""
        self.stop_workers(patience)
        state = self._home.state()
        if not state.keep and not (state.owner and state.owner.alive()):
            self.down(patience)

    def watch_servers(self) -> list[str]:
        """Start again what has ended, with its data and on its old port; returns the names. Call it now and then.

        Raises:
            ServiceUnavailable: it cannot be started, or only on another port, which running workers do not know.
        """
        ended = [server.name for server in self.status() if not server.running]
        if ended:
            before = recorded_endpoints(self._settings, self._home.state(), self._home.passwords())
            if self.up() != before:
                raise ServiceUnavailable(f"{', '.join(ended)} came back on another port: start again.", "moved")
        return ended

    def status(self) -> list[ServerStatus]:
        """How each embedded server stands; asks the operating system only."""
        known = self._home.state().servers
        return [_status(server.name, known.get(server.name, ServerRecord())) for server in self._servers]

    def start_workers(self, commands: Mapping[str, list[str]], environment: Mapping[str, str]) -> None:
        """Start the pipeline's own processes; see ``Workers.start``."""
        self._workers.start(commands, environment)

    def watch_workers(self) -> list[WorkerExit]:
        """Restart what has ended; see ``Workers.watch``."""
        return self._workers.watch()

    def stop_workers(self, patience: timedelta = PATIENCE) -> None:
        """End the processes that this supervisor started."""
        self._workers.stop(patience.total_seconds())

    def _bring_up(self, servers: list[Server], until: float) -> None:
        known = self._home.state().servers
        start = Start(until, self._record)
        started: list[Server] = []
        ready = False

        def bring_up(server: Server) -> None:
            started.append(server)
            if not start.bring_up(server, known.get(server.name)):
                started.remove(server)

        try:
            with ThreadPoolExecutor(len(SERVERS)) as pool:
                try:
                    for future in [pool.submit(bring_up, server) for server in servers]:
                        future.result()
                finally:
                    start.cancelled.set()
            ready = True
        finally:
            if not ready:
                for server in started:
                    end_server(server, self._home.state().servers.get(server.name))

    def _end(self, server: Server) -> None:
        record = self._home.state().servers.get(server.name, ServerRecord())
        if (self._home.path / server.name).exists() or record.data.exists():
            end_server(server, record if record.data == server.data else None)
            self._record(server.name, record.model_copy(update={"process": None}))

    def _record(self, name: str, record: ServerRecord) -> None:
        with self._home.change() as state:
            state.servers[name] = record

    def _end_owner(self, patience: timedelta) -> None:
        owner = self._home.state().owner
        if owner is not None and owner.alive() and owner.pid != os.getpid():
            os.kill(owner.pid, signal.SIGTERM)
        with self._home.lock("workers", 2 * patience.total_seconds()):
            end_leftovers(self._home)

    def _check_disk(self) -> None:
        free = shutil.disk_usage(self._home.path).free
        if self._servers and free < LEAST_FREE:
            need = f"{free >> 20} MB are free, {LEAST_FREE >> 20} MB are needed"
            raise Misconfigured(f"The disk of {self._home.path} is full: {need}.", "disk_full")


def _status(name: str, record: ServerRecord) -> ServerStatus:
    running = record.alive()
    address = f"{LOOPBACK}:{record.ports['main']}" if record.ports else ""
    pid = record.process.pid if record.process and running else None
    return ServerStatus(name, running, address, pid, resident(pid) if pid else 0, record.data)
