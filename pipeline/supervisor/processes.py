"""Starting, finding and ending processes that outlive the one that started them."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import psutil

from pipeline.endpoints import LOOPBACK
from pipeline.errors import ServiceUnavailable
from pipeline.home import ProcessId, writing

LOG_LIMIT = 10 * 1024 * 1024

# Children of this process, kept so that they are reaped when they end.
_children: dict[int, subprocess.Popen[bytes]] = {}


@dataclass(frozen=True, slots=True)
class Launch:
    """How a process is started. ``stdin`` is text for it to read; ``user`` is (uid, gid) or ``None`` for our own."""

    argv: Sequence[str | Path]
    cwd: Path
    environment: Mapping[str, str]
    stdin: str = field(default="", repr=False)
    user: tuple[int, int] | None = None


def spawn(launch: Launch, log: Path, inherit: Sequence[int] = ()) -> ProcessId:
    """Start a process in a session of its own, so that Ctrl-C in a terminal does not reach it.

    Args:
        launch: what to start.
        log: file that takes its output, appended.
        inherit: open files that it keeps.

    Raises:
        ServiceUnavailable: the system refused to start it.
    """
    uid, gid = launch.user or (None, None)
    try:
        with open_log(log) as output:
            process = subprocess.Popen(
                launch.argv, cwd=launch.cwd, env=dict(launch.environment), stdin=subprocess.PIPE, stdout=output,
                stderr=subprocess.STDOUT, start_new_session=True, pass_fds=inherit,
                user=uid, group=gid, extra_groups=None if uid is None else [],
            )  # fmt: skip
    except OSError as fault:
        raise ServiceUnavailable(f"Cannot start {launch.argv[0]}: {fault.strerror}.") from None
    _children[process.pid] = process
    assert process.stdin is not None
    with suppress(BrokenPipeError), process.stdin as pipe:
        pipe.write(launch.stdin.encode())
    return ProcessId.of(process.pid) or ProcessId(pid=process.pid, started="ended")


def open_log(path: Path) -> BinaryIO:
    """Open a log for appending; one that has grown too long is put aside first.

    Raises:
        Misconfigured: it cannot be written.
    """
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if path.exists() and path.stat().st_size > LOG_LIMIT:
            path.replace(path.with_suffix(".old.log"))
        return path.open("ab")


def exit_code(process: ProcessId) -> int | None:
    """How a child of ours ended (minus the signal's number for a signal); ``None`` if it runs or is no child of ours."""
    child = _children.get(process.pid)
    code = child.poll() if child else None
    if code is not None:
        _children.pop(process.pid, None)
    return code


def end(processes: Iterable[ProcessId], steps: Sequence[tuple[signal.Signals, float]]) -> None:
    """End processes: each signal in turn goes to those that still run, followed by that many seconds of patience.

    A last SIGKILL goes to the whole process group, where the process leads one.
    """
    left = [process for process in processes if process.alive()]
    for number, patience in steps:
        for process in left:
            _send(process, number)
        left = wait_ended(left, patience)


def wait_ended(processes: Iterable[ProcessId], patience: float) -> list[ProcessId]:
    """Wait until all have ended, at most ``patience`` seconds; returns those that still run."""
    until = time.monotonic() + patience
    left = list(processes)
    while True:
        left = [process for process in left if exit_code(process) is None and process.alive()]
        if not left or time.monotonic() >= until:
            return left
        time.sleep(0.02)


def _send(process: ProcessId, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        if number is signal.SIGKILL and os.getpgid(process.pid) == process.pid:
            os.killpg(process.pid, number)
        else:
            os.kill(process.pid, number)


def working_in(folder: Path, program: str) -> list[ProcessId]:
    """Running copies of ``program`` whose current folder is ``folder``: what an earlier start left, recorded or not."""
    found = []
    target = str(folder.resolve())
    for process in psutil.process_iter(["cwd", "exe"]):
        executable = (process.info["exe"] or "").removesuffix(" (deleted)")
        if process.info["cwd"] == target and Path(executable).name == program and (one := ProcessId.of(process.pid)):
            found.append(one)
    return found


def carrying(variable: str, value: str) -> list[ProcessId]:
    """Running processes that were started with this variable in their environment, this one's ancestors left out."""
    mine = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
    found = []
    for process in psutil.process_iter(["environ"]):
        if (
            process.pid not in mine
            and (process.info["environ"] or {}).get(variable) == value
            and (one := ProcessId.of(process.pid))
        ):
            found.append(one)
    return found


def environment_of(process: ProcessId) -> Mapping[str, str]:
    """What a process was started with; nothing if it has ended or is another user's."""
    with suppress(psutil.Error):
        return psutil.Process(process.pid).environ()
    return {}


def listens(process: ProcessId, port: int) -> bool:
    """Whether this very process answers on this port."""
    with suppress(psutil.Error):
        connections = psutil.Process(process.pid).net_connections("tcp")
        return any(each.status == psutil.CONN_LISTEN and each.laddr.port == port for each in connections)
    return False


def is_free(port: int) -> bool:
    """Whether a server could listen on this port of 127.0.0.1 now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
        return True


def free_ports(count: int) -> list[int]:
    """Ports of 127.0.0.1 that nobody listens on.

    Raises:
        ServiceUnavailable: there is none; code ``no_port``.
    """
    with ExitStack() as held:
        ports = []
        for _ in range(count):
            probe = held.enter_context(socket.socket())
            try:
                probe.bind((LOOPBACK, 0))
            except OSError as fault:
                raise ServiceUnavailable(f"No port can be had on {LOOPBACK}: {fault.strerror}.", "no_port") from None
            ports.append(int(probe.getsockname()[1]))
    return ports


def last_lines(log: Path, start: int, count: int = 4) -> str:
    """The last lines written to ``log`` after offset ``start``, as one line."""
    with suppress(OSError), log.open("rb") as file:
        file.seek(max(start, log.stat().st_size - 4096))
        lines = [line.strip() for line in file.read().decode("utf-8", "replace").splitlines()]
        return " | ".join([line for line in lines if line][-count:])
    return ""
