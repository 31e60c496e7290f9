"""The database of record, as the tasks see it."""

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import timedelta
from types import MappingProxyType
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from pipeline.model import (
    Candidates,
    Chunk,
    DocumentId,
    DocumentInfo,
    DocumentNode,
    Due,
    EmbeddingSpace,
    Evidence,
    FailedPage,
    GraphWork,
    Handled,
    Job,
    Lease,
    Mention,
    Moved,
    Moving,
    NameLink,
    NewName,
    Page,
    PageSpan,
    Pause,
    Reading,
    RelationMention,
    ResolvedMention,
    Selection,
    StoredFile,
    Submission,
    Submitted,
    UnfilledChunk,
    Verdict,
)
from pipeline.status import Family, Step


class Queue(Protocol):
    """Waiting documents, and those that are to be sent on. See ``DocumentStore``."""

    def submit(self, project: str, files: Sequence[Submission]) -> list[Submitted]:
        """Queue files; a path that is known with the same content is left alone."""

    def claim(self, limit: int, in_flight: int) -> list[Due]:
        """Take waiting documents while fewer than ``in_flight`` are on their way; no document goes to two callers."""

    def repair(self, idle: timedelta, limit: int, known: Collection[str] = ()) -> list[Due]:
        """Documents that are to be sent on; each is told to one caller only.

        Their lease ran out, their next try is due, they were handed back, or they stood between two steps for longer than
        ``idle``. Those in ``known``, of which a message waits in the broker, are not lost.
        """

    def next_due(self) -> float | None:
        """Seconds until the next document is due that waits for its next try; None if there is none."""


class Leases(Protocol):
    """Who may work on a step, and how that ends without a result. See ``DocumentStore``."""

    def begin(self, document_id: DocumentId, step: Step, engine: str, worker: str) -> tuple[Verdict, Lease]:
        """Ask for the lease on a step; it counts only with ``Verdict.RUN``."""

    def renew(self, lease: Lease) -> bool:
        """Prolong the lease; False if it is no longer ours."""

    def release(self, lease: Lease) -> None:
        """Give the lease back unused: the work was stopped. The document is sent on at once."""

    def release_all(self, node: str) -> int:
        """The same for every lease that a process of this worker (``node/process``) holds; returns how many those were."""

    def report_crash(self, document_id: DocumentId, part: int, worker: str) -> None:
        """The process ``worker`` died: the lease that it holds ends; a document that killed three in a row is set aside."""

    def fail(
        self,
        lease: Lease,
        code: str,
        message: str,
        wait: timedelta | None,
        most_retries: int | None,
        longest: timedelta | None = None,
    ) -> bool:
        """Give the lease back after a failure; True if the step is to be tried again.

        Args:
            lease: it ends.
            code: stable name of the fault.
            message: one sentence, shown as what the document waits for, or as its error.
            wait: time until the next try; None: never again.
            most_retries: None: as often as it takes.
            longest: with it, ``wait`` doubles from try to try up to this, with jitter.
        """


class PageRanges(Protocol):
    """Large documents, read in ranges of pages. See ``DocumentStore``."""

    def split(self, lease: Lease, info: DocumentInfo, ranges: Sequence[range], children: Sequence[Submission]) -> None:
        """End the lease on ``process_ocr`` with ranges of pages, numbered from 1, that are read one by one."""

    def missing_parts(self, lease: Lease) -> list[int] | None:
        """The page ranges that somebody must be told of; ends the lease.

        None: all ranges have ended, well or not; the lease is kept.
        """

    def begin_part(self, document_id: DocumentId, part: int, worker: str) -> tuple[Verdict, Lease]:
        """Ask for the lease on a page range; it counts only with ``Verdict.RUN``. ``fail`` never ends the document."""

    def part_pages(self, lease: Lease) -> range:
        """Numbers of the pages of a range."""

    def save_part(self, lease: Lease, text: str, pages: Sequence[Page], spans: Sequence[PageSpan]) -> None:
        """Commit a page range: its text, as if it were a document of its own."""

    def join_parts(self, lease: Lease) -> None:
        """Commit ``process_ocr`` with what the page ranges gave, as if the document had been read in one piece.

        Failed ranges give empty pages; if all have failed, the document ends in error.
        """


