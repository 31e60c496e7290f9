"""ENTITY stage: mentions, then the entities that they stand for."""

from pipeline.errors import ServiceUnavailable
from pipeline.model import Engine, Lease, Mention
from pipeline.stages import mentions
from pipeline.stages.joining import join_names, names_of
from pipeline.stages.names import blocking_keys
from pipeline.stages.resolution import resolve_document
from pipeline.status import Step
from pipeline.tasks.stage_task import stage_task
from pipeline.wiring import services

RESOLUTION = "3"  # raise it when the same mentions would give other entities
ROUNDS = 20  # how often names may arrive while a document's names are compared


@stage_task(
    Step.EXTRACT_ENTITIES,
    lambda use: (Engine("mentions", mentions.VERSION), use.mention_finder.engine, use.pattern_finder.engine),
)
def extract_entities(lease: Lease) -> None:
    """Find the names in the text."""
    use = services()
    text = use.documents.reading(lease.document_id).text
    found = mentions.merge(text, use.mention_finder.find(text), use.pattern_finder.find(text))
    use.documents.save_mentions(lease, found)


@stage_task(Step.RESOLVE_ENTITIES, lambda _: (Engine("resolution", RESOLUTION),))
def resolve_entities(lease: Lease) -> None:
    """Group the mentions of one thing, and link their names with those of all other documents."""
    use = services()
    text = use.documents.reading(lease.document_id).text
    found = [Mention(m.start, m.end, m.type, m.confidence) for m in use.documents.mentions(lease.document_id)]
    clusters = resolve_document(text, found)
    keys = sorted(names_of(clusters))
    blocks = sorted({block for key in keys for block in blocking_keys(key)})
    for _ in range(ROUNDS):
        known = use.documents.candidates(lease.document_id, keys, blocks)
        names, links = join_names(clusters, known.keys)
        if use.documents.save_resolution(lease, known.arrival, [(c.key, c.mentions) for c in clusters], names, links):
            return
    raise ServiceUnavailable("Too many new names arrive at once.", "conflict")
