"""Engines behind one OpenAI-compatible endpoint, built from the settings. They share limits, books and answers."""

import logging
from functools import cached_property

from pipeline.engines.remote.calling import Caller, Office
from pipeline.engines.remote.embedder import RemoteEmbedder
from pipeline.engines.remote.endpoint import Endpoint
from pipeline.engines.remote.finder import RemoteFinder
from pipeline.engines.remote.speech import RemoteSpeech
from pipeline.engines.remote.vision import RemoteOcr
from pipeline.model import Booking, Usage
from pipeline.ports import MentionFinder
from pipeline.settings import Settings
from pipeline.stores.answers import MemoryAnswers, RedisAnswers
from pipeline.stores.rate_limits import Limit, RedisRateLimits

NAME = "openai"

log = logging.getLogger(__name__)


class LoggedUsage:
    """Implements ``ports.Meter`` in the log."""

    def record(self, usage: Usage) -> None:
        """One call that was answered."""
        log.info("%s: %s", usage.endpoint, usage)


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
        settings: with the broker's address, which keeps limits and answers for all workers.
        alone: without the broker, for a look at the service.
    """

    def __init__(self, settings: Settings, *, alone: bool = False) -> None:
        self._settings = settings
        self._alone = alone

    def finder(self, fallback: MentionFinder | None) -> RemoteFinder:
        """Names and relations by a language model."""
        s = self._settings
        return RemoteFinder(self.caller(s.ner_remote_model), structure=s.openai_structure, fallback=fallback)

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

    def caller(self, model: str) -> Caller:
        """Calls one model."""
        s = self._settings
        key = s.openai_api_key.get_secret_value() if s.openai_api_key else ""
        timeout = s.openai_timeout.total_seconds()
        return Caller(Endpoint(model, key, s.openai_base_url, NAME, s.azure_openai_api_version, timeout), self._office)

    @cached_property
    def _office(self) -> Office:
        s = self._settings
        if self._alone:
            return Office(NoLimits(), LoggedUsage(), MemoryAnswers())
        limit = Limit(s.openai_requests_per_minute, s.openai_tokens_per_minute)
        return Office(RedisRateLimits(s.broker, {NAME: limit}), LoggedUsage(), RedisAnswers(s.broker))
