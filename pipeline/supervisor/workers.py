"""The pipeline's own processes: Celery workers and the queue processor. Started, watched, ended; never adopted."""

import os
import signal
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import ServiceUnavailable
from pipeline.home import Home, ProcessId
from pipeline.supervisor.processes import Launch, carrying, end, exit_code, last_lines, spawn

MARKER = "NLP_PIPELINE_WORKER_OF"
HEALTHY_SECONDS = 20.0
LONGEST_PAUSE = 30.0
DEATHS_IN_A_ROW = 6
HAND_BACK_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class WorkerExit:
    """A worker ended by itself; it is started again ``restart_in`` seconds later."""

    name: str
    code: int | None
    restart_in: float
    log: Path


@dataclass(slots=True)
class _Worker:
    argv: list[str]
    log: Path
    process: ProcessId | None = None
    started: float = 0.0
    log_begin: int = 0
    deaths: int = 0
    start_at: float = 0.0


class Workers:
    """The workers of a home. Only one process at a time owns them; what an owner that was killed left is ended first."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._held = ExitStack()
        self._workers: dict[str, _Worker] = {}
        self._environment: dict[str, str] = {}

    def start(self, commands: Mapping[str, list[str]], environment: Mapping[str, str]) -> None:
        """Start a process a command. Secrets belong into ``environment``: other users can read a command line.

        Raises:
            ServiceUnavailable: another run owns this home's workers; code ``locked``.
        """
        self._home.create()
        self._held.enter_context(self._home.lock("workers", patience=0))
        end_leftovers(self._home)
        self._environment = {**environment, MARKER: str(self._home.path)}
        self._workers = {name: _Worker(argv, self._home.logs / f"{name}.log") for name, argv in commands.items()}
        for worker in self._workers.values():
            self._launch(worker)
        self._write_down()

    def watch(self) -> list[WorkerExit]:
        """Start again what has ended, each time after a longer pause; call it about every second. Never blocks.

        Raises:
            ServiceUnavailable: a worker ends by itself again and again; the message holds its last lines.
        """
        exits, now = [], time.monotonic()
        for name, worker in self._workers.items():
            if worker.process is None:
                if now >= worker.start_at:
                    self._launch(worker)
                    self._write_down()
                continue
            alive = worker.process.alive()  # asked first: one that dies in between must not lose its code
            code = exit_code(worker.process)
            if code is not None or not alive:
                exits.append(self._bury(name, worker, code, now))
        return exits

    def stop(self, patience: float) -> None:
        """End all: SIGTERM, so that running tasks finish; when the patience is over again, so that they are handed back.

        What is left then is killed. Workers of another owner stay.
        """
        if not self._workers:
            return
        running = [worker.process for worker in self._workers.values() if worker.process]
        end(running, ((signal.SIGTERM, patience), (signal.SIGTERM, HAND_BACK_SECONDS), (signal.SIGKILL, 5)))
        self._workers = {}
        end_leftovers(self._home)
        self._held.close()

    def _launch(self, worker: _Worker) -> None:
        worker.log_begin = worker.log.stat().st_size if worker.log.exists() else 0
        worker.process = spawn(Launch(worker.argv, Path.cwd(), self._environment), worker.log)
        worker.started = time.monotonic()

    def _bury(self, name: str, worker: _Worker, code: int | None, now: float) -> WorkerExit:
        worker.deaths = 1 if now - worker.started >= HEALTHY_SECONDS else worker.deaths + 1
        worker.process = None
        # What others kill can work again, however often they do.
        if worker.deaths >= DEATHS_IN_A_ROW and code != -signal.SIGKILL:
            lines = last_lines(worker.log, worker.log_begin)
            raise ServiceUnavailable(f"The worker {name} ends again and again: {lines} See {worker.log}.", "worker_dies")
        pause = min(2.0 ** (worker.deaths - 1), LONGEST_PAUSE)
        worker.start_at = now + pause
        return WorkerExit(name, code, pause, worker.log)

    def _write_down(self) -> None:
        with self._home.change() as state:
            state.owner = ProcessId.of(os.getpid())
            state.workers = {name: worker.process for name, worker in self._workers.items() if worker.process}


def end_leftovers(home: Home) -> None:
    """End every process that an earlier owner of this home's workers started, with its children, at once.

    Their leases run out and their messages come again, so nothing is lost by it.
    """
    recorded = list(home.state().workers.values())
    end(recorded + carrying(MARKER, str(home.path)), ((signal.SIGKILL, 5),))
    with home.change() as state:
        state.workers, state.owner = {}, None
