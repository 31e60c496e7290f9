"""Who works, and on what: leases, answers to the broker and processes of this machine, brought together."""

import socket
from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

from pipeline.monitor.broker import Answer, Heard
from pipeline.stores.watching import AtWork

NO_WORKERS = ("queue_processor", "flower")


class Local(NamedTuple):
    """A process of this home, and its memory in bytes with its children; ``runs``: whether it does."""

    name: str
    pid: int
    runs: bool
    memory: int


class Worker(NamedTuple):
    """A worker, or the queue processor of this machine.

    ``state``: ``busy``, ``idle``; ``unheard``: it runs here, and did not answer; ``silent``: it gave no sign of life for
    longer than a lease lasts; ``ended``. ``heartbeat``: seconds since it last renewed a lease. None: not known.
    """

    name: str
    state: str
    pid: int | None
    queues: tuple[str, ...]
    tasks: int | None
    memory: int | None
    heartbeat: float | None
    work: tuple[AtWork, ...]

    @property
    def alive(self) -> tuple[AtWork, ...]:
        """The work that somebody is at: of the rest, the process that had it has been silent for too long."""
        return tuple(work for work in self.work if work.lease > 0)


def crew(at_work: Iterable[AtWork], heard: Heard | None, local: Iterable[Local]) -> tuple[Worker, ...]:
    """Everyone who is known, by name.

    Args:
        at_work: leases that the database knows.
        heard: who answered; None: nobody was asked.
        local: processes of this home; a Celery worker's name is its own without the machine's.
    """
    leases: dict[str, list[AtWork]] = defaultdict(list)
    for lease in at_work:
        leases[lease.worker.rpartition("/")[0] or lease.worker].append(lease)
    here = {each.name if each.name in NO_WORKERS else f"{each.name}@{socket.gethostname()}": each for each in local}
    answers = heard.workers if heard else {}
    return tuple(
        _worker(name, leases.get(name, []), answers.get(name), here.get(name)) for name in sorted({*leases, *here, *answers})
    )


def _worker(name: str, work: list[AtWork], answer: Answer | None, local: Local | None) -> Worker:
    return Worker(
        name,
        _state(name, work, answer, local),
        (answer.pid if answer else None) or (local.pid if local else None),
        answer.queues if answer else (),
        answer.tasks if answer else None,
        (answer.memory if answer else None) or (local.memory if local and local.runs else None),
        min((lease.heartbeat for lease in work), default=None),
        tuple(work),
    )


def _state(name: str, work: list[AtWork], answer: Answer | None, local: Local | None) -> str:
    alive = any(lease.lease > 0 for lease in work)
    if answer is not None or (name in NO_WORKERS and local and local.runs):
        return "busy" if alive else "idle"
    if local and not local.runs:
        return "ended"
    if work:
        return "busy" if alive else "silent"
    return "unheard"