class Jobs(Protocol):
    """Documents that a service reads by itself. See ``DocumentStore``."""

    def hand_over(self, lease: Lease, info: DocumentInfo, children: Sequence[Submission]) -> None:
        """Commit that a service is to read the file; the lease ends, and the state stays ``extracting``."""

    def job(self, document_id: DocumentId) -> Job | None:
        """The document's job; None if it is not handed over to the engines of its newest lease."""

    def pass_on(self, lease: Lease) -> str | None:
        """End the lease because another task goes on; returns the name of the document's job, as ``job`` does."""

    def save_job(self, lease: Lease, job: str) -> None:
        """Keep the name of the job that was submitted."""

    def drop_job(self, lease: Lease) -> None:
        """Forget the job because it came to nothing; the next one has a higher attempt."""

    def save_job_part(self, lease: Lease, number: int, text: str, pages: Sequence[Page], spans: Sequence[PageSpan]) -> None:
        """Keep pages without a gap between them until the last have come; parts are counted from 1."""

    def finish_job(self, lease: Lease, parts: int, failed: Sequence[FailedPage]) -> None:
        """Commit ``process_ocr`` with the pages of so many parts; ``failed`` were not read, or not as a whole."""

    def wake_jobs(self, jobs: Sequence[str]) -> list[str]:
        """These have ended: have them looked at now. Returns those that were being looked at just then."""


class Results(Protocol):
    """What the steps need of a document, and what they make of it. See ``DocumentStore``."""

    def file(self, document_id: DocumentId) -> StoredFile:
        """Where the document's file lies."""

    def save_pages(
        self,
        lease: Lease,
        info: DocumentInfo,
        text: str,
        pages: Sequence[Page],
        spans: Sequence[PageSpan],
        children: Sequence[Submission],
    ) -> None:
        """Commit ``process_ocr``: the canonical text, its pages, and attachments as documents of their own."""

    def reading(self, document_id: DocumentId) -> Reading:
        """The canonical text and its pages."""

    def save_node(self, lease: Lease, language: str, category: str) -> None:
        """Commit ``create_document_node``."""

    def node(self, document_id: DocumentId) -> DocumentNode:
        """The document as the graph holds it."""

    def save_chunks(
        self, lease: Lease, chunks: Sequence[Chunk], vectors: NDArray[np.float32], space: str | None = None
    ) -> None:
        """Commit ``process_chunking``; vectors of shape (len(chunks), dimension).

        Raises:
            ServiceUnavailable: ``conflict``: ``space``, whose vectors they are, is no longer the active one.
        """

    def save_mentions(
        self,
        lease: Lease,
        mentions: Sequence[Mention],
        relations: Sequence[RelationMention] = (),
        notes: Mapping[str, int] = MappingProxyType({}),
    ) -> None:
        """Commit ``extract_entities``.

        Args:
            lease: it ends.
            mentions: in order.
            relations: name their mentions by place in ``mentions``.
            notes: what is to be known of the step beside its result.
        """

    def mentions(self, document_id: DocumentId) -> list[ResolvedMention]:
        """The document's mentions in order."""

    def relation_mentions(self, document_id: DocumentId) -> list[RelationMention]:
        """What the text says of the document's mentions."""

    def candidates(self, document_id: DocumentId, keys: Sequence[str], blocking_keys: Sequence[str]) -> Candidates:
        """Names of the document's project that are among ``keys`` or share a blocking key."""

    def save_resolution(
        self,
        lease: Lease,
        arrival: int,
        clusters: Sequence[tuple[str, Sequence[int]]],
        names: Sequence[NewName],
        links: Sequence[NameLink],
    ) -> bool:
        """Commit ``resolve_entities``: clusters as (key, numbers of mentions). False: names have arrived, compare again."""


class Vectors(Protocol):
    """Which model's vectors the chunks hold, and the change to another model. See ``DocumentStore``."""

    def embeddings(self) -> list[EmbeddingSpace]:
        """The active space, whose vectors search reads, and the one that is being filled to take its place."""

    def open_embeddings(self, engine: str, dimension: int, settings: Mapping[str, object]) -> EmbeddingSpace:
        """The active space. While there are no vectors it is this one; if it is this one, its settings are noted."""

    def change_embeddings(self, engine: str, dimension: int, settings: Mapping[str, object]) -> EmbeddingSpace:
        """Begin to fill this space, or go on with it; another one that was being filled is given up."""

    def cancel_embeddings(self) -> bool:
        """Give up the space that is being filled; False if there is none."""

    def take_unfilled(self, space: str, most: int, lease: timedelta) -> list[UnfilledChunk]:
        """Chunks that have no vector of this space yet. No other caller gets them for as long as ``lease``."""

    def save_vectors(self, space: str, chunks: Sequence[UnfilledChunk], vectors: NDArray[np.float32]) -> None:
        """Keep vectors of a space that is being filled; chunks whose text has changed are passed over."""

    def note_embedding_fault(self, space: str, fault: str) -> bool:
        """Say why filling does not go on, until it does; whether that is news."""

    def finish_embeddings(self, space: str) -> bool:
        """Make a space the active one and drop the old vectors, in one moment; False if a chunk has no vector, or later."""

    def embedding_progress(self) -> tuple[int, int]:
        """How many chunks there are, and how many have no vector of the space that is being filled."""


