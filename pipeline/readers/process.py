"""One reading process as seen from outside: started, watched, ended."""

import fcntl
import json
import logging
import os
import select
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psutil

import pipeline
from pipeline.errors import BadDocument, ServiceUnavailable
from pipeline.model import Attachment, PageImage, ReadEvent
from pipeline.readers import wire
from pipeline.readers.faults import Fault, bad
from pipeline.readers.limits import MEGABYTE, Limits

log = logging.getLogger(__name__)

_LOOK_SECONDS = 0.1
_START_SECONDS = 60.0
_PIPE_SIZE = MEGABYTE
_ROOT = Path(pipeline.__file__).parent.parent
_OUT_OF_MEMORY = (b"MemoryError", b"memory allocation", b"bad_alloc", b"Out of memory", b"Cannot allocate")
_SIGXCPU = 24


class ReadingProcess:
    """A child that reads documents, one after the other. Used by one thread at a time.

    Raises:
        ServiceUnavailable: the child does not start.
    """

    def __init__(self, limits: Limits) -> None:
        self.owner = os.getpid()
        self.documents = 0
        self.idle = True
        self._limits = limits
        self._notes = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the child
        requests, self._requests = os.pipe()
        self._events, events = os.pipe()
        if hasattr(fcntl, "F_SETPIPE_SZ"):
            fcntl.fcntl(events, fcntl.F_SETPIPE_SZ, _PIPE_SIZE)
        command = [sys.executable, "-P", "-m", "pipeline.readers.child", limits.to_json()]
        self._child = subprocess.Popen(
            command, stdin=requests, stdout=events, stderr=self._notes, env=_environment(), cwd="/", start_new_session=True
        )
        os.close(requests)
        os.close(events)
        self._poll = select.poll()
        self._poll.register(self._events, select.POLLIN | select.POLLHUP)
        self._watched = psutil.Process(self._child.pid)
        self._largest = 0
        self._looked = 0.0
        self._waited = self._step = 0.0
        self._patience = _START_SECONDS
        with ExitStack() as undone:
            undone.callback(self.close)
            self._await_start()
            undone.pop_all()
        self._patience = limits.step_seconds

    def _await_start(self) -> None:
        """Wait until the child is ready: what keeps it from starting is no document's fault."""
        try:
            if self._frame()[0]["kind"] == "ready":
                return
        except (BadDocument, EOFError, wire.Violation):
            pass
        log.error("the reading process did not start: %s", self.notes().strip())
        raise ServiceUnavailable("The process that reads documents does not start; see the log, and nlp-pipeline doctor.")

    def read(self, path: Path, name: str, pages: range | None = None) -> Iterator[ReadEvent]:
        """Yield the events of one document, or of some of its pages; ``idle`` is true again when it ended as it should.

        Raises:
            BadDocument: the document cannot be read, or the child broke a limit, the protocol, or down.
        """
        yield from self._answers(_request(path, name) | {"pages": None if pages is None else [pages.start, pages.stop]})

    def draw(self, path: Path, name: str, number: int, width: int) -> PageImage:
        """A picture of one page; errors as ``read``."""
        events = list(self._answers(_request(path, name) | {"pages": [number, number + 1], "width": width}))
        if len(events) != 1 or not isinstance(events[0], PageImage):
            raise bad(Fault.CRASHED)
        return events[0]

    def _answers(self, request: Mapping[str, object]) -> Iterator[ReadEvent]:
        self.idle = False
        self.documents += 1
        self._waited = 0.0
        budget = _Budget(self._limits)
        try:
            os.write(self._requests, json.dumps(request).encode() + b"\n")
            while (event := self._event()) is not None:
                budget.check(event)
                yield event
        except wire.Violation as fault:
            raise bad(Fault.CRASHED) from fault
        except (BrokenPipeError, EOFError) as fault:
            raise self._death() from fault
        self.idle = True

    def close(self) -> None:
        """End the child; nothing happens if it has ended."""
        for pipe in (self._requests, self._events):
            os.close(pipe)
        self._notes.close()
        if self.owner == os.getpid():
            self._child.kill()
            self._child.wait()

    @property
    def memory(self) -> int:
        """Resident memory of the child now, in bytes; 0 if it has ended."""
        try:
            return int(self._watched.memory_info().rss)
        except psutil.Error:
            return 0

    def _event(self) -> ReadEvent | None:
        """The next event; None at the document's end."""
        while True:
            header, body = self._frame()
            match header.get("kind"):
                case "alive":
                    continue
                case "end":
                    return None
                case "error":
                    self.idle = True
                    raise _told(header)
            return wire.decode(header, body)

    def _frame(self) -> tuple[wire.Header, bytes]:
        self._step = 0.0
        header_size, body_size = wire.PREFIX.unpack(self._receive(wire.PREFIX.size))
        if header_size > wire.MAX_HEADER:
            raise wire.Violation("header")
        try:
            header: Any = json.loads(self._receive(header_size))
        except (ValueError, RecursionError) as fault:
            raise wire.Violation("header") from fault
        if not isinstance(header, dict) or not isinstance(header.get("kind"), str):
            raise wire.Violation("header")
        if body_size > wire.longest_body(header["kind"], self._limits):
            raise bad(Fault.TOO_LARGE)
        return header, self._receive(body_size)

    def _receive(self, count: int) -> bytes:
        pieces = bytearray()
        while len(pieces) < count:
            before = time.monotonic()
            ready = self._poll.poll(_LOOK_SECONDS * 1000)
            now = time.monotonic()
            self._waited += now - before
            self._step += now - before
            if now - self._looked > _LOOK_SECONDS:
                self._looked = now
                self._look()
            if ready:
                piece = os.read(self._events, min(count - len(pieces), _PIPE_SIZE))
                if not piece:
                    raise EOFError
                pieces += piece
        return bytes(pieces)

    def _look(self) -> None:
        """See whether the child keeps its limits."""
        self._largest = max(self._largest, self.memory)
        if self._largest > self._limits.memory * MEGABYTE:
            raise bad(Fault.OUT_OF_MEMORY)
        if self._waited > self._limits.seconds or self._step > self._patience:
            raise bad(Fault.TIMEOUT)

    def _death(self) -> BadDocument:
        """Why the child ended: the limits that it ran into, an error of a library, or a crash."""
        try:
            status = self._child.wait(timeout=10)
        except subprocess.TimeoutExpired:
            return bad(Fault.CRASHED)
        if status == -_SIGXCPU:
            return bad(Fault.TIMEOUT)
        if (
            any(sign in self.notes().encode() for sign in _OUT_OF_MEMORY)
            or self._largest > 0.7 * self._limits.memory * MEGABYTE
        ):
            return bad(Fault.OUT_OF_MEMORY)
        return bad(Fault.DAMAGED if status > 0 else Fault.CRASHED)

    def notes(self) -> str:
        """The end of what the child wrote on its standard error, for logs."""
        size = self._notes.seek(0, os.SEEK_END)
        self._notes.seek(max(0, size - 2000))
        return self._notes.read().decode("utf-8", "replace")


