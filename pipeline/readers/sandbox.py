"""Reading in a child process with limits, reused from document to document."""

import importlib.metadata
import logging
import os
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from pipeline.errors import BadDocument
from pipeline.model import Engine, ReadEvent
from pipeline.readers.faults import Fault
from pipeline.readers.limits import MEGABYTE, Limits
from pipeline.readers.process import ReadingProcess

VERSION = "1"
_LIBRARIES = ("pypdfium2", "pillow", "lxml", "kreuzberg", "soundfile", "babycat", "soxr", "charset-normalizer")
_BROKE = {Fault.CRASHED, Fault.OUT_OF_MEMORY}

log = logging.getLogger(__name__)


def _version(library: str) -> str:
    try:
        return importlib.metadata.version(library)
    except importlib.metadata.PackageNotFoundError:
        return "missing"


class SandboxReader:
    """Implements ``Reader``. Safe to share: reads that overlap get a process each; at rest one is kept.

    Args:
        limits: what one document may take.
        documents_per_process: after so many documents the process is replaced.
    """

    def __init__(self, limits: Limits | None = None, documents_per_process: int = 100) -> None:
        self._limits = limits or Limits()
        self._documents = documents_per_process
        self._resting: ReadingProcess | None = None
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
        given = again = False
        process = self._take()
        try:
            for event in process.read(path, name, pages):
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
            yield from self._alone(path, name, pages)

    def close(self) -> None:
        """End the process that is kept."""
        if (process := self._take_resting()) is not None:
            process.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _alone(self, path: Path, name: str, pages: range | None) -> Iterator[ReadEvent]:
        process = ReadingProcess(self._limits)
        try:
            yield from process.read(path, name, pages)
        finally:
            self._rest(process)

    def _take_resting(self) -> ReadingProcess | None:
        process, self._resting = self._resting, None
        return process

    def _take(self) -> ReadingProcess:
        process = self._take_resting()
        if process is not None and process.owner != os.getpid():  # this program was forked; the child is the other's
            process.close()
            process = None
        return process or ReadingProcess(self._limits)

    def _rest(self, process: ReadingProcess) -> None:
        """Keep the process for the next document if it is in good shape."""
        swollen = process.memory > self._limits.memory * MEGABYTE // 4
        if process.idle and not swollen and process.documents < self._documents and self._resting is None:
            self._resting = process
            return
        if not process.idle and (notes := process.notes()):
            log.warning("the reading process was ended; its last words: %s", notes[-500:])
        process.close()
