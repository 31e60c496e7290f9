"""Batches of questions to the language model: sending them, looking at them, taking their answers."""

import logging
import tempfile
from collections.abc import Iterable, Iterator
from datetime import timedelta
from itertools import islice
from pathlib import Path

from celery import Task

from pipeline.celery_app import app
from pipeline.engines.remote.batches import BatchService, NotThere, line_of
from pipeline.engines.remote.faults import TooLong
from pipeline.errors import BadDocument, LeaseLost, PipelineError, Throttled
from pipeline.model import Batch, BatchAnswer, BatchSeen
from pipeline.wiring import Services, services

log = logging.getLogger("pipeline.tasks")

FIRST_LOOK = timedelta(seconds=5)
LONGEST = timedelta(hours=30)
"""After which a batch is given up: the service ends each within 24 hours."""
TOO_MUCH = timedelta(minutes=10)
ON_ITS_WAY = timedelta(minutes=30)
"""For which nobody else looks after a batch whose file is sent or fetched."""
AT_ONCE = 200
SEND_TRIES = 5
"""A batch that is refused is sent again: some services must have looked through its file first."""


def _ask(_: str) -> None:
    """Make a batch if it is time to, and look after those that are due. What is lost, the queue processor sends again."""
    use = services()
    try:
        while use.settings.openai_batch and (questions := use.batches.begin()):
            log.info("a batch of %d questions", questions)
        while batch := use.batches.take():
            look_after(use, batch)
    except PipelineError as fault:
        log.warning("batches wait: %s", fault)


ask_in_batches: Task = app.task(_ask, name="ask_in_batches", ignore_result=True)


def look_after(use: Services, batch: Batch) -> None:
    """Do what is next for the batch. What fails is tried again later; what the service will never take fails for good."""
    service = use.hosted.batches(batch.model)
    try:
        if batch.name:
            _look(use, service, batch)
        elif use.settings.openai_batch:
            _send(use, service, batch)
        else:
            use.batches.end(batch, "given back", "OPENAI_BATCH is off.", "again")
            _forget(service, (batch.file,))
    except LeaseLost as fault:
        log.info("%s", fault)
    except PipelineError as fault:
        log.warning("batch %s: %s", batch.name or batch.id, fault)
        wait = timedelta(seconds=fault.retry_after) if isinstance(fault, Throttled) else _pause(use, batch)
        use.batches.note(batch, fault=fault.message, again=wait)


def _send(use: Services, service: BatchService, batch: Batch) -> None:
    """Send the questions. Who looks after it for the second time looks first whether they were sent already."""
    again = batch.looks > 1
    name, file = f"nlp-pipeline-{batch.id}.jsonl", batch.file
    try:
        file = file or (again and service.uploaded(name)) or _uploaded(use, service, batch, name)
        if not file:
            use.batches.end(batch, "empty")
            return
        use.batches.note(batch, file=file)
        sent = (again and service.created(file)) or service.create(file)
    except TooLong as fault:
        use.batches.end(batch, "refused", fault.message, "again" if batch.questions > 1 else "failed", timedelta())
    except BadDocument as fault:
        if batch.looks < SEND_TRIES:
            raise
        use.batches.end(batch, "refused", fault.message)
        _forget(service, (file,))
    else:
        use.batches.note(batch, name=sent, state="validating", fault="", again=_longest(use, FIRST_LOOK))


def _uploaded(use: Services, service: BatchService, batch: Batch, name: str) -> str:
    """Write the file and send it; "" if nobody waits for any of its questions any more."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        with path.open("w", encoding="utf-8") as file:
            file.writelines(line_of(fingerprint, request) for fingerprint, request in use.batches.requests(batch))
        if not path.stat().st_size:
            return ""
        use.batches.note(batch, hold=ON_ITS_WAY)
        return service.upload(path, name)


def _look(use: Services, service: BatchService, batch: Batch) -> None:
    given_up = batch.age > LONGEST.total_seconds()
    try:
        seen = service.look(batch.name)
    except PipelineError as fault:
        if not given_up:
            raise
        use.batches.end(batch, "given up", fault.message, "unknown")
        _forget(service, (batch.file,))
        return
    if seen.ended:
        _collect(use, service, batch, seen)
    elif given_up:
        use.batches.end(batch, "given up", f"After {LONGEST} it was still {seen.state}.", "unknown")
        _forget(service, (batch.file,))
    else:
        use.batches.note(batch, state=seen.state, fault="", again=_pause(use, batch))


def _collect(use: Services, service: BatchService, batch: Batch, seen: BatchSeen) -> None:
    """Take the answers; whoever comes after a worker that died takes them once more. Then the service forgets the files."""
    lost = ""
    for file in filter(None, (seen.output, seen.errors)):
        use.batches.note(batch, hold=ON_ITS_WAY)
        try:
            with service.answers(file) as answers:
                for some in _some(answers):
                    use.batches.settle(batch, some)
                    use.batches.note(batch)
        except NotThere as fault:
            lost = fault.message
    if seen.too_much and batch.questions > 1:
        use.batches.end(batch, seen.state, seen.fault, "again", TOO_MUCH)
    else:
        use.batches.end(batch, seen.state, seen.fault or lost, "unknown" if lost else "failed")
    _forget(service, (batch.file, seen.output, seen.errors))
    log.info("batch %s: %s", batch.name, seen.state)


def _some(answers: Iterator[BatchAnswer]) -> Iterator[list[BatchAnswer]]:
    while some := list(islice(answers, AT_ONCE)):
        yield some


def _forget(service: BatchService, files: Iterable[str]) -> None:
    for file in filter(None, files):
        try:
            service.remove(file)
        except PipelineError as fault:
            log.warning("the file %s stays at the service: %s", file, fault)


def _pause(use: Services, batch: Batch) -> timedelta:
    """Ever longer, by the batch's age."""
    return _longest(use, max(FIRST_LOOK, timedelta(seconds=batch.age / 4)))


def _longest(use: Services, pause: timedelta) -> timedelta:
    return min(pause, use.settings.openai_batch_look)
