"""A server that is asked in a thread of its own, so that one that hangs holds up nobody."""

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

from pipeline.errors import PipelineError, ServiceUnavailable

T = TypeVar("T")


class Source(Generic[T]):
    """Asks once at a time; an answer that is still awaited is not asked for again.

    Args:
        name: of the server, for people.
        ask: reads; raises PipelineError.
    """

    def __init__(self, name: str, ask: Callable[[], T]) -> None:
        self._name = name
        self._ask = ask
        self._asked = 0.0
        self._thread: threading.Thread | None = None
        self._answer: T | PipelineError

    def begin(self) -> None:
        """Ask."""
        if self._thread is None:
            self._asked = time.monotonic()
            self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
            self._thread.start()

    def answer(self, patience: float) -> T:
        """The answer, waited for that many seconds.

        Raises:
            PipelineError: what asking raised; ServiceUnavailable: there is no answer yet.
        """
        assert self._thread
        self._thread.join(max(0.0, patience))
        if self._thread.is_alive():
            raise ServiceUnavailable(f"The {self._name} has not answered for {time.monotonic() - self._asked:.0f} s.")
        self._thread = None
        if isinstance(self._answer, PipelineError):
            raise self._answer
        return self._answer

    def _run(self) -> None:
        try:
            self._answer = self._ask()
        except PipelineError as fault:
            self._answer = fault
