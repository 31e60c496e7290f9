"""Everything that an operator wants to know at a glance, as of one moment, for scripts and screens alike."""

import time
from collections.abc import Collection
from dataclasses import dataclass, fields
from typing import Any, NamedTuple

from pipeline.monitor.broker import Heard
from pipeline.monitor.workers import Local, Worker, crew
from pipeline.queues import WorkerType, queue_of
from pipeline.status import FINAL, IN_FLIGHT, Status
from pipeline.stores.reports import StateCount
from pipeline.stores.watching import Failed, Listed, Load, Seen, Trouble

LEAST = 5  # documents; from fewer nothing is foretold
RECENT = 600.0  # seconds
NOT_THEIRS = ("service_unavailable", "throttled", "misconfigured", "worker_killed", "internal")
"""Codes of failures that the document is not the cause of."""


class Queue(NamedTuple):
    """A queue.

    ``messages`` in the broker; documents (or page ranges) that wait and run; seconds for which the oldest waits, and since
    it was paused; workers that serve it. None: not known, or not so.
    """

    name: str
    messages: int | None
    waiting: int | None
    running: int | None
    oldest: float | None
    paused: float | None
    workers: int | None


class Throughput(NamedTuple):
    """Documents that ended: in the last minute, in each minute of the last hour (the oldest first), and how many badly."""

    last_minute: int
    history: tuple[int, ...]
    failed: int


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What is known. ``missing``: who said nothing, and why (``database``, ``broker``); that is None or empty then."""

    at: float
    project: str | None
    missing: dict[str, str]
    problems: tuple[str, ...]
    documents: tuple[StateCount, ...]
    waiting: int | None
    moving: int | None
    oldest_waiting: float | None
    throughput: Throughput | None
    seconds_left: float | None
    queues: tuple[Queue, ...]
    workers: tuple[Worker, ...]
    servers: tuple[Local, ...]
    waits: tuple[tuple[str, int], ...]
    failures: tuple[Failed, ...]
    troubles: tuple[Trouble, ...]
    stale_graphs: int | None
    listed: tuple[Listed, ...] = ()

    @property
    def well(self) -> bool:
        """Whether nothing has to be looked after."""
        return not self.problems

    def count(self, *states: Status) -> int:
        """Documents in these states."""
        return sum(each.documents for each in self.documents if each.status in states)

    def as_data(self) -> dict[str, Any]:
        """For a program."""
        names = (field.name for field in fields(self) if field.name != "listed")
        return {"well": self.well} | {name: _data(getattr(self, name)) for name in names}


class Facts(NamedTuple):
    """What the three sources said; None: nothing, and ``missing`` says why."""

    seen: Seen | None
    heard: Heard | None
    workers: tuple[Local, ...]
    servers: tuple[Local, ...]
    missing: dict[str, str]


def compose(facts: Facts, types: tuple[WorkerType, ...], project: str | None = None, at: float | None = None) -> Snapshot:
    """Put together what the sources said.

    Args:
        facts: what they said.
        types: the table of queues.
        project: that was asked for; None: all.
        at: Unix time of it; now unless given.
    """
    seen = facts.seen
    queues = _queues(facts, types)
    workers = crew(seen.at_work if seen else (), facts.heard, facts.workers)
    states = seen.states if seen else ()
    waiting, moving = (_count(states, {Status.PENDING}), _count(states, IN_FLIGHT)) if seen else (None, None)
    return Snapshot(
        at=time.time() if at is None else at,
        project=project,
        missing=facts.missing,
        problems=tuple(_problems(facts, queues, workers)),
        documents=states,
        waiting=waiting,
        moving=moving,
        oldest_waiting=seen.pending_seconds if seen else None,
        throughput=Throughput(seen.pace.minutes[-1], seen.pace.minutes, seen.pace.failed) if seen else None,
        seconds_left=_seconds_left(seen) if seen else None,
        queues=queues,
        workers=workers,
        servers=facts.servers,
        waits=seen.waits if seen else (),
        failures=seen.failures if seen else (),
        troubles=seen.troubles if seen else (),
        stale_graphs=seen.stale_graphs if seen else None,
        listed=seen.listed if seen else (),
    )


def _queues(facts: Facts, types: tuple[WorkerType, ...]) -> tuple[Queue, ...]:
    loads: dict[str, list[Load]] = {kind.name: [] for kind in types} if facts.seen else {}
    for task, load in facts.seen.tasks.items() if facts.seen else ():
        loads[queue_of(task, types)].append(load)
    paused = {pause.queue: pause.seconds for pause in facts.seen.pauses} if facts.seen else {}
    return tuple(_queue(kind.name, facts.heard, loads.get(kind.name), paused.get(kind.name)) for kind in in_order(types))


def in_order(types: tuple[WorkerType, ...]) -> list[WorkerType]:
    """As documents go, and what belongs to no document last."""
    return sorted(reversed(types), key=lambda kind: kind.name == "default")


def _queue(name: str, heard: Heard | None, loads: list[Load] | None, paused: float | None) -> Queue:
    waiting = running = oldest = None
    if loads is not None:
        waiting, running = sum(load.waiting for load in loads), sum(load.running for load in loads)
        oldest = max((load.seconds for load in loads if load.seconds is not None), default=None)
    serve = sum(name in answer.queues for answer in heard.workers.values()) if heard else None
    return Queue(name, heard.messages[name] if heard else None, waiting, running, oldest, paused, serve)


def _seconds_left(seen: Seen) -> float | None:
    """As long as it takes at the pace of the last ten minutes; None where that says nothing."""
    left = sum(state.documents for state in seen.states if state.status not in FINAL)
    if not left:
        return 0.0
    if seen.pauses or seen.pace.recent < LEAST:
        return None
    return left * seen.pace.seconds / seen.pace.recent


def _problems(facts: Facts, queues: tuple[Queue, ...], workers: tuple[Worker, ...]) -> list[str]:
    found = list(facts.missing.values())
    found += [f"The worker {w.name} has ended." for w in workers if w.state == "ended"]
    lost = [(worker.name, len(worker.work) - len(worker.alive)) for worker in workers]
    found += [f"The worker {name} fell silent over {_documents(n)}, which another gets." for name, n in lost if n]
    found += [f"The server {server.name} has ended." for server in facts.servers if not server.runs]
    # A worker that runs and does not answer may serve any queue.
    if facts.heard and not any(w.state == "unheard" for w in workers):
        found += [
            f"Nobody serves the queue {queue.name}, where {_documents(queue.waiting or queue.messages or 0)} wait."
            for queue in queues
            if not queue.workers and (queue.waiting or queue.messages)
        ]
    return found + (_troubles(facts.seen, facts.workers) if facts.seen else [])


def _troubles(seen: Seen, local: tuple[Local, ...]) -> list[str]:
    found = []
    pending = _count(seen.states, {Status.PENDING})
    if pending and not seen.queue_processors and not any(w.name == "queue_processor" and w.runs for w in local):
        found.append(f"No queue processor runs, and {_documents(pending)} wait to be claimed.")
    died = sum(t.outcome == "crashed" and t.seconds < RECENT for t in seen.troubles)
    if died:
        found.append(f"In the last ten minutes workers died over {_documents(died)}.")
    codes = sorted(f.code for f in seen.failures if f.code in NOT_THEIRS and f.seconds < 3600)
    if codes:
        found.append(
            f"{_documents(len(codes))} failed within the hour for a reason that may pass ({', '.join(sorted(set(codes)))}):"
            " nlp-pipeline retry."
        )
    return found


def _count(states: tuple[StateCount, ...], wanted: Collection[Status]) -> int:
    return sum(state.documents for state in states if state.status in wanted)


def _documents(number: int) -> str:
    return f"{number:,} document{'s' * (number != 1)}"


def _data(value: object) -> object:
    """The same in lists and dictionaries; fractions of a second are left out."""
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        return {name: _data(each) for name, each in value._asdict().items()}
    if isinstance(value, tuple | list):
        return [_data(each) for each in value]
    if isinstance(value, dict):
        return {name: _data(each) for name, each in value.items()}
    return round(value, 1) if isinstance(value, float) else value
