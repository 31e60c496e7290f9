"""What a process needs, built once from the settings and only when it is first used."""

import os
from datetime import timedelta
from functools import cache, cached_property

from pipeline.endpoints import located
from pipeline.ports import BlobStore, DocumentStore, Embedder, GraphStore, MentionFinder, OcrEngine, Reader, SpeechEngine
from pipeline.settings import Settings, load_settings
from pipeline.tasks.heartbeat import Heartbeat


class Services:
    """Stores and engines behind their ports; a worker process has one.

    Args:
        settings: with the addresses of all servers that are used.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    @property
    def step_retries(self) -> int:
        """How often a step is tried again when a service is away."""
        return self.settings.step_retries

    @property
    def longest_wait(self) -> timedelta:
        """Longest pause between two tries."""
        return self.settings.retry_longest_wait
