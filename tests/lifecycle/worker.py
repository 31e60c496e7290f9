"""A worker that does the least that each step must do, over a connection of its own."""

from collections.abc import Callable
from datetime import timedelta
from itertools import pairwise
from typing import TypeVar

import numpy as np

from pipeline.errors import ServiceUnavailable
from pipeline.model import (
    Chunk,
    DocumentId,
    DocumentInfo,
    EntityType,
    Evidence,
    Lease,
    Mention,
    NameLink,
    NewName,
    Page,
    PageSpan,
    RelationMention,
    Source,
    Verdict,
)
from pipeline.stages.relations import typed
from pipeline.status import Step
from pipeline.stores.database import Database
from pipeline.stores.postgres import PostgresStore

NAMES = ("Ada Lovelace", "Charles Babbage", "Mary Somerville", "Ada Babbage")
LARGE = "large"
"""The end of the key of a file that is read in ``PARTS`` page ranges."""
PARTS = 2
TRIES = 8
T = TypeVar("T")


class Worker:
    """Takes leases on steps and commits them; the names in a document depend on its file's key."""

    def __init__(self, url: str, name: str) -> None:
        self.name = name
        self.store = PostgresStore(Database(url, most=2), lease=timedelta(minutes=10))

    def begin(self, document: DocumentId, step: Step, engine: str) -> tuple[Verdict, Lease]:
        """Ask for the lease."""
        return self.store.begin(document, step, engine, self.name)

    def commit(self, lease: Lease) -> list[int]:
        """Do the step and commit it, or the page range that the lease is for.

        Returns:
            Numbers of the page ranges that a message would be sent for.

        Raises:
            LeaseLost: it is no longer ours.
        """
        if lease.part or lease.step is Step.PROCESS_OCR:
            return again(lambda: self._read_part(lease) if lease.part else self._read(lease))
        steps: dict[Step, Callable[[Lease], None]] = {
            Step.CREATE_DOCUMENT_NODE: lambda held: self.store.save_node(held, "en", "letter"),
            Step.PROCESS_CHUNKING: self._cut,
            Step.EXTRACT_ENTITIES: self._find_names,
            Step.RESOLVE_ENTITIES: self._resolve,
            Step.BUILD_RELATIONSHIPS: self._relate,
        }
        again(lambda: steps[lease.step](lease))
        return []

    def go_on(self, document: DocumentId, step: Step, engine: str, most: int = len(Step)) -> None:
        """What the chain does from a step on, until it is told to end."""
        for each in list(Step)[list(Step).index(step) :][:most]:
            verdict, lease = self.begin(document, each, engine)
            while verdict is Verdict.RUN and (parts := self.commit(lease)):
                for part in parts:
                    one, own = self.store.begin_part(document, part, self.name)
                    if one is Verdict.RUN:
                        self.commit(own)
                verdict, lease = self.begin(document, each, engine)
            if verdict not in (Verdict.RUN, Verdict.DONE):
                return

    def _read(self, lease: Lease) -> list[int]:
        file = self.store.file(lease.document_id)
        if file.split:
            missing = self.store.missing_parts(lease)
            if missing is None:
                self.store.join_parts(lease)
            return missing or []
        if file.storage_key.endswith(LARGE):
            self.store.split(
                lease, DocumentInfo("text/plain", pages=PARTS), [range(n, n + 1) for n in range(1, PARTS + 1)], []
            )
            return list(range(1, PARTS + 1))
        self.store.save_pages(lease, DocumentInfo("text/plain"), *_pages(file.storage_key, 1), [])
        return []

    def _read_part(self, lease: Lease) -> list[int]:
        file, pages = self.store.file(lease.document_id), self.store.part_pages(lease)
        self.store.save_part(lease, *_pages(file.storage_key, pages[0]))
        return []

    def _cut(self, lease: Lease) -> None:
        text = self.store.reading(lease.document_id).text
        self.store.save_chunks(lease, [Chunk(0, 0, len(text))], np.ones((1, 384), dtype=np.float32))

    def _find_names(self, lease: Lease) -> None:
        text = self.store.reading(lease.document_id).text
        found = [Mention(text.index(n), text.index(n) + len(n), EntityType.PERSON) for n in NAMES if n in text]
        met = [RelationMention(n, "MET", n + 1, 0, len(text), 0.5) for n in range(len(found) - 1)]
        self.store.save_mentions(lease, found, met)

    def _resolve(self, lease: Lease) -> None:
        text = self.store.reading(lease.document_id).text
        keys = [f"person/{text[m.start : m.end].lower()}" for m in self.store.mentions(lease.document_id)]
        blocks = {key: (key.split()[-1],) for key in keys}
        known = self.store.candidates(lease.document_id, keys, [b for block in blocks.values() for b in block])
        new = [NewName(key, 2, blocks[key]) for key in keys if key not in known.keys]
        links = [
            NameLink(one, other, strong=True, reason="alias", score=1.0, by_document=True)
            for one, other in pairwise(sorted(keys))
            if len(text) % 2
        ]
        clusters = [(key, [number]) for number, key in enumerate(keys)]
        if not self.store.save_resolution(lease, known.arrival, clusters, new, links):
            raise ServiceUnavailable("Names have arrived.", "conflict")

    def _relate(self, lease: Lease) -> None:
        ids = sorted(m.entity_id for m in self.store.mentions(lease.document_id) if m.entity_id)
        passages = [Evidence(one, "CO_OCCURS_WITH", other, 0, 10, 1.0) for one, other in pairwise(ids)]
        entities = [m.entity_id for m in self.store.mentions(lease.document_id)]
        said = typed(entities, self.store.relation_mentions(lease.document_id))
        self.store.save_relations(lease, [*passages, *(Evidence(*each) for each in said)])
        with self.store.graph_writing(lease):
            pass
        self.store.finish_graph(lease)


def _pages(key: str, number: int) -> tuple[str, list[Page], list[PageSpan]]:
    place = sum(key.encode()) + number
    text = f"{NAMES[place % 4]} met {NAMES[(place + 1 + place // 4 % 3) % 4]}."
    return text, [Page(number, text)], [PageSpan(number, 0, len(text), Source.TEXT, 1.0)]


def again(call: Callable[[], T]) -> T:
    """Call, and again where another transaction was in the way, as the stage wrapper does."""
    for _ in range(TRIES - 1):
        try:
            return call()
        except ServiceUnavailable as fault:
            if fault.code != "conflict":
                raise
    return call()
