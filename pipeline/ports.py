"""What the stages need from the world, in the stages' words. One contract suite tests every implementation of a port.

An implementation may be used by one thread at a time unless its port says otherwise. All of them translate their driver's
errors once: ``ServiceUnavailable`` or ``Throttled`` for what may pass, ``BadDocument`` for what never will.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import timedelta
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from pipeline.model import (
    Booking,
    Candidates,
    Chunk,
    DocumentGraph,
    DocumentId,
    DocumentInfo,
    DocumentNode,
    Due,
    Engine,
    EntityGraph,
    Evidence,
    Extraction,
    FailedPage,
    GraphFigures,
    GraphWork,
    Handled,
    Job,
    Lease,
    Mention,
    NameLink,
    NewName,
    ObjectPlace,
    Page,
    PageImage,
    PageSpan,
    ReadEvent,
    Reading,
    ResolvedMention,
    Selection,
    Sound,
    StoredFile,
    Submission,
    Submitted,
    Usage,
    Verdict,
)
from pipeline.status import Family, Step


class Reader(Protocol):
    """Turns a file into pages of text, or into images and sound that an engine must read."""

    @property
    def engine(self) -> Engine:
        """Name and version of the reader, for fingerprints."""

    def read(self, path: Path, name: str, pages: range | None = None) -> Iterator[ReadEvent]:
        """Yield one ``DocumentInfo``, then pages in order (``Page``, ``PageImage`` or ``Sound``) and attachments.

        Args:
            path: the file; its format is decided by its content.
            name: the file's name as submitted; a hint only.
            pages: numbers of the only pages to be opened, without attachments; an empty range: attachments alone. Only for
                files whose ``DocumentInfo.pages`` is not 0; of others nothing follows the information.

        Raises:
            BadDocument: the file cannot be read; ``code`` says why.
        """

    def close(self) -> None:
        """Give back processes."""


class OcrEngine(Protocol):
    """Reads the text of a page's image."""

    @property
    def engine(self) -> Engine:
        """Name, version and options, for fingerprints."""

    def recognize(self, image: PageImage) -> Page:
        """The page's text in reading order, with words, boxes and confidence.

        Raises:
            ServiceUnavailable: the engine cannot be reached; an outage never looks like an empty page.
        """


class DocumentOcr(Protocol):
    """Reads whole files where they lie, by itself: hand in now, look later. Thread-safe."""

    @property
    def engine(self) -> Engine:
        """Name, version and options, for fingerprints."""

    def admit(self, media_type: str, size: int, pages: int = 0) -> None:
        """Refuse a file that the service would refuse; ``size`` in bytes, 0 pages if they were not counted.

        Raises:
            BadDocument: format, size or number of pages are not served (``unsupported_format``, ``too_large``,
                ``too_many_pages``).
        """

    def submit(self, place: ObjectPlace, token: str, tag: str = "") -> str:
        """Start a job; the same file and token give the same job, so that asking twice is paid for once.

        Args:
            place: where the file lies.
            token: what the job is for, such as the document's id and content; any length.
            tag: comes back with the notice of the job's end; up to 64 letters, digits, ``_.-:``.

        Returns:
            What ``check`` wants to know the job by, up to 80 characters.

        Raises:
            Throttled: too many calls, or too many jobs at once.
            Misconfigured: the service may not be used, or may not read the file.
        """

    def check(self, job: str, waited: float) -> Iterator[Page | FailedPage]:
        """The pages in order, one by one, and those that could not be read.

        Args:
            job: as ``submit`` returned it.
            waited: seconds since it was submitted.

        Raises:
            NotReady: the job still runs; ``check_again_in`` grows with ``waited``. Raised by the call itself.
            BadDocument: the service could not read the file.
            ServiceUnavailable: also while pages come: begin again. With code ``job_lost`` the job is no more: submit
                anew, with another token.
        """


class SpeechEngine(Protocol):
    """Turns a recording into text."""

    @property
    def engine(self) -> Engine:
        """Name, version and options, for fingerprints."""

    def transcribe(self, sound: Sound) -> tuple[Page, str]:
        """One page with a segment for each stretch of speech, and the language.

        Silence gives the text ""; the language is ISO 639-1, "" if unknown.
        """


class Tokenizer(Protocol):
    """Counts tokens the way the embedder does."""

    def token_spans(self, text: str) -> list[tuple[int, int]]:
        """Start and end of each token in ``text``, in order, without the special ones."""


class Embedder(Tokenizer, Protocol):
    """Turns text into vectors."""

    @property
    def engine(self) -> Engine:
        """Name, version and options, for fingerprints."""

    @property
    def dimension(self) -> int:
        """Length of a vector."""

    @property
    def max_tokens(self) -> int:
        """Tokens that the model reads, special ones not counted; the rest of a longer text is not seen."""

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """float32, shape (len(texts), dimension), rows L2-normalised."""


class MentionFinder(Protocol):
    """Finds names in text."""

    @property
    def engine(self) -> Engine:
        """Name, version and options, for fingerprints."""

    def find(self, text: str) -> list[Mention]:
        """Mentions ordered by start, not overlapping; offsets into ``text``, of any length."""


