"""GRAPH stage: relations with their evidence, and the document's part of the graph."""

from celery import Task

from pipeline.celery_app import app
from pipeline.errors import NotReady, ServiceUnavailable
from pipeline.model import DocumentId, Engine, Evidence, GraphWork, Lease
from pipeline.ports import GraphStore
from pipeline.stages.relations import Named, co_occurrences, typed
from pipeline.stages.sentences import sentence_spans
from pipeline.status import Step
from pipeline.tasks.stage_task import stage_task
from pipeline.wiring import Services, services

RELATIONS = "1"  # raise it when the same text would give other relations


@stage_task(Step.BUILD_RELATIONSHIPS, lambda _: (Engine("relations", RELATIONS),))
def build_relationships(lease: Lease) -> None:
    """Relate entities that one sentence names or a model related, and write the document's part of the graph."""
    use = services()
    use.documents.save_relations(lease, _relations(use, lease.document_id))
    with use.documents.graph_writing(lease) as work:
        _write(use.graph, work)
    use.documents.finish_graph(lease)


def _relations(use: Services, document_id: DocumentId) -> list[Evidence]:
    text = use.documents.reading(document_id).text
    mentions = use.documents.mentions(document_id)
    together = co_occurrences(sentence_spans(text), [Named(m.start, m.end, m.entity_id, m.type) for m in mentions])
    said = typed([m.entity_id for m in mentions], use.documents.relation_mentions(document_id))
    return [Evidence(*relation) for relation in together + said]


def _refresh(project_id: str) -> None:
    """Take out of the graph what was removed, and bring its figures up to date where the last document could not."""
    use, more = services(), True
    while more:
        with use.documents.graph_refreshing(project_id) as work:
            _write(use.graph, work)
        more = work.more


def _write(graph: GraphStore, work: GraphWork) -> None:
    for document in work.gone:
        graph.delete_document(DocumentId(document), work.turn)
    graph.write_entities(work.change, work.turn)
    for part in work.parts:
        graph.write_document(part, work.turn)
    graph.write_figures(work.figures, work.turn)


refresh_graph: Task = app.task(
    _refresh, name="refresh_graph", ignore_result=True, autoretry_for=(ServiceUnavailable, NotReady), retry_backoff=True
)
