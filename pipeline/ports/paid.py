"""What stands between workers and paid services."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from pipeline.model import Booking, Usage


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
