"""Vectors of a new model for passages that have those of the old one."""

import logging

from celery import Task

from pipeline.celery_app import app
from pipeline.errors import PipelineError
from pipeline.model import EmbeddingSpace
from pipeline.wiring import Services, services

log = logging.getLogger("pipeline.tasks")

TURN = 5.0  # seconds; then documents have theirs


def _fill(space_id: str) -> None:
    """Make vectors for a while, or change over when all are there. Whatever is lost, the queue processor sends again."""
    use = services()
    space = next((s for s in use.documents.embeddings() if s.id == space_id and not s.active), None)
    if space is None:
        return
    try:
        _work(use, space)
    except PipelineError as fault:
        if fault.code != "conflict" and use.documents.note_embedding_fault(space_id, fault.message):
            log.warning("no new embeddings: %s", fault)


def _work(use: Services, space: EmbeddingSpace) -> None:
    if not use.embeddings.fill(space, TURN):
        fill_embeddings.delay(space.id)
    elif use.documents.finish_embeddings(space.id):
        log.info("search reads the embeddings of %s", space.engine)


fill_embeddings: Task = app.task(_fill, name="fill_embeddings", ignore_result=True)
