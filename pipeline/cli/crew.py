"""The workers of this machine: started, looked after, and taken over when their owner has gone."""

import os
import time
from contextlib import closing
from typing import NamedTuple

from pipeline.cli import flower
from pipeline.cli.session import Servers
from pipeline.cli.worker import type_commands, worker_commands
from pipeline.endpoints import child_environment
from pipeline.errors import ServiceUnavailable
from pipeline.settings import Settings
from pipeline.stores.migrations import migrate
from pipeline.wiring import Services

LOOK_AT_SERVERS = 5.0
FAILED_STARTS = 6


class Choice(NamedTuple):
    """Which processes work: as suits one machine; or ``only`` these types of the table of queues, a worker each."""

    only: tuple[str, ...] = ()
    flower: bool = False

    def commands(self, settings: Settings) -> dict[str, list[str]]:
        """Command lines by name."""
        return type_commands(settings, self.only) if self.only else worker_commands(settings, cores())


class Crew:
    """Workers and queue processor, unless another process of this home has them already. They end with ``servers``.

    Args:
        servers: those that do not run are started; database and graph are made ready.
        choice: which processes.
    """

    def __init__(self, servers: Servers, choice: "Choice | None" = None) -> None:
        self._servers = servers
        self._choice = choice or Choice()
        self._settings = servers.up()
        if self._settings.database:
            migrate(self._settings.database)
        with closing(Services(self._settings)) as use:
            use.embeddings.check()
            use.graph.prepare()
        self._looked = time.monotonic()
        self._failed_starts = 0
        self.ours = self._take()

    def tend(self) -> list[str]:
        """Restart what has ended; call it about every second. Returns what is to be told.

        Raises:
            ServiceUnavailable: a worker ends by itself again and again, or a server does not come back.
        """
        supervisor = self._servers.supervisor
        if not self.ours:
            self.ours = self._take()
        told = [
            f"The worker {one.name} ended (code {one.code}); it starts again in {one.restart_in:.0f} s. See {one.log}."
            for one in supervisor.watch_workers()
        ]
        if time.monotonic() - self._looked > LOOK_AT_SERVERS:
            told += self._tend_servers() + self._tend_api()
            self._looked = time.monotonic()
        return told

    def _tend_servers(self) -> list[str]:
        try:
            started = self._servers.supervisor.watch_servers()
        except ServiceUnavailable as fault:
            self._failed_starts += 1
            if fault.code == "moved" or self._failed_starts >= FAILED_STARTS:
                raise
            return [f"{fault} It is tried again."]
        self._failed_starts = 0
        return [f"The server {name} had ended; it was started again." for name in started]

    def _tend_api(self) -> list[str]:
        try:
            started = self._servers.supervisor.watch_api(self._servers.endpoints)
        except ServiceUnavailable as fault:  # documents do not wait for it
            return [f"{fault} It is tried again."]
        return ["The HTTP API had ended; it was started again."] if started else []

    def _take(self) -> bool:
        environment = child_environment(self._servers.endpoints) | {"NLP_PIPELINE_HOME": str(self._settings.home)}
        commands = self._choice.commands(self._settings)
        if self._choice.flower:
            commands["flower"] = flower.command(self._settings)
            environment |= flower.environment(self._settings)
        try:
            self._servers.supervisor.start_workers(commands, environment)
        except ServiceUnavailable as fault:
            if fault.code != "locked":
                raise
            return False
        return True


def cores() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