class RelationFinder(MentionFinder, Protocol):
    """Finds names in text, and what the text says of them."""

    def extract(self, text: str) -> Extraction:
        """Mentions as ``find`` gives them, and typed relations with their evidence."""


class RateLimit(Protocol):
    """The limits of paid services, shared by all workers. Thread-safe."""

    def book(self, endpoint: str, tokens: int) -> Booking:
        """Wait for a turn at the service; ``tokens`` is the most that the call may use.

        Raises:
            Throttled: the turn would come later than one may wait.
            ServiceUnavailable: whoever keeps the limits cannot be reached.
        """

    def settle(self, booking: Booking, tokens: int) -> None:
        """Say how many tokens the call really used."""

    def slow_down(self, booking: Booking, retry_after: float) -> None:
        """The service refused this call: nobody calls for ``retry_after`` seconds, and less often for a while."""


class Meter(Protocol):
    """Counts what paid services used. Thread-safe."""

    def record(self, usage: Usage) -> None:
        """One call that was answered."""


class AnswerCache(Protocol):
    """Answers that were paid for, by fingerprint of the question. Thread-safe."""

    def get(self, fingerprints: Sequence[str]) -> dict[str, str]:
        """The answers that are known, by fingerprint."""

    def put(self, answers: Mapping[str, str]) -> None:
        """Keep answers by fingerprint."""

    def turn(self, fingerprint: str) -> AbstractContextManager[str | None]:
        """The answer, if it is known; else the right to ask for it, until the context ends.

        Whoever comes second waits for the first one's answer; a bounded wait, so that a dead worker holds up nobody.
        """


class BlobStore(Protocol):
    """Keeps files by key. Thread-safe."""

    def put(self, key: str, source: Path) -> None:
        """Store the content of ``source`` under ``key``; whole or not at all.

        Raises:
            ServiceUnavailable: the store cannot be reached or is full.
        """

    def local(self, key: str) -> AbstractContextManager[Path]:
        """A path that can be read while the context lasts.

        Raises:
            BadDocument: nothing is stored under ``key`` (code ``file_missing``).
        """

    def delete(self, key: str) -> None:
        """Remove the file; nothing happens if it is not there."""

    def check(self) -> str:
        """Write, read and remove a file of a few bytes; says where.

        Raises:
            Misconfigured: a setting is wrong.
            ServiceUnavailable: no answer.
        """

    def close(self) -> None:
        """Give back connections."""


class ObjectBlobs(BlobStore, Protocol):
    """Files that lie in a bucket of S3, where services fetch them themselves. Thread-safe."""

    def place(self, key: str) -> ObjectPlace:
        """Where the file lies; nothing is asked of the bucket."""


class GraphStore(Protocol):
    """Holds what can be rebuilt from the database. Writes are idempotent; callers write one project at a time."""

    def prepare(self) -> None:
        """Create the constraints and indexes that are missing."""

    def write_node(self, node: DocumentNode) -> None:
        """Create the document's node or set its properties."""

    def write_document(self, part: DocumentGraph) -> None:
        """Make the graph hold exactly this part of the document; entities that are there already stay as they are.

        Raises:
            ServiceUnavailable: the server is away or a conflict lasted through all retries.
        """

    def write_figures(self, figures: GraphFigures) -> None:
        """Set these entities and relations; entities that are not in the graph are passed over."""

    def write_entities(self, change: EntityGraph) -> None:
        """Remove ``gone``; make mentions and relations of ``entities`` exactly these.

        Chunks that are not in the graph are passed over.
        """

    def delete_document(self, document_id: DocumentId) -> None:
        """Remove the document's node and chunks with their mentions; entities stay (see ``write_entities``)."""

    def counts(self, project: str) -> dict[str, int]:
        """Nodes by label and relationships by type, for summaries and checks."""

    def close(self) -> None:
        """Give back connections."""


class DocumentStore(Protocol):
    """The database of record, as the tasks see it. Thread-safe.

    What saves results takes a lease, ends it, and raises ``LeaseLost`` if a newer token was given: nothing is written then.
    Every method raises ``ServiceUnavailable`` while the database is away.
    """

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

    def reading(self, document_id: DocumentId) -> Reading:
        """The canonical text and its pages."""

    def save_node(self, lease: Lease, language: str, category: str) -> None:
        """Commit ``create_document_node``."""

    def node(self, document_id: DocumentId) -> DocumentNode:
        """The document as the graph holds it."""

    def save_chunks(self, lease: Lease, chunks: Sequence[Chunk], vectors: NDArray[np.float32]) -> None:
        """Commit ``process_chunking``; vectors of shape (len(chunks), dimension)."""

    def save_mentions(self, lease: Lease, mentions: Sequence[Mention]) -> None:
        """Commit ``extract_entities``."""

    def mentions(self, document_id: DocumentId) -> list[ResolvedMention]:
        """The document's mentions in order."""

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

    def unused_files(self) -> bool:
        """Whether files are to be removed; they are told of once, and after some time again until they are."""

    def removing_files(self) -> AbstractContextManager[list[str]]:
        """Keys of stored files that nobody uses, a few at a time: to be deleted while the context lasts."""

    def close(self) -> None:
        """Give back connections."""
