"""What is asked for often, in a folder, up to a size. Any number of processes may share it; nothing is lost with it."""

import logging
import os
import shutil
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

from pipeline.model import DocumentId

log = logging.getLogger(__name__)

_LEFT_BEHIND = 3600.0  # seconds; older beginnings of files are those of processes that died
_USED = 600.0  # seconds; so often at most a use is noted
_SPARE = 0.8  # the share that remains when too much is kept


class _Kept(NamedTuple):
    used: float
    size: int
    path: Path


class KeptFiles:
    """Thread-safe.

    Args:
        folder: made when the first file comes.
        most: bytes that all may take.
    """

    def __init__(self, folder: Path, most: int) -> None:
        self._folder = folder
        self._most = most
        self._since = 0  # bytes that were put since the last sweep

    def get(self, document: DocumentId, name: str, age: float = 0.0) -> bytes | None:
        """What is kept under this name, unless it is older (in seconds, 0: of any age)."""
        path = self._path(document, name)
        try:
            changed = time.time() - path.stat().st_mtime
            content = path.read_bytes()
            if age and changed > age:
                return None
            if not age and changed > _USED:
                os.utime(path)
        except OSError:  # never kept, or swept meanwhile
            return None
        return content

    def put(self, document: DocumentId, name: str, content: bytes) -> None:
        """Keep it; a folder that cannot be written is told to the log."""
        with self._beginning() as part, self._told():
            part.write_bytes(content)
            part.replace(self._path(document, name))
            self._grew(len(content))

    @contextmanager
    def copy(self, document: DocumentId, name: str, original: Callable[[], AbstractContextManager[Path]]) -> Iterator[Path]:
        """A path to read a file by, while the context lasts: of the copy that is kept, and else of the original."""
        with self._beginning() as part:
            if self._linked(self._path(document, name), part):
                yield part
                return
            with original() as found:
                if (size := found.stat().st_size) <= self._most // 2:
                    with self._told():
                        shutil.copyfile(found, part)
                        part.replace(self._path(document, name))
                        self._grew(size)
                yield found

    def _linked(self, path: Path, part: Path) -> bool:
        """Give a file a second name, by which it lasts when it is swept meanwhile; False if it is not kept."""
        with suppress(OSError):
            os.link(path, part)
            os.utime(path)
            return True
        return False

    @contextmanager
    def _beginning(self) -> Iterator[Path]:
        """Where a file may be that nobody else sees."""
        with self._told():
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = self._folder / f".{uuid4().hex}"
        try:
            yield path
        finally:
            _remove(path)

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except OSError as fault:
            log.warning("nothing can be kept in %s: %s", self._folder, fault.strerror)

    def _grew(self, size: int) -> None:
        self._since += size
        if self._since > self._most * (1 - _SPARE):
            self._thin_out(self._all())

    def forget(self, document: DocumentId) -> None:
        """Remove all of a document."""
        for kept in self._all():
            if _document(kept.path) == document:
                _remove(kept.path)

    def sweep(self, known: Callable[[Sequence[str]], Collection[str]]) -> None:
        """Remove what is too much, and what is of documents that are no more.

        Args:
            known: gives those of some documents that there are.
        """
        files = self._all()
        there = known(sorted({_document(kept.path) for kept in files})) if files else ()
        for kept in files:
            if _document(kept.path) not in there:
                _remove(kept.path)
        self._thin_out([kept for kept in files if _document(kept.path) in there])

    def _thin_out(self, files: list[_Kept]) -> None:
        """Remove what was not used for the longest time."""
        self._since = 0
        size = sum(kept.size for kept in files)
        if size <= self._most:
            return
        for kept in sorted(files):
            _remove(kept.path)
            size -= kept.size
            if size <= _SPARE * self._most:
                return

    def _all(self) -> list[_Kept]:
        found = []
        with suppress(FileNotFoundError), os.scandir(self._folder) as entries:
            for entry in entries:
                with suppress(FileNotFoundError):  # another process was quicker
                    status = entry.stat()
                    if not entry.name.startswith("."):
                        found.append(_Kept(status.st_mtime, status.st_size, Path(entry.path)))
                    elif time.time() - status.st_mtime > _LEFT_BEHIND:
                        _remove(Path(entry.path))
        return found

    def _path(self, document: DocumentId, name: str) -> Path:
        return self._folder / f"{document}.{name}"


def _document(path: Path) -> str:
    return path.name.partition(".")[0]


def _remove(path: Path) -> None:
    with suppress(OSError):
        path.unlink(missing_ok=True)
