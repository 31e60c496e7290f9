"""A small matter in the database, as the steps would leave it: a letter, a mail with attachment, a talk, a broken file."""

import re
from dataclasses import replace
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipeline.model import (
    Chunk,
    DocumentId,
    DocumentInfo,
    EntityType,
    Evidence,
    GraphWork,
    Lease,
    Mention,
    NameLink,
    NewName,
    Page,
    PageSpan,
    RelationMention,
    ResolvedMention,
    Segment,
    Source,
    Submission,
    Verdict,
)
from pipeline.ports import GraphStore
from pipeline.stages.relations import typed
from pipeline.status import Step
from pipeline.stores.postgres import PostgresStore

PROJECT = "matter"
LETTER = "Ada Lovelace wrote to Charles Babbage about the engine.\fMr. Babbage paid Clement & Co <London> for it."
MAIL = "Dear Ada Lovelace, the drawings are attached."
NOTE = "The drawings by Charles Babbage show the mill. A. Lovelace liked them."
TALK = "Good morning. The dredging of the harbour cost too much."
NAMES = {
    "Ada Lovelace": ("person/ada lovelace", EntityType.PERSON),
    "A. Lovelace": ("person/a lovelace", EntityType.PERSON),
    "Charles Babbage": ("person/charles babbage", EntityType.PERSON),
    "Mr. Babbage": ("person/charles babbage", EntityType.PERSON),
    "Clement & Co <London>": ("name/clement", EntityType.ORGANIZATION),
}


class Matter(NamedTuple):
    """Ids of the documents."""

    letter: DocumentId
    mail: DocumentId
    note: DocumentId
    talk: DocumentId
    broken: DocumentId


def axis(number: int) -> NDArray[np.float32]:
    """A unit vector."""
    vector = np.zeros(384, dtype=np.float32)
    vector[number] = 1
    return vector


def fill(store: PostgresStore, project: str = PROJECT, graph: GraphStore | None = None, *, said: bool = False) -> Matter:
    """Submit and process the matter; the vectors of its chunks are ``axis(0)``, ``axis(1)`` … in the documents' order.

    Args:
        store: the database.
        project: name of the project.
        graph: is told of it all, if given.
        said: whether a model read that the first two of each passage met.
    """
    names = ["letter.txt", "mail.eml", "talk.mp3", "broken.pdf"]
    submitted = store.submit(project, [Submission(f"in/{name}", name, f"{project}/{name}", 10, name) for name in names])
    store.claim(100, 1000)
    letter, mail, talk, broken = (s.document_id for s in submitted)
    half = LETTER.index("\f")
    _process(
        store,
        letter,
        LETTER,
        [PageSpan(1, 0, half, Source.TEXT, 1.0), PageSpan(2, half + 1, len(LETTER), Source.OCR, 0.9)],
        0,
        graph,
        said=said,
    )
    _process(store, mail, MAIL, [PageSpan(1, 0, len(MAIL), Source.TEXT, 1.0)], 2, graph,
             [Submission("in/mail.eml/note.txt", "note.txt", f"{project}/note", 10, "note")], said=said)  # fmt: skip
    note = store.claim(100, 1000)[0].document_id
    _process(store, note, NOTE, [PageSpan(1, 0, len(NOTE), Source.TEXT, 1.0)], 3, graph, said=said)
    _process(store, talk, TALK, [PageSpan(1, 0, len(TALK), Source.SPEECH, 0.8)], 4, graph, said=said)
    store.fail(_begin(store, broken, Step.PROCESS_OCR), "encrypted", "The file is protected by a password.", None, 5)
    return Matter(letter, mail, note, talk, broken)


def _begin(store: PostgresStore, document: DocumentId, step: Step) -> Lease:
    verdict, lease = store.begin(document, step, "engine/1", "worker")
    assert verdict is Verdict.RUN
    return lease


