"""What stands between workers and paid services."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from datetime import timedelta
from functools import partial
from typing import NamedTuple, Protocol

from pipeline.errors import LeaseLost, PipelineError
from pipeline.model import Booking, Usage

HOUR = timedelta(hours=1)


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
    """Counts what paid services use, and keeps the budgets. Thread-safe.

    Every call that was begun is counted once: with what it used, or, if nobody tells its end, with what it was begun with.
    """

    def begin(self, most: Usage, call: str = "", open_for: timedelta = HOUR) -> str:
        """A call is about to be made; returns its name. It is made for whom ``charged_to`` names.

        Args:
            most: what it will use, at most.
            call: its name, a UUID, if it has one already: begun once, however often this is said.
            open_for: how long its end is waited for.

        Raises:
            OverBudget: the budget is used up: the call must not be made.
            ServiceUnavailable: the books cannot be reached: the call must not be made either.
        """

    def end(self, call: str, used: Usage | None) -> None:
        """The call has ended; None: nobody knows what it used. Books that are away are waited for in the background."""

    def drop(self, call: str) -> None:
        """The call was refused or never made, and cost nothing."""


class Charge(NamedTuple):
    """Who pays for a call: a document, at a step, or else a project."""

    document_id: str = ""
    step: str = ""
    project: str = ""


NOBODY = Charge()
charged_to: ContextVar[Charge] = ContextVar("charged_to", default=NOBODY)
"""Of the running thread or greenlet."""


@contextmanager
def charging(charge: Charge) -> Iterator[None]:
    """All calls in this context are made for ``charge``."""
    before = charged_to.set(charge)
    try:
        yield
    finally:
        charged_to.reset(before)


@contextmanager
def metered(meter: Meter | None, most: Usage | None) -> Iterator[Callable[[Usage], None]]:
    """Around one paid call; what it yields must be told what the call used.

    Without a meter, or where ``most`` is None, nobody counts. A call that was refused or could not be made is dropped. One
    that was not waited for may be paid for all the same, and counts with ``most``.
    """
    if meter is None or most is None:
        yield lambda _: None
        return
    call = meter.begin(most)
    try:
        yield partial(meter.end, call)
    except LeaseLost:
        raise  # broken off in the middle: its end is never told
    except PipelineError as fault:
        if fault.code == "timeout":
            meter.end(call, None)
        else:
            meter.drop(call)
        raise


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


def remembered(answers: AnswerCache, fingerprint: str, ask: Callable[[], str]) -> str:
    """The answer that was paid for before, else what ``ask`` gives. Of several who ask at once, one pays."""
    with answers.turn(fingerprint) as known:
        if known is not None:
            return known
        answer = ask()
        answers.put({fingerprint: answer})
        return answer
