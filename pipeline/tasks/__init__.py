"""Celery's view of the steps: thin. A task loads, calls a pure function of ``stages``, and saves."""

from pipeline.tasks.entity import extract_entities, resolve_entities
from pipeline.tasks.graph import build_relationships, refresh_graph
from pipeline.tasks.ocr import process_ocr
from pipeline.tasks.text import create_document_node, process_chunking

__all__ = [
    "build_relationships",
    "create_document_node",
    "extract_entities",
    "process_chunking",
    "process_ocr",
    "refresh_graph",
    "resolve_entities",
]