class GraphSource(Protocol):
    """What is to be written to the graph. See ``DocumentStore``."""

    def save_relations(self, lease: Lease, relations: Sequence[Evidence]) -> None:
        """Replace the document's evidence; keeps the lease."""

    def graph_writing(self, lease: Lease) -> AbstractContextManager[GraphWork]:
        """The right to write the project's part of the graph, alone, and what is to be written."""

    def stale_graphs(self) -> list[str]:
        """Ids of projects whose graph is to be brought up to date now: what was removed, and figures that nobody waits for.

        Each is told of once, and after some time again until it is done.
        """

    def graph_refreshing(self, project_id: str) -> AbstractContextManager[GraphWork]:
        """As ``graph_writing``, for what was removed, changes and figures alone."""

    def finish_graph(self, lease: Lease) -> None:
        """Commit ``build_relationships``: the document has reached its end."""


class Control(Protocol):
    """What people ask for while everything runs. See ``DocumentStore``."""

    def select(self, selection: Selection) -> list[DocumentId]:
        """The documents that are meant, by path.

        Raises:
            ValueError: a status is none.
        """

    def cancel(self, documents: Sequence[DocumentId]) -> list[Handled]:
        """Stop documents: ``cancelled``, or ``ended`` already. Who works on one loses its lease."""

    def retry(self, documents: Sequence[DocumentId]) -> list[Handled]:
        """Queue again from the step that failed: ``queued``; ``completed`` and ``on_its_way`` are left alone."""

    def reprocess(self, documents: Sequence[DocumentId], since: Family | None = None) -> list[Handled]:
        """Queue again what has ended: ``queued``, else ``on_its_way``.

        What is stale runs, and with ``since`` that stage and all after it.
        """

    def delete(self, documents: Sequence[DocumentId]) -> list[Handled]:
        """Remove documents with their attachments and their share in everything: ``deleted``.

        What graph and file store hold of them is noted, to be removed by ``graph_refreshing`` and ``removing_files``.
        """

    def pause(self, queue: str, tasks: Sequence[str]) -> None:
        """Let nothing of this queue's tasks begin until it is resumed; what runs, ends. Workers need not be told."""

    def resume(self, queue: str) -> bool:
        """Let the queue go on, with what was put aside meanwhile; False if it was not paused."""

    def pauses(self) -> list[Pause]:
        """Queues that are paused, by name."""

    def expecting_files(self) -> AbstractContextManager[Callable[[Sequence[str]], None]]:
        """Store files and queue their documents: while the context lasts, no file is removed whose key was told before.

        What is called with the keys of files raises ``ServiceUnavailable`` (code ``conflict``) while one is being removed
        for longer. What was stored and came to no document is removed afterwards.
        """

    def unused_files(self) -> bool:
        """Whether files are to be removed; they are told of once, and after some time again until they are."""

    def removing_files(self) -> AbstractContextManager[list[str]]:
        """Keys of stored files that nobody uses, a few at a time: to be deleted while the context lasts."""


class Moves(Protocol):
    """Documents of earlier systems, and those that nobody goes on with. See ``DocumentStore``."""

    def moved(self, source: str, ids: Sequence[str]) -> set[str]:
        """Which of these rows of an old table were moved already."""

    def move(self, source: str, rows: Sequence[Moving]) -> list[Moved]:
        """Queue rows of an old table, each once for all time; their files are stored already."""

    def stalled(self, project: str, idle: timedelta) -> list[DocumentId]:
        """Documents on their way that nobody worked on for so long: no lease was renewed, nothing is waited for."""

    def restart_stalled(self, documents: Sequence[DocumentId], idle: timedelta) -> list[Handled]:
        """Queue those that still stand still again, at their step: ``queued``; others are ``on_its_way``."""


class DocumentStore(Queue, Leases, PageRanges, Jobs, Results, Vectors, GraphSource, Control, Moves, Protocol):
    """The database of record, as the tasks see it. Thread-safe.

    What saves results takes a lease, ends it, and raises ``LeaseLost`` if a newer token was given: nothing is written then.
    Every method raises ``ServiceUnavailable`` while the database is away.
    """

    def close(self) -> None:
        """Give back connections."""
