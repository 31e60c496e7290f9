"""A document's way, in order. Read this first.

Each step is a task that takes the document's id, asks the database for a lease, and commits its results with the
lease's end. Only ids travel, so going on in the middle is a slice of the tuple.
"""

from celery import chain

from pipeline.model import DocumentId
from pipeline.status import Step
from pipeline.tasks import (
    ask_in_batches,
    build_relationships,
    create_document_node,
    extract_entities,
    fill_embeddings,
    process_chunking,
    process_ocr,
    refresh_graph,
    remove_files,
    resolve_entities,
)

STEPS = (
    process_ocr,  # file -> pages of text with places, attachments as documents of their own;
    #               a large document: process_pages for each page range, side by side, then aggregate_pages;
    #               by Textract: start_textract_job, then check_textract_job_status until the job has ended
    create_document_node,  # language, category; the document's node in the graph
    process_chunking,  # passages with embeddings
    extract_entities,  # mentions: span, type, confidence
    resolve_entities,  # mentions -> canonical entities, within the document and across all
    build_relationships,  # relations with evidence; the document's part of the graph; completed
)


def start(document_id: DocumentId, step: Step = Step.PROCESS_OCR) -> None:
    """Send the document on its way, from ``step`` to the end. Sending it twice does no harm: the lease decides."""
    steps = STEPS[list(Step).index(step) :]
    chain(task.si(document_id) for task in steps).apply_async()


def refresh(project_id: str) -> None:
    """Have the figures of a project's graph brought up to date."""
    refresh_graph.delay(project_id)


def clean() -> None:
    """Have stored files removed that no document uses any more."""
    remove_files.delay()


def fill(space_id: str) -> None:
    """Have the passages of a change of model given their new embeddings."""
    fill_embeddings.delay(space_id)


def ask(name: str) -> None:
    """Have batches of questions to the language model sent, and looked after; a message is known by this name."""
    ask_in_batches.delay(name)
