"""GRAPH stage: relations with their evidence, and the document's part of the graph."""

from pipeline.model import Engine, Evidence, Lease
from pipeline.stages.relations import Named, co_occurrences
from pipeline.stages.sentences import sentence_spans
from pipeline.status import Step
from pipeline.tasks.stage_task import stage_task
from pipeline.wiring import services

RELATIONS = "1"  # raise it when the same text would give other relations


@stage_task(Step.BUILD_RELATIONSHIPS, lambda _: (Engine("relations", RELATIONS),))
def build_relationships(lease: Lease) -> None:
    """Relate entities that stand in one sentence, and write the document's part of the graph."""
    use = services()
    text = use.documents.reading(lease.document_id).text
    named = [Named(m.start, m.end, m.entity_id, m.type) for m in use.documents.mentions(lease.document_id)]
    relations = co_occurrences(sentence_spans(text), named)
    use.documents.save_relations(lease, [Evidence(*relation, confidence=1.0) for relation in relations])
    with use.documents.graph_writing(lease.document_id) as work:
        use.graph.write_entities(work.change)
        use.graph.write_document(work.document)
    use.documents.finish_graph(lease)
