"""What the embedded part keeps under NLP_PIPELINE_HOME: its folders, the state file, the generated passwords, the lock."""

import fcntl
import json
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Self

from pydantic import BaseModel, Field, ValidationError

from pipeline.errors import Misconfigured, ServiceUnavailable

LOCKS = {
    "servers": "is starting or stopping the servers of",
    "api": "is starting or stopping the HTTP API of",
    "workers": "is at work in",
    "state": "is writing the state of",
    "secrets": "is writing the passwords of",
}
"""Locks of a home, and what one who holds it does there."""
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class ProcessId(BaseModel, frozen=True):
    """A process that cannot be mistaken for another: its number and when it started."""

    pid: int
    started: str

    @classmethod
    def of(cls, pid: int) -> Self | None:
        """The process that has this number now; ``None`` if it has ended."""
        started = _start_mark(pid)
        return cls(pid=pid, started=started) if started else None

    def alive(self) -> bool:
        """Whether this very process still runs; a recycled number does not count."""
        return _start_mark(self.pid) == self.started


class ServerRecord(BaseModel):
    """What is known of one embedded server."""

    ports: dict[str, int] = Field(default_factory=dict)
    data: Path = Path("/none")
    process: ProcessId | None = None

    def alive(self) -> bool:
        """Whether the recorded process still runs."""
        return self.process is not None and self.process.alive()


class State(BaseModel):
    """The state file. It is never trusted blindly: every process in it is checked before use."""

    servers: dict[str, ServerRecord] = Field(default_factory=dict)
    workers: dict[str, ProcessId] = Field(default_factory=dict)
    owner: ProcessId | None = None
    """The process that watches the workers."""
    keep: bool = False
    """Whether the servers stay up when a run ends."""


class Home:
    """The folder of all embedded state. Others on the machine can enter it at most, never list it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.logs = path / "logs"
        self._state = path / "state.json"
        self.secrets = path / "secrets.json"

    def create(self) -> None:
        """Make the folders.

        Raises:
            Misconfigured: the folder cannot be written.
        """
        # Root's PostgreSQL runs under another user, who must be able to enter; root loses nothing by that.
        with writing(self.path):
            self.path.mkdir(parents=True, exist_ok=True, mode=0o711 if os.geteuid() == 0 else 0o700)
            self.logs.mkdir(exist_ok=True, mode=0o700)

    def state(self) -> State:
        """The state file's content; an empty state if there is none or it is damaged."""
        try:
            return State.model_validate_json(self._state.read_bytes())
        except (FileNotFoundError, NotADirectoryError, ValidationError):
            return State()

    @contextmanager
    def change(self) -> Iterator[State]:
        """Read the state, let the caller change it, and write it: whole or not at all, one process or thread at a time."""
        with self.lock("state"):
            state = self.state()
            yield state
            with writing(self.path):
                write_private(self._state, state.model_dump_json(indent=1))

    def passwords(self) -> dict[str, str]:
        """Generated passwords by server; empty if none was made yet.

        Raises:
            Misconfigured: the file is damaged.
        """
        try:
            return {str(name): str(value) for name, value in json.loads(self.secrets.read_bytes()).items()}
        except (FileNotFoundError, NotADirectoryError):
            return {}
        except (ValueError, AttributeError):
            raise Misconfigured(f"The file of passwords {self.secrets} is damaged: restore it from a copy.") from None

    def password(self, name: str) -> str:
        """The password of one server, made at its first use."""
        if name in (known := self.passwords()):
            return known[name]
        with self.lock("secrets"):
            known = {name: secrets.token_hex(24)} | self.passwords()
            with writing(self.path):
                write_private(self.secrets, json.dumps(known))
        return known[name]

    @contextmanager
    def lock(self, name: str, patience: float = 10.0) -> Iterator[None]:
        """Hold the lock ``name``, a key of ``LOCKS``; wait at most ``patience`` seconds for it.

        Raises:
            ServiceUnavailable: another process holds it; code ``locked``.
        """
        end = time.monotonic() + patience
        with writing(self.path):
            file = os.open(self.path / f"{name}.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            while not try_lock(file):
                if time.monotonic() >= end:
                    holder = os.pread(file, 20, 0).decode().strip() or "unknown"
                    raise ServiceUnavailable(f"Another nlp-pipeline, process {holder}, {LOCKS[name]} {self.path}.", "locked")
                time.sleep(0.05)
            os.truncate(file, 0)
            os.pwrite(file, str(os.getpid()).encode(), 0)
            yield
        finally:
            os.close(file)


def try_lock(file: int) -> bool:
    """Lock an open file; False if another process holds it."""
    with suppress(BlockingIOError):
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    return False


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Say in one sentence why nothing can be written below ``path``.

    Raises:
        Misconfigured: the system refused; code ``not_writable``.
    """
    try:
        yield
    except OSError as fault:
        reason = f"Cannot write below {path}: {fault.strerror or fault}. Free it or set NLP_PIPELINE_HOME."
        raise Misconfigured(reason, "not_writable") from None


def write_private(path: Path, text: str) -> None:
    """Replace a file, whole or not at all, readable by its owner alone."""
    fresh = path.with_name(f"{path.name}.new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)


def _start_mark(pid: int) -> str:
    """When a process started, as a mark to compare; "" if it has ended."""
    if _BOOT_ID.exists():
        # Ticks since boot: unlike a time of day they do not move when the clock is set.
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            return ""
        return "" if fields[0] in "ZX" else f"{_BOOT_ID.read_text().strip()}:{fields[19]}"
    import psutil

    try:
        process = psutil.Process(pid)
        return "" if process.status() == psutil.STATUS_ZOMBIE else f"{process.create_time():.2f}"
    except psutil.NoSuchProcess:
        return ""
