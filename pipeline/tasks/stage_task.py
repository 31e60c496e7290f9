"""Everything around a step, in one place: lease, heartbeat, commit or failure, and whether to try again."""

import errno
import logging
import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from datetime import timedelta
from functools import wraps

from celery import Signature, Task
from celery.exceptions import Ignore, SoftTimeLimitExceeded

from pipeline.celery_app import app
from pipeline.errors import (
    BadDocument,
    LeaseLost,
    Misconfigured,
    NotReady,
    Outage,
    PipelineError,
    Refused,
    ServiceUnavailable,
    Throttled,
)
from pipeline.model import DocumentId, Engine, Lease, Verdict
from pipeline.observing import Work, failed, working
from pipeline.ports import Charge, charging
from pipeline.status import Step
from pipeline.wiring import Services, services

log = logging.getLogger("pipeline.tasks")

INTERNAL_TRIES = 2  # a fault that nobody named may pass, but is not worth many tries
FIRST_WAIT = timedelta(seconds=1)
OUTAGE_WAIT = timedelta(seconds=15)  # the longest: with it a document moves again within 30 seconds of an outage's end
NO_SPACE = {errno.ENOSPC, errno.EDQUOT}
WRITE_GRAPH = {Step.CREATE_DOCUMENT_NODE, Step.BUILD_RELATIONSHIPS}  # never broken off: a write is whole, and soon over
AS_LONG_AS_IT_TAKES = (Outage, Throttled, NotReady)
QUICK = 5.0  # seconds; a document that took longer lets others take their turn between two steps
OPTIONS = {
    "bind": True,
    "max_retries": None,
    "default_retry_delay": 0,  # of a message whose process was lost: the database decides whether it counts
    "Request": "pipeline.tasks.watched:WatchedRequest",
}

MadeBy = Callable[[Services], Iterable[Engine]]
Body = Callable[[Lease], Signature | None]  # returns what is to be done in the step's place

_told: set[tuple[str, str]] = set()
_performers: dict[str, Callable[[Task, DocumentId], None]] = {}


def stage_task(step: Step, made_by: MadeBy, name: str = "") -> Callable[[Body], Task]:
    """Make a Celery task of a step's body.

    Args:
        step: the step; its value is the task's name.
        made_by: gives the engines that the result depends on; a changed one makes the step run again.
        name: of the task, if it is not the step's.
    """

    def decorate(body: Body) -> Task:
        def perform(task: Task, document_id: DocumentId) -> None:
            _perform(task, step, made_by, body, document_id)

        @wraps(body)
        def task(self: Task, document_id: str) -> str:
            began = time.monotonic()
            perform(self, DocumentId(document_id))
            _go_on_here(self, DocumentId(document_id), began)
            return document_id

        _performers[name or step.value] = perform
        return app.task(task, name=name or step.value, **OPTIONS)

    return decorate


def part_task(name: str, made_by: MadeBy) -> Callable[[Body], Task]:
    """Make a Celery task of what is done to one page range. Whatever becomes of the range, the chord goes on."""

    def decorate(body: Body) -> Task:
        @wraps(body)
        def task(self: Task, document_id: str, part: int) -> None:
            with suppress(Ignore):
                _perform(self, Step.PROCESS_OCR, made_by, body, DocumentId(document_id), part)

        return app.task(task, name=name, **OPTIONS)

    return decorate


def _go_on_here(task: Task, document_id: DocumentId, began: float) -> None:
    """Do the next steps of the chain at once where this worker serves them too: a message costs as much as a small step.

    A step leaves the chain when it is done, so a message that comes a second time goes on with the one that is missing.
    """
    following = task.request.chain or []
    while following and time.monotonic() - began < QUICK:
        perform = _performers.get(following[-1]["task"])
        if perform is None or app.conf.task_routes[following[-1]["task"]]["queue"] not in app.amqp.queues.consume_from:
            return
        perform(task, document_id)
        following.pop()