def _process(
    store: PostgresStore,
    document: DocumentId,
    text: str,
    spans: list[PageSpan],
    first_axis: int,
    graph: GraphStore | None,
    children: list[Submission] | None = None,
    *,
    said: bool = False,
) -> None:
    store.save_pages(
        _begin(store, document, Step.PROCESS_OCR),
        DocumentInfo("text/plain"),
        text,
        [_page(text, s) for s in spans],
        spans,
        children or [],
    )
    lease = _begin(store, document, Step.CREATE_DOCUMENT_NODE)
    if graph:
        graph.write_node(replace(store.node(document), language="en", category="letter"))
    store.save_node(lease, "en", "letter")
    chunks = [Chunk(number, span.start, span.end) for number, span in enumerate(spans)]
    vectors = np.stack([axis(first_axis + number) for number in range(len(spans))])
    store.save_chunks(_begin(store, document, Step.PROCESS_CHUNKING), chunks, vectors)
    found = sorted((m.start(), m.end(), name) for name in NAMES for m in re.finditer(re.escape(name), text))
    mentions = [Mention(s, e, NAMES[name][1]) for s, e, name in found]
    met = [each for span in spans for each in _met(span, mentions)] if said else []
    store.save_mentions(_begin(store, document, Step.EXTRACT_ENTITIES), mentions, met)
    _resolve(store, _begin(store, document, Step.RESOLVE_ENTITIES), [name for _, _, name in found])
    lease = _begin(store, document, Step.BUILD_RELATIONSHIPS)
    resolved = store.mentions(document)
    told = typed([m.entity_id for m in resolved], store.relation_mentions(document))
    together = [e for span in spans for e in _together(span, resolved)]
    store.save_relations(lease, [*together, *(Evidence(*each) for each in told)])
    if graph:
        tell(store, graph, lease)
    store.finish_graph(lease)


def tell(store: PostgresStore, graph: GraphStore, lease: Lease) -> None:
    """Write the document's part of the graph."""
    with store.graph_writing(lease) as work:
        write(graph, work)


def write(graph: GraphStore, work: GraphWork) -> None:
    """Write what is to be written now."""
    for document in work.gone:
        graph.delete_document(DocumentId(document), work.turn)
    graph.write_entities(work.change, work.turn)
    for part in work.parts:
        graph.write_document(part, work.turn)
    graph.write_figures(work.figures, work.turn)


def _resolve(store: PostgresStore, lease: Lease, names: list[str]) -> None:
    keys = [NAMES[name][0] for name in names]
    known = store.candidates(lease.document_id, keys, ["person/lovelace"])
    new = [NewName(key, len(key.split()), (f"person/{key.split()[-1]}",)) for key in sorted(set(keys) - set(known.keys))]
    short, full = NAMES["A. Lovelace"][0], NAMES["Ada Lovelace"][0]
    links = [NameLink(short, full, strong=True, reason="initial", score=0.9)] if short in keys else []
    clusters = [(key, [n for n, other in enumerate(keys) if other == key]) for key in sorted(set(keys))]
    assert store.save_resolution(lease, known.arrival, clusters, new, links)


def _page(text: str, span: PageSpan) -> Page:
    page = text[span.start : span.end]
    speech = span.source is Source.SPEECH
    segments = (Segment(0, 13, 0.0, 1.5), Segment(14, len(page), 65.0, 70.0)) if speech else ()
    return Page(span.number, page, span.source, span.confidence, segments=segments)


def _together(span: PageSpan, mentions: list[ResolvedMention]) -> list[Evidence]:
    ids = {m.entity_id for m in mentions if span.start <= m.start < span.end}
    return [Evidence(one, "CO_OCCURS_WITH", other, span.start, span.end, 1.0) for one in ids for other in ids if one < other]


def _met(span: PageSpan, mentions: list[Mention]) -> list[RelationMention]:
    inside = [number for number, m in enumerate(mentions) if span.start <= m.start < span.end][:2]
    return [RelationMention(one, "MET", other, span.start, span.end, 0.75) for one, other in pairwise(inside)]
