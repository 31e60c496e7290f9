"""Texts as documents of a project, processed with the real stages but for reading, embedding and finding names."""

import re
from collections.abc import Mapping

import numpy as np

from pipeline.model import (
    Chunk,
    DocumentId,
    DocumentInfo,
    EntityType,
    Evidence,
    Lease,
    Mention,
    Page,
    PageSpan,
    Source,
    Submission,
    Verdict,
)
from pipeline.ports import GraphStore
from pipeline.stages.joining import join_names, names_of
from pipeline.stages.names import blocking_keys
from pipeline.stages.relations import Named, co_occurrences
from pipeline.stages.resolution import resolve_document
from pipeline.stages.sentences import sentence_spans
from pipeline.status import Step
from pipeline.stores.postgres import PostgresStore
from tests.matter import axis, tell

Names = Mapping[str, EntityType]


def tell_all(
    store: PostgresStore, project: str, texts: Mapping[str, str], names: Names, graph: GraphStore | None = None
) -> list[DocumentId]:
    """Submit texts by path, and process one after the other; a form feed ends a page."""
    files = [Submission(path, path, f"{project}/{path}", len(text), str(hash(text))) for path, text in texts.items()]
    documents = [each.document_id for each in store.submit(project, files)]
    store.claim(1000, 1000)
    for document, text in zip(documents, texts.values(), strict=True):
        read(store, document, text, names)
        resolve(store, document)
        relate(store, document, graph)
    return documents


def begin(store: PostgresStore, document: DocumentId, step: Step) -> Lease:
    verdict, lease = store.begin(document, step, "engine/1", "worker")
    assert verdict is Verdict.RUN
    return lease


def read(store: PostgresStore, document: DocumentId, text: str, names: Names) -> None:
    """All steps up to its mentions."""
    spans, start = [], 0
    for number, page in enumerate(text.split("\f"), 1):
        spans.append(PageSpan(number, start, start + len(page), Source.TEXT, 1.0))
        start += len(page) + 1
    pages = [Page(span.number, text[span.start : span.end], span.source, 1.0) for span in spans]
    store.save_pages(begin(store, document, Step.PROCESS_OCR), DocumentInfo("text/plain"), text, pages, spans, [])
    store.save_node(begin(store, document, Step.CREATE_DOCUMENT_NODE), "en", "letter")
    chunks = [Chunk(number, span.start, span.end) for number, span in enumerate(spans)]
    vectors = np.stack([axis(number) for number in range(len(spans))])
    store.save_chunks(begin(store, document, Step.PROCESS_CHUNKING), chunks, vectors)
    longest_first = "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True))
    found = [Mention(m.start(), m.end(), names[m[0]]) for m in re.finditer(rf"\b(?:{longest_first})\b", text)]
    store.save_mentions(begin(store, document, Step.EXTRACT_ENTITIES), found)


def resolve(store: PostgresStore, document: DocumentId) -> None:
    """Link its names with those that are known."""
    lease = begin(store, document, Step.RESOLVE_ENTITIES)
    found = [Mention(m.start, m.end, m.type, m.confidence) for m in store.mentions(document)]
    clusters = resolve_document(store.reading(document).text, found)
    keys = sorted(names_of(clusters))
    blocks = sorted({block for key in keys for block in blocking_keys(key)})
    while True:
        known = store.candidates(document, keys, blocks)
        new, links = join_names(clusters, known.keys)
        if store.save_resolution(lease, known.arrival, [(c.key, c.mentions) for c in clusters], new, links):
            return


def relate(store: PostgresStore, document: DocumentId, graph: GraphStore | None = None) -> None:
    """Relate the entities that one sentence names."""
    lease = begin(store, document, Step.BUILD_RELATIONSHIPS)
    named = [Named(m.start, m.end, m.entity_id, m.type) for m in store.mentions(document)]
    together = co_occurrences(sentence_spans(store.reading(document).text), named)
    store.save_relations(lease, [Evidence(*relation) for relation in together])
    if graph:
        tell(store, graph, lease)
    store.finish_graph(lease)