def _request(path: Path, name: str) -> dict[str, object]:
    return {
        "path": os.fsencode(path.absolute()).hex(),
        "name": name.encode("utf-8", "replace").decode(),
        "pages": None,
        "width": None,
    }


class _Budget:
    """Counts what one document has given so far."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._text = limits.text_size * MEGABYTE
        self._attached = limits.attachment_size * MEGABYTE
        self._events = limits.pages + limits.attachments + 1

    def check(self, event: ReadEvent) -> None:
        """Take an event into account.

        Raises:
            BadDocument: the document gives more than the limits allow.
        """
        self._events -= 1
        self._text -= len(getattr(event, "text", ""))
        self._attached -= len(event.content) if isinstance(event, Attachment) else 0
        if min(self._events, self._text, self._attached) < 0:
            raise bad(Fault.TOO_LARGE)


def _told(header: wire.Header) -> BadDocument:
    """The error that the child reports; a code of its own making is not passed on."""
    code, message = header.get("code"), header.get("message")
    if not isinstance(code, str) or not isinstance(message, str) or code not in set(Fault):
        return bad(Fault.DAMAGED)
    return bad(Fault(code), message[:300])


def _environment() -> dict[str, str]:
    """Nothing of ours but where the code lies: no secret can leave with a document's text."""
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "RAYON_NUM_THREADS", "TOKIO_WORKER_THREADS"), "1")
    fixed = {"LANG": "C.UTF-8", "PYTHONUTF8": "1", "MALLOC_ARENA_MAX": "2", "PATH": os.defpath, "HOME": "/nonexistent"}
    return {**fixed, **threads, "PYTHONPATH": os.pathsep.join([str(_ROOT), *filter(None, sys.path)])}
