"""What runs: queues, workers, throughput, failures; queues are paused and resumed."""

from datetime import UTC, datetime, timedelta
from typing import Self

from fastapi import APIRouter
from pydantic import BaseModel, Field

from pipeline.api.access import Admin, Reader
from pipeline.api.answers import ID
from pipeline.api.backend import Asked, Backend
from pipeline.api.problems import Problem
from pipeline.api.projects import StateCount
from pipeline.monitor.snapshot import Snapshot
from pipeline.monitor.workers import Worker
from pipeline.queues import tasks_of
from pipeline.status import Status, Step
from pipeline.stores.api_keys import Caller

WELL = "ok"
router = APIRouter(tags=["system"])


class QueueState(BaseModel):
    """A queue; null: not known."""

    name: str = Field(examples=["ocr"])
    depth: int | None = Field(description="Documents and page ranges that wait for a worker.")
    running: int | None
    messages: int | None = Field(description="In the broker; steps of a small document need none.")
    oldest_seconds: float | None = Field(description="For how long the oldest waits; null if none does.")
    paused: bool
    workers: int | None = Field(description="Workers that serve it.")


class Job(BaseModel):
    """A document, or a page range of it, that a worker is at."""

    document_id: str = Field(examples=[ID])
    source_path: str
    task: str
    since: datetime


class WorkerState(BaseModel):
    """A worker."""

    name: str = Field(examples=["text@harbour"])
    type: str = Field(description="The queues that it serves.", examples=["text"])
    state: str = Field(description="busy, idle, unheard (it did not answer), silent (for longer than a lease) or ended.")
    doing: str | None = Field(examples=["process_chunking: box 3/letter.pdf"])
    since: datetime | None = Field(description="When it began the work that it has had longest.")
    memory_bytes: int | None
    work: list[Job]

    @classmethod
    def of(cls, worker: Worker, now: datetime) -> Self:
        """From the monitor's."""
        work = [
            Job(document_id=w.document_id, source_path=w.source_path, task=w.task, since=now - timedelta(seconds=w.seconds))
            for w in worker.alive
        ]
        more = f" and {len(work) - 1} more" if len(work) > 1 else ""
        return cls(
            name=worker.name,
            type=", ".join(worker.queues) or worker.name.partition("@")[0],
            state=worker.state,
            doing=f"{work[0].task}: {work[0].source_path}{more}" if work else None,
            since=min((job.since for job in work), default=None),
            memory_bytes=worker.memory,
            work=work,
        )


class Minute(BaseModel):
    """How many documents ended within a minute."""

    minute: datetime
    documents: int


class FailureLine(BaseModel):
    """A document that failed lately."""

    document_id: str = Field(examples=[ID])
    project: str
    source_path: str
    status: Status
    step: Step
    code: str
    message: str
    at: datetime


class Wait(BaseModel):
    """How many documents wait for something to come back."""

    waiting_for: str
    documents: int


class SystemStatus(BaseModel):
    """What runs, some seconds old at most; what could not be asked is null or empty."""

    at: datetime
    database: str = Field(description="`ok`, or what is wrong.", examples=[WELL])
    broker: str = Field(description="`ok`, or what is wrong.", examples=[WELL])
    problems: list[str] = Field(description="What to look after.")
    documents: list[StateCount]
    seconds_left: float | None = Field(description="Until all is done, at the pace of the last ten minutes.")
    queues: list[QueueState]
    workers: list[WorkerState]
    throughput: list[Minute] = Field(description="The last hour, the oldest minute first.")
    failures: list[FailureLine] = Field(description="The latest first, 20 at most.")
    waits: list[Wait]

    @classmethod
    def of(cls, seen: Snapshot, broker: str) -> Self:
        """From the monitor's."""
        now = datetime.fromtimestamp(seen.at, UTC)
        minutes = seen.throughput.history if seen.throughput else ()
        return cls(
            at=now,
            database=seen.missing.get("database", WELL),
            broker=broker,
            problems=list(seen.problems),
            documents=[StateCount.model_validate(each._asdict()) for each in seen.documents],
            seconds_left=seen.seconds_left,
            queues=_queues(seen),
            workers=[WorkerState.of(worker, now) for worker in seen.workers],
            throughput=[
                Minute(minute=now - timedelta(minutes=len(minutes) - number), documents=ended)
                for number, ended in enumerate(minutes)
            ],
            failures=[
                FailureLine.model_validate(each._asdict() | {"at": now - timedelta(seconds=each.seconds)})
                for each in seen.failures
            ],
            waits=[Wait(waiting_for=why, documents=n) for why, n in seen.waits],
        )


class QueueChange(BaseModel):
    """How a queue stands now."""

    name: str
    paused: bool


@router.get("/api/status")
def status(backend: Asked, caller: Reader) -> SystemStatus:
    """Queues, workers, throughput, failures, and what to look after.

    A key of one project is told what concerns its documents, and nothing of workers.
    """
    everything = backend.board.everything()
    broker = everything.missing.get("broker", WELL)
    if not caller.project:
        return SystemStatus.of(everything, broker)
    own = backend.board.of(caller.project)
    return SystemStatus.of(own, WELL if broker == WELL else "The broker does not answer.").model_copy(update={"workers": []})


@router.post("/api/queues/{name}/pause")
def pause(backend: Asked, caller: Admin, name: str) -> QueueChange:
    """Let a queue stand still: what runs, ends; nothing of its begins, on any machine, until it is resumed."""
    backend.use.documents.pause(name, _tasks(backend, caller, name))
    backend.board.look_again()
    return QueueChange(name=name, paused=True)


@router.post("/api/queues/{name}/resume")
def resume(backend: Asked, caller: Admin, name: str) -> QueueChange:
    """Let a paused queue go on; what waits for it is sent on at once."""
    _tasks(backend, caller, name)
    backend.use.documents.resume(name)
    backend.board.look_again()
    return QueueChange(name=name, paused=False)


def _tasks(backend: Backend, caller: Caller, queue: str) -> list[str]:
    tasks = tasks_of(queue, backend.settings.worker_types)
    if not tasks:
        raise Problem(404, "There is no such queue.", "no_such_queue", "GET /api/status names them.")
    if caller.project:
        raise Problem(403, "A queue serves all projects, and this key sees one.", "foreign_project", "Use another key.")
    return tasks


def _queues(seen: Snapshot) -> list[QueueState]:
    return [
        QueueState(
            name=queue.name,
            depth=queue.messages if queue.waiting is None else queue.waiting,
            running=queue.running,
            messages=queue.messages,
            oldest_seconds=queue.oldest,
            paused=queue.paused is not None,
            workers=queue.workers,
        )
        for queue in seen.queues
    ]
