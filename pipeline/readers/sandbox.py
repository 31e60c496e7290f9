"""Reading in a child process with limits, reused from document to document."""

import importlib.metadata
import logging
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from pipeline.errors import BadDocument
from pipeline.model import Engine, PageImage, ReadEvent
from pipeline.readers.faults import Fault
from pipeline.readers.limits import MEGABYTE, Limits
from pipeline.readers.process import ReadingProcess

VERSION = "2"
_LIBRARIES = ("pypdfium2", "pillow", "lxml", "kreuzberg", "soundfile", "babycat", "soxr", "charset-normalizer")
_Event = TypeVar("_Event")
_BROKE = {Fault.CRASHED, Fault.OUT_OF_MEMORY}

log = logging.getLogger(__name__)


def _version(library: str) -> str:
    try:
        return importlib.metadata.version(library)
    except importlib.metadata.PackageNotFoundError:
        return "missing"


class SandboxReader:
    """Implements ``Reader`` and ``PageDrawer``. Safe to share: what overlaps gets a process each; at rest some are kept.

    Args:
        limits: what one document may take.
        documents_per_process: after so many documents a process is replaced.
        resting: so many processes are kept for what comes next.
    """

    def __init__(self, limits: Limits | None = None, documents_per_process: int = 100, resting: int = 1) -> None:
        self._limits = limits or Limits()
        self._documents = documents_per_process
        self._most = resting
        self._resting: list[ReadingProcess] = []
        versions = " ".join(f"{name} {_version(name)}" for name in _LIBRARIES)
        self._engine = Engine("readers", f"{VERSION} ({versions})", f"dpi={self._limits.dpi}")

    @property
    def engine(self) -> Engine:
        """The readers' version, with those of the libraries that read."""
        return self._engine

    def read(self, path: Path, name: str, pages: range | None = None) -> Iterator[ReadEvent]:
        """Yield one ``DocumentInfo``, then pages in order and attachments, as they are read; see ``ports.Reader``.

        Raises:
            BadDocument: the file cannot be read; ``code`` is one of ``Fault``.
            ServiceUnavailable: the reading process does not start.
        """
        return self._kept(lambda process: process.read(path, name, pages))

    def draw(self, path: Path, name: str, number: int, width: int) -> PageImage:
        """A picture of one page; see ``ports.PageDrawer``.

        Raises:
            BadDocument: there is none; ``code`` is one of ``Fault``.
            ServiceUnavailable: the reading process does not start.
        """
        (image,) = self._kept(lambda process: iter([process.draw(path, name, number, width)]))
        return image

    def _kept(self, ask: Callable[[ReadingProcess], Iterator[_Event]]) -> Iterator[_Event]:
        """What a process answers; a new one, if one that is kept breaks before it said anything."""
        given = again = False
        process = self._take()
        try:
            for event in ask(process):
                given = True
                yield event
        except BadDocument as fault:
            # A process that has read other files may have suffered from those.
            if given or process.documents == 1 or fault.code not in _BROKE:
                raise
            again = True
        finally:
            self._rest(process)
        if again:
            yield from self._alone(ask)

    def close(self) -> None:
        """End the processes that are kept."""
        while self._resting:
            self._resting.pop().close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _alone(self, ask: Callable[[ReadingProcess], Iterator[_Event]]) -> Iterator[_Event]:
        process = ReadingProcess(self._limits)
        try:
            yield from ask(process)
        finally:
            self._rest(process)

    def _take(self) -> ReadingProcess:
        with suppress(IndexError):
            process = self._resting.pop()
            if process.owner == os.getpid():
                return process
            process.close()  # this program was forked; the child is the other's
        return ReadingProcess(self._limits)

    def _rest(self, process: ReadingProcess) -> None:
        """Keep the process for the next document if it is in good shape."""
        swollen = process.memory > self._limits.memory * MEGABYTE // 4
        if process.idle and not swollen and process.documents < self._documents and len(self._resting) < self._most:
            self._resting.append(process)
            return
        if not process.idle and (notes := process.notes()):
            log.warning("the reading process was ended; its last words: %s", notes[-500:])
        process.close()
