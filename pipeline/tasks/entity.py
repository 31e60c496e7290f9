"""ENTITY stage: mentions, then the entities that they stand for."""

from celery.signals import worker_init

from pipeline.errors import ServiceUnavailable
from pipeline.model import Engine, Lease, Mention
from pipeline.stages import mentions
from pipeline.stages.joining import join_names, names_of
from pipeline.stages.names import blocking_keys
from pipeline.stages.relations import anchored
from pipeline.stages.resolution import resolve_document
from pipeline.status import Step
from pipeline.tasks.stage_task import stage_task
from pipeline.wiring import services

RESOLUTION = "4"  # raise it when the same mentions would give other entities
ROUNDS = 20  # how often names may arrive while a document's names are compared


@stage_task(
    Step.EXTRACT_ENTITIES,
    lambda use: (Engine("mentions", mentions.VERSION), use.mention_finder.engine, use.pattern_finder.engine),
)
def extract_entities(lease: Lease) -> None:
    """Find the names in the text, and what it says of them."""
    use = services()
    text = use.documents.reading(lease.document_id).text
    read = use.mention_finder.extract(text)
    found = mentions.merge(text, read.mentions, use.pattern_finder.find(text))
    notes = {"dropped": read.dropped, "fallbacks": read.fallbacks}
    use.documents.save_mentions(lease, found, anchored(found, read.relations), {k: n for k, n in notes.items() if n})


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


def prepare(**_: object) -> None:
    """Import the client library before greenlets or threads ask for it at one moment."""
    if services().settings.ner_engine == "remote":
        services().hosted.caller(services().settings.ner_remote_model).prepare()


worker_init.connect(prepare)
