"""GRAPH stage: relations with their evidence, and the document's part of the graph."""

from pipeline.model import Lease
from pipeline.stages.relations import co_occurrences
from pipeline.stages.sentences import sentences
from pipeline.status import Step
from pipeline.tasks.stage_task import stage_task
from pipeline.wiring import Services, services


@stage_task(Step.BUILD_RELATIONSHIPS, Services.graph_identity)
def build_relationships(lease: Lease) -> None:
    """Relate entities that stand in one sentence, and write the document's part of the graph."""
    use = services()
    text = use.documents.reading(lease.document_id).text
    use.documents.save_relations(lease, co_occurrences(sentences(text), use.documents.mentions(lease.document_id)))
    with use.documents.graph_writing(lease.document_id) as work:
        use.graph.write_entities(work.change)
        use.graph.write_document(work.document)
    use.documents.finish_graph(lease)
