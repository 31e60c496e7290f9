"""A worker whose process dies over a task says so at once, so that nobody waits for a lease to run out."""

import logging
from contextlib import closing
from typing import Any

from celery.exceptions import WorkerLostError
from celery.worker.request import Request

from pipeline.endpoints import located
from pipeline.errors import PipelineError
from pipeline.model import DocumentId
from pipeline.settings import load_settings
from pipeline.tasks.stage_task import worker_name
from pipeline.wiring import Services

log = logging.getLogger("pipeline.tasks")


class WatchedRequest(Request):  # type: ignore[misc]  # Celery has no types
    """A message that runs in a pool process; lives in the worker's main process."""

    def on_failure(self, exc_info: Any, *flags: bool, **named: bool) -> None:  # noqa: ANN401
        """The task failed, or its process died."""
        fault = exc_info.exception
        if isinstance(getattr(fault, "exc", fault), WorkerLostError):
            report(worker_name(self.hostname, self.worker_pid), *self.args)
        super().on_failure(exc_info, *flags, **named)

    def on_timeout(self, soft: bool, timeout: float) -> None:  # noqa: FBT001
        """The task is asked to end, or its process is killed."""
        super().on_timeout(soft, timeout)
        if not soft:
            report(worker_name(self.hostname, self.worker_pid), *self.args)


def report(worker: str, document_id: str, part: int = 0) -> None:
    """Tell the database that this process died over the document; if it cannot be told, the lease runs out."""
    # In the main thread, and everything closed again: a process that is forked while another thread speaks to the database
    # inherits whatever that one has locked.
    try:
        with closing(Services(located(load_settings()))) as use:
            use.documents.report_crash(DocumentId(document_id), part, worker)
    except PipelineError as fault:
        log.warning("%s died over %s, and the database could not be told: %s", worker, document_id, fault)
