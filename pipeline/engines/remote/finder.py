"""Names and typed relations by a language model, each borne out by a quote of the text."""

import logging
import threading
from typing import TYPE_CHECKING, NamedTuple

from pipeline.engines.remote.batches import BatchService
from pipeline.engines.remote.calling import Caller, fingerprint_of
from pipeline.engines.remote.chat import Chat, json_object
from pipeline.engines.remote.faults import TooLong, Unanswered
from pipeline.engines.remote.pieces import pieces
from pipeline.engines.remote.questions import VERSION, about
from pipeline.engines.remote.quotes import checked, complete
from pipeline.errors import Misconfigured, NotReady
from pipeline.model import Engine, Extraction, Mention, Span, TypedRelation
from pipeline.ports import QuestionDesk, charged_to

if TYPE_CHECKING:
    from pipeline.ports import MentionFinder

log = logging.getLogger(__name__)

PIECE = 6000
PROBE = "Ada Lovelace wrote to Charles Babbage in London."
SHORTEST_PIECE = 300
"""Characters; a model that cannot take so few is the wrong one."""
LOOK_AGAIN = 1800.0
"""Seconds; a document is sent on as soon as its answers are there, and this is for what that missed."""
ASKED_JUST_NOW = 5.0


class InBatches(NamedTuple):
    """Where questions are left that are asked in batches, and who asks them."""

    desk: QuestionDesk
    service: BatchService


class RemoteFinder:
    """Implements ``ports.RelationFinder``. Thread-safe; one call a piece, and never pieces of two texts in one.

    Args:
        caller: of the model's endpoint.
        structure: how JSON is asked for at first, see ``chat.FORMATS``.
        piece: most characters of text in one call.
        fallback: answers for a piece that the model gives no usable answer for; without one the document fails.
        batches: asks in batches what documents ask; it is asked at once what failed there.
    """

    def __init__(
        self,
        caller: Caller,
        *,
        structure: str = "json_schema",
        piece: int = PIECE,
        fallback: "MentionFinder | None" = None,
        batches: InBatches | None = None,
    ) -> None:
        self._caller = caller
        self._chat = Chat(caller, structure)
        self._piece = piece
        self._fallback = fallback
        self._fallback_turn = threading.Lock()
        self._batches = batches
        self._first = threading.Lock()

    @property
    def engine(self) -> Engine:
        """Name, model and version of the question, piece and fallback, for fingerprints."""
        instead = f" fallback={'/'.join(self._fallback.engine)}" if self._fallback else ""
        return Engine("remote-finder", f"{self._caller.endpoint.model}/{VERSION}", f"piece={self._piece}{instead}")

    def find(self, text: str) -> list[Mention]:
        """Mentions ordered by start, not overlapping."""
        return list(self.extract(text).mentions)

    def extract(self, text: str) -> Extraction:
        """Mentions, and typed relations with their evidence.

        Raises:
            Unanswered: the model gives no usable answer, and there is no fallback.
            Misconfigured: a wrong key, model, address or right; or the model cannot take even a short piece.
            ServiceUnavailable: the service does not answer; what was answered before is not paid for again.
            NotReady: its questions are asked in a batch.
        """
        parts = [(start, text[start:end]) for start, end in pieces(text, self._piece)]
        if self._batches and charged_to.get().document_id:
            self._left(self._batches, [piece for _, piece in parts if _says_something(piece)])
        return _joined([_moved(self._read(piece), start) for start, piece in parts])

    def _left(self, batches: InBatches, texts: list[str]) -> None:
        """Leave what is neither answered nor failed to be asked in a batch."""
        asked = {self._fingerprint(text): text for text in texts}
        known = self._caller.office.answers.get(list(asked))
        if len(known) == len(asked):
            return
        left = batches.desk.left([each for each in asked if each not in known])
        new = {each: text for each, text in asked.items() if each not in known and each not in left}
        if new and not self._chat.proven:
            self._prove(batches.service, new.pop(next(iter(new))))
        if new:
            batches.desk.leave({each: self._chat.written(about(text)) for each, text in new.items()})
        if new or not all(left.values()):
            raise self._waiting(LOOK_AGAIN)

    def _prove(self, service: BatchService, text: str) -> None:
        """Ask a process's first question at once: a wrong key, model or option is found before others wait for hours."""
        if not self._first.acquire(blocking=False):
            raise self._waiting(ASKED_JUST_NOW)
        try:
            service.probe()
            self._read(text)
        finally:
            self._first.release()

    def _waiting(self, seconds: float) -> NotReady:
        name = self._caller.endpoint.name
        return NotReady(f"{name} answers its questions in a batch, within 24 hours.", check_again_in=seconds)

    def probe(self) -> str:
        """Ask about one sentence, whatever is remembered.

        Raises:
            PipelineError: as ``extract``.
        """
        self._chat.answer(about(PROBE), usable)
        return f"{self._caller.endpoint.model} at {self._caller.endpoint.base_url} answers"

    def _read(self, piece: str) -> Extraction:
        if not _says_something(piece):
            return Extraction()
        try:
            answer = self._caller.remembered(self._fingerprint(piece), lambda: self._chat.answer(about(piece), usable))
        except TooLong as fault:
            return self._in_parts(piece, fault)
        except Unanswered as fault:
            return self._instead(piece, fault)
        return checked(piece, json_object(answer))

    def _fingerprint(self, piece: str) -> str:
        return fingerprint_of("entities", VERSION, self._caller.endpoint.model, piece)

    def _in_parts(self, piece: str, fault: TooLong) -> Extraction:
        if len(piece) <= SHORTEST_PIECE:
            message = f"{self._caller.endpoint.model} cannot take even {len(piece)} characters: choose another model."
            raise Misconfigured(message, "context_small") from fault
        parts = pieces(piece, max(SHORTEST_PIECE, len(piece) // 2 + 1))
        return _joined([_moved(self._read(piece[start:end]), start) for start, end in parts])

    def _instead(self, piece: str, fault: Unanswered) -> Extraction:
        if self._fallback is None:
            raise fault
        log.warning("%s answers in its place: %s", self._fallback.engine.name, fault)
        with self._fallback_turn:
            return Extraction(tuple(self._fallback.find(piece)), fallbacks=1)


def usable(answer: str) -> None:
    """Raise ``ValueError`` if the answer is not of the form that was asked for."""
    complete(json_object(answer))


def _says_something(piece: str) -> bool:
    return any(map(str.isalnum, piece))


def _joined(parts: list[Extraction]) -> Extraction:
    return Extraction(
        tuple(mention for part in parts for mention in part.mentions),
        tuple(relation for part in parts for relation in part.relations),
        sum(part.dropped for part in parts),
        sum(part.fallbacks for part in parts),
    )


def _moved(found: Extraction, by: int) -> Extraction:
    def span(place: Span) -> Span:
        return Span(place.start + by, place.end + by)

    def relation(r: TypedRelation) -> TypedRelation:
        return r._replace(subject=span(r.subject), object=span(r.object), evidence=span(r.evidence))

    mentions = tuple(m._replace(start=m.start + by, end=m.end + by) for m in found.mentions)
    return Extraction(mentions, tuple(map(relation, found.relations)), found.dropped, found.fallbacks)