def _perform(task: Task, step: Step, made_by: MadeBy, body: Body, document_id: DocumentId, part: int = 0) -> None:
    use = services()
    engine, fault = _described(use, made_by)
    try:
        worker = worker_name(task.request.hostname or "", os.getpid())
        if part:
            verdict, lease = use.documents.begin_part(document_id, part, worker)
        else:
            verdict, lease = use.documents.begin(document_id, step, engine, worker)
    except ServiceUnavailable as away:
        log.warning("%s of %s: %s It is sent again when the database is back.", step, document_id, away)
        raise Ignore from away
    if verdict is Verdict.DONE:
        return
    if verdict is not Verdict.RUN:
        log.info("%s of %s: %s", step, document_id, verdict)
        raise Ignore
    instead = None
    with working(Work(document_id, "process_pages" if part else step.value, lease.token)):
        if fault is None:
            with use.heartbeat.of(lease), _handed_back(use, lease), charging(Charge(document_id, step)):
                instead, fault = _try(use, body, lease)
        if fault is not None:
            _settle(use, lease, fault)
    if instead is not None:
        raise task.replace(instead)


def worker_name(node: str, process: int) -> str:
    """How a lease names its holder."""
    return f"{node}/{process}"


def _described(use: Services, made_by: MadeBy) -> tuple[str, Exception | None]:
    """What the result will be made by; the fault, if an engine cannot be had."""
    try:
        return " + ".join("/".join(engine) for engine in made_by(use)), None
    except Exception as fault:  # noqa: BLE001  # told as the document's failure, once it is ours
        return "", fault


def _try(use: Services, body: Body, lease: Lease) -> tuple[Signature | None, Exception | None]:
    try:
        with nullcontext() if lease.step in WRITE_GRAPH else use.heartbeat.breaking_off(lease):
            return body(lease), None
    except Exception as fault:  # noqa: BLE001  # the one place that decides what every fault means
        return None, fault


@contextmanager
def _handed_back(use: Services, lease: Lease) -> Iterator[None]:
    """Give the lease back when this process is told to end in the middle of the step."""
    try:
        yield
    except SystemExit:
        use.documents.release(lease)
        raise


def _settle(use: Services, lease: Lease, fault: Exception) -> None:
    """Record the failure and end the message: the queue processor sends the document again when its next try is due."""
    if isinstance(fault, LeaseLost):
        log.info("%s of %s: %s", lease.step, lease.document_id, fault)
        raise Ignore
    code, message, tries = _explain(use, fault)
    if not isinstance(fault, NotReady):
        failed(code, message)
    wait, longest = _pause(use, fault)
    try:
        again = use.documents.fail(lease, code, message, None if tries == 0 else wait, tries, longest)
    except (LeaseLost, ServiceUnavailable):
        again = True  # somebody else has it already, or gets it when the lease runs out
    log.log(_level(fault, again=again), "%s of %s: %s (%s)", lease.step, lease.document_id, message, code)
    raise Ignore


def _level(fault: Exception, *, again: bool) -> int:
    """How loudly it is said; what a person must mend for all documents, once."""
    if isinstance(fault, Misconfigured):
        cause = fault.code, fault.message
        known = cause in _told
        _told.add(cause)
        return logging.INFO if known else logging.ERROR
    return logging.INFO if isinstance(fault, NotReady) else logging.WARNING if again else logging.ERROR


def _explain(use: Services, fault: Exception) -> tuple[str, str, int | None]:
    """Code, message and how often to try again at most; None: as often as it takes."""
    if isinstance(fault, BadDocument | Misconfigured) and not isinstance(fault, Refused):
        return fault.code, fault.message, 0
    if isinstance(fault, PipelineError):
        return fault.code, fault.message, None if isinstance(fault, AS_LONG_AS_IT_TAKES) else use.settings.step_retries
    if isinstance(fault, OSError) and fault.errno in NO_SPACE:
        return "disk_full", "No space is left on the worker's disk.", None
    if isinstance(fault, SoftTimeLimitExceeded):
        return "timeout", "The step took longer than CELERY_TASK_SOFT_TIME_LIMIT allows.", 0
    if isinstance(fault, MemoryError):
        return "out_of_memory", "The document needs more memory than the worker has.", INTERNAL_TRIES
    log.error("a fault without a name", exc_info=fault)
    return "internal", f"An internal fault ({type(fault).__name__}); the worker's log has the details.", INTERNAL_TRIES


def _pause(use: Services, fault: Exception) -> tuple[timedelta, timedelta | None]:
    """Time until the next try, and the longest that it doubles up to; None: always as the service says."""
    if isinstance(fault, Throttled):
        return timedelta(seconds=fault.retry_after), None
    if isinstance(fault, NotReady):
        return timedelta(seconds=fault.check_again_in), None
    longest = use.settings.retry_longest_wait
    return FIRST_WAIT, min(longest, OUTAGE_WAIT) if isinstance(fault, Outage | OSError) else longest
