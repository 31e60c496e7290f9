"""TEXT stage: language and category, then passages with embeddings."""

from dataclasses import replace

from pipeline.model import Engine, Lease
from pipeline.stages import canonical, chunking, language
from pipeline.status import Step
from pipeline.tasks.stage_task import stage_task
from pipeline.wiring import Services, services


@stage_task(
    Step.CREATE_DOCUMENT_NODE, lambda _: (Engine("language", language.VERSION), Engine("category", canonical.VERSION))
)
def create_document_node(lease: Lease) -> None:
    """Tell language and category, and put the document's node into the graph."""
    use = services()
    reading = use.documents.reading(lease.document_id)
    spoken = language.language(reading.text)
    kind = canonical.category(reading.media_type, reading.text, reading.metadata)
    use.graph.write_node(replace(use.documents.node(lease.document_id), language=spoken, category=kind))
    use.documents.save_node(lease, spoken, kind)


def _chunker(use: Services) -> Engine:
    return Engine("chunking", chunking.VERSION, f"max_tokens={use.settings.chunk_tokens}")


@stage_task(Step.PROCESS_CHUNKING, lambda use: (_chunker(use), use.embeddings.writing()[1].engine))
def process_chunking(lease: Lease) -> None:
    """Cut the text into chunks and give each its embedding."""
    use = services()
    space, embedder = use.embeddings.writing()
    reading = use.documents.reading(lease.document_id)
    chunks = chunking.chunk(reading.text, reading.pages, embedder, use.settings.chunk_tokens)
    vectors = embedder.embed([chunking.embedded_text(reading.text, each) for each in chunks])
    use.documents.save_chunks(lease, chunks, vectors, space.id)
