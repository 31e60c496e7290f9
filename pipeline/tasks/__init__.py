"""Celery's view of the steps: thin. A task loads, calls a pure function of ``stages``, and saves."""

from pipeline.tasks.batches import ask_in_batches
from pipeline.tasks.embeddings import fill_embeddings
from pipeline.tasks.entity import extract_entities, resolve_entities
from pipeline.tasks.files import remove_files
from pipeline.tasks.graph import build_relationships, refresh_graph
from pipeline.tasks.ocr import aggregate_pages, process_ocr, process_pages
from pipeline.tasks.text import create_document_node, process_chunking
from pipeline.tasks.textract import check_textract_job_status, start_textract_job

__all__ = [
    "aggregate_pages",
    "ask_in_batches",
    "build_relationships",
    "check_textract_job_status",
    "create_document_node",
    "extract_entities",
    "fill_embeddings",
    "process_chunking",
    "process_ocr",
    "process_pages",
    "refresh_graph",
    "remove_files",
    "resolve_entities",
    "start_textract_job",
]
