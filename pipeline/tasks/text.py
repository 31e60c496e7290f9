"""TEXT stage: language and category, then passages with embeddings."""

from dataclasses import replace

from pipeline.model import Lease
from pipeline.stages.canonical import category
from pipeline.stages.chunking import chunk, embedded_text
from pipeline.status import Step
from pipeline.tasks.stage_task import stage_task
from pipeline.wiring import Services, services


@stage_task(Step.CREATE_DOCUMENT_NODE, Services.language_identity)
def create_document_node(lease: Lease) -> None:
    """Tell language and category, and put the document's node into the graph."""
    use = services()
    reading = use.documents.reading(lease.document_id)
    language = use.language(reading.text)
    kind = category(reading.media_type, reading.text, reading.metadata)
    use.graph.write_node(replace(use.documents.node(lease.document_id), language=language, category=kind))
    use.documents.save_node(lease, language, kind)


@stage_task(Step.PROCESS_CHUNKING, Services.embedder_identity)
def process_chunking(lease: Lease) -> None:
    """Cut the text into chunks and give each its embedding."""
    use = services()
    reading = use.documents.reading(lease.document_id)
    chunks = chunk(reading.text, reading.pages, use.embedder, use.chunk_tokens)
    vectors = use.embedder.embed([embedded_text(reading.text, each) for each in chunks])
    use.documents.save_chunks(lease, chunks, vectors)
