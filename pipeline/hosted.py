"""Engines behind one OpenAI-compatible endpoint, built from the settings. They share limits, books and answers."""

from functools import cached_property

from pipeline.engines.remote.batches import BatchService
from pipeline.engines.remote.calling import PATIENCE, Caller, Office
from pipeline.engines.remote.embedder import RemoteEmbedder
from pipeline.engines.remote.endpoint import Endpoint
from pipeline.engines.remote.finder import InBatches, RemoteFinder, usable
from pipeline.engines.remote.speech import RemoteSpeech
from pipeline.engines.remote.vision import RemoteOcr
from pipeline.model import Booking
from pipeline.ports import AnswerCache, MentionFinder, Meter, QuestionDesk
from pipeline.settings import Settings
from pipeline.stores.answers import MemoryAnswers
from pipeline.stores.rate_limits import Limit, RedisRateLimits

NAME = "openai"


class NoLimits:
    """Implements ``ports.RateLimit``: nobody waits."""

    def book(self, endpoint: str, tokens: int) -> Booking:
        """At once."""
        return Booking(endpoint, 0, tokens)

    def settle(self, booking: Booking, tokens: int) -> None:
        """Nothing is kept."""

    def slow_down(self, booking: Booking, retry_after: float) -> None:
        """Nothing is kept."""


class Hosted:
    """Engines of the service that the settings name.

    Args:
        settings: with the broker's address, which keeps the limits for all workers.
        meter: counts what is paid for.
        answers: keeps it. Without them nothing is counted, kept or limited: for a look at the service.
        desk: takes questions that are asked in batches.
    """

    def __init__(
        self,
        settings: Settings,
        meter: Meter | None = None,
        answers: AnswerCache | None = None,
        desk: QuestionDesk | None = None,
    ) -> None:
        self._settings = settings
        self._meter = meter
        self._answers = answers
        self._desk = desk

    def finder(self, fallback: MentionFinder | None) -> RemoteFinder:
        """Names and relations by a language model."""
        s = self._settings
        batches = InBatches(self._desk, self.batches(s.ner_remote_model)) if self._desk else None
        caller = self.caller(s.ner_remote_model)
        return RemoteFinder(caller, structure=s.openai_structure, fallback=fallback, batches=batches)

    def batches(self, model: str) -> BatchService:
        """Batches of questions about names and relations."""
        return BatchService(self.caller(model, patience=0.0), usable)

    def ocr(self) -> RemoteOcr:
        """Pages by a model that sees."""
        s = self._settings
        return RemoteOcr(self.caller(s.ocr_remote_model), structure=s.openai_structure)

    def speech(self) -> RemoteSpeech:
        """Recordings."""
        s = self._settings
        return RemoteSpeech(self.caller(s.speech_remote_model), times=s.speech_remote_times)

    def embedder(self) -> RemoteEmbedder:
        """Vectors."""
        s = self._settings
        return RemoteEmbedder(
            self.caller(s.embedding_remote_model),
            s.embedding_dimension,
            max_tokens=s.embedding_max_tokens,
            shorten=s.embedding_shorten,
        )

    def caller(self, model: str, patience: float = PATIENCE) -> Caller:
        """Calls one model."""
        s = self._settings
        key = s.openai_api_key.get_secret_value() if s.openai_api_key else ""
        timeout = s.openai_timeout.total_seconds()
        endpoint = Endpoint(model, key, s.openai_base_url, NAME, s.azure_openai_api_version, timeout)
        return Caller(endpoint, self._office, patience)

    @cached_property
    def _office(self) -> Office:
        s = self._settings
        if self._answers is None:
            return Office(NoLimits(), None, MemoryAnswers())
        limit = Limit(s.openai_requests_per_minute, s.openai_tokens_per_minute)
        return Office(RedisRateLimits(s.broker, {NAME: limit}), self._meter, self._answers)
