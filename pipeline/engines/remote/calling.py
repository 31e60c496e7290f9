"""One paid call: its turn, its time-out, its translation, what it used; and answers that need not be paid for again."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, TypeVar

from pipeline.engines.remote.endpoint import Endpoint, clients_of
from pipeline.engines.remote.faults import translated
from pipeline.errors import OverBudget, ServiceUnavailable, Throttled
from pipeline.model import Usage
from pipeline.ports import AnswerCache, Meter, RateLimit, metered, remembered

if TYPE_CHECKING:
    from openai import OpenAI

TRIES = 6
PATIENCE = 30.0
FIRST_PAUSE = 0.5
"""Seconds before a call that failed is tried again; then twice as long, and so on."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Office:
    """What all paid engines share: who gives turns, who keeps the books, who remembers the answers."""

    limits: RateLimit
    meter: Meter | None
    answers: AnswerCache


class Caller:
    """Calls one endpoint. Thread-safe.

    Args:
        endpoint: where.
        office: turns, books and answers.
        patience: seconds in which a call that failed is tried again; a longer fault is raised, and frees the worker.
    """

    def __init__(self, endpoint: Endpoint, office: Office, patience: float = PATIENCE) -> None:
        self.endpoint = endpoint
        self.office = office
        self._patience = patience

    def call(self, send: "Callable[[OpenAI], T]", most: Usage | None, used: Callable[[T], Usage]) -> T:
        """Make a call when its turn has come.

        Args:
            send: makes it.
            most: what it may use, at most; None: nothing is paid for it.
            used: tells from the answer what it used.

        Raises:
            OverBudget: the budget is used up; the call was not made.
            Throttled: the service, or the limit, asks for a longer pause than ``patience``.
            ServiceUnavailable: it does not answer, also when tried again.
            PipelineError: as ``faults.translated`` says.
        """
        deadline = time.monotonic() + self._patience
        for attempt in range(TRIES):
            last = attempt == TRIES - 1
            try:
                return self._once(send, most, used)
            except Throttled as fault:  # the next turn comes after the pause
                if last or time.monotonic() + fault.retry_after > deadline:
                    raise
            except ServiceUnavailable:
                pause = FIRST_PAUSE * 2**attempt * random.uniform(0.5, 1.0)
                if last or time.monotonic() + pause > deadline:
                    raise
                time.sleep(pause)
        raise AssertionError  # the last attempt returns or raises

    def _once(self, send: "Callable[[OpenAI], T]", most: Usage | None, used: Callable[[T], Usage]) -> T:
        limits, tokens = self.office.limits, most.input_tokens + most.output_tokens if most else 0
        booking = limits.book(self.endpoint.name, tokens)
        try:
            with metered(self.office.meter, most) as paid:
                answer = self._sent(send)
                usage = used(answer)
                paid(usage)
        except Throttled as fault:
            limits.slow_down(booking, fault.retry_after)
            limits.settle(booking, 0)
            raise
        except OverBudget:
            limits.settle(booking, 0)
            raise
        limits.settle(booking, usage.input_tokens + usage.output_tokens or tokens)
        return answer

    def _sent(self, send: "Callable[[OpenAI], T]") -> T:
        clients = clients_of(self.endpoint)
        from openai import OpenAIError

        try:
            with clients.one() as client:
                return send(client)
        except OpenAIError as fault:
            raise translated(fault, self.endpoint) from None  # the library's own holds the request with its key
        except ValueError:
            raise ServiceUnavailable(
                f"{self.endpoint.name} answered with something that is no answer.", "bad_answer"
            ) from None

    def prepare(self) -> None:
        """Import the client library.

        Raises:
            Misconfigured: it is not installed.
        """
        clients_of(self.endpoint)

    def remembered(self, fingerprint: str, ask: Callable[[], str]) -> str:
        """The answer that was paid for before, else what ``ask`` gives. Of several who ask at once, one pays."""
        return remembered(self.office.answers, fingerprint, ask)


def fingerprint_of(kind: str, *parts: str | bytes) -> str:
    """Hash of a question, whatever endpoint it is put to: its kind and version, the model, what is asked."""
    digest = sha256(kind.encode())
    for part in parts:
        data = part.encode("utf-8", "surrogatepass") if isinstance(part, str) else part
        digest.update(len(data).to_bytes(8, "big"))
        digest.update(data)
    return digest.hexdigest()
