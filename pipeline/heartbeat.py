"""Keeps the lease of the running step alive, and breaks the step off when it is lost: one thread a worker process."""

import ctypes
import logging
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from types import FrameType

from pipeline.errors import LeaseLost, PipelineError
from pipeline.model import Lease

log = logging.getLogger("pipeline.tasks")

SIGNAL = signal.SIGUSR2
IMPORT = "<frozen importlib._bootstrap>"
GRACE = 1.0  # seconds for a step that has just ended its lease itself, by its commit


class BrokenOff(LeaseLost):
    """The lease was lost while the step ran: cancelled, deleted, or given to another worker."""

    def __init__(self, message: str = "The lease was lost while the step ran.", code: str = "") -> None:
        super().__init__(message, code)


class Heartbeat:
    """Renews every held lease at a third of its duration.

    Args:
        renew: prolongs one lease; False if it is lost.
        duration: how long a lease lasts.
    """

    def __init__(self, renew: Callable[[Lease], bool], duration: timedelta) -> None:
        self._renew = renew
        self._pause = duration.total_seconds() / 3
        self._held: set[Lease] = set()
        self._lost: set[Lease] = set()
        self._bodies: dict[Lease, int] = {}  # the thread that works for it and may be broken off
        self._lock = threading.Lock()
        self._interrupting = threading.Lock()
        self._thread: threading.Thread | None = None

    @contextmanager
    def of(self, lease: Lease) -> Iterator[None]:
        """Keep ``lease`` while the context lasts."""
        with self._lock:
            self._held.add(lease)
            if self._thread is None:
                self._thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)
                self._thread.start()
        try:
            yield
        finally:
            with self._lock:
                self._held.discard(lease)
                self._lost.discard(lease)

    @contextmanager
    def breaking_off(self, lease: Lease) -> Iterator[None]:
        """Raise ``BrokenOff`` in the context at the beat that finds ``lease`` lost, and never after the context.

        The main thread is woken from any wait; another thread sees it when it is back in Python.
        """
        thread = threading.get_ident()
        if thread == threading.main_thread().ident:
            signal.signal(SIGNAL, self._raise)
        self._bodies[lease] = thread
        try:
            yield
        finally:
            with self._interrupting:
                self._bodies.pop(lease, None)
                if thread != threading.main_thread().ident:
                    _raise_in(thread, None)

    def _beat(self) -> None:
        pause = threading.Event()
        while not pause.wait(self._pause):
            with self._lock:
                held = list(self._held)
            lost = [lease for lease in held if not self._renewed(lease)]
            with self._lock:
                self._lost.update(self._held.intersection(lost))
                self._held.difference_update(lost)
                broken = list(self._lost)
            if lost:
                pause.wait(min(GRACE, self._pause))
            for lease in broken:  # again at every beat: an exception may have been swallowed, or had to wait
                self._break_off(lease)

    def _renewed(self, lease: Lease) -> bool:
        try:
            if self._renew(lease):
                return True
        except PipelineError as fault:
            log.warning("the lease on %s could not be renewed: %s", lease.document_id, fault)
            return True
        log.info("%s of %s: the lease has ended", lease.step, lease.document_id)
        return False

    def _break_off(self, lease: Lease) -> None:
        with self._interrupting:
            thread = self._bodies.get(lease)
            if thread is None:
                return
            if thread == threading.main_thread().ident:
                signal.pthread_kill(thread, SIGNAL)
            elif not _importing(sys._current_frames().get(thread)):
                _raise_in(thread, BrokenOff)

    def _raise(self, _signal: int, frame: FrameType | None) -> None:
        main = threading.main_thread().ident
        broken = [lease for lease, thread in self._bodies.items() if thread == main and lease in self._lost]
        if broken and not _importing(frame):
            raise BrokenOff


def _importing(frame: FrameType | None) -> bool:
    """Whether a module is being imported: broken off, it would stay half made for the life of the process."""
    while frame is not None:
        if frame.f_code.co_filename == IMPORT:
            return True
        frame = frame.f_back
    return False


def _raise_in(thread: int, fault: type[Exception] | None) -> None:
    """Raise an exception in another thread as soon as it runs Python code; None: not any more."""
    raised = ctypes.py_object() if fault is None else ctypes.py_object(fault)
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), raised)
