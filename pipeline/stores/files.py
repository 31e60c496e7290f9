"""Files in a folder, by key."""

import errno
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path
from typing import IO

from pipeline.errors import BadDocument, Outage
from pipeline.ports import BlobStore

COPY_SIZE = 1024 * 1024
LONGEST_NAME = 200
PROBE = "nlp-pipeline-probe"
FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


class FolderBlobs:
    """``BlobStore`` in a folder: ``project/name`` lies in ``project/na/name``. Thread-safe; machines may share the folder.

    Args:
        folder: made when the first file comes.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, key: str, source: Path) -> None:
        """Store the content of ``source`` under ``key``; whole or not at all.

        Raises:
            BadDocument: ``source`` cannot be read (code ``file_missing``), or the key is none (code ``bad_key``).
            Outage: the folder is full or may not be written.
        """
        target = self._path(key)
        with reading(source) as content, self._translated():
            target.parent.mkdir(parents=True, exist_ok=True)
            _replace(target, content)

    @contextmanager
    def local(self, key: str) -> Iterator[Path]:
        """The path of the stored file itself: to be read only.

        Raises:
            BadDocument: nothing is stored under ``key`` (code ``file_missing``).
            Outage: the folder may not be read.
        """
        path = self._path(key)
        with self._translated():
            found = path.is_file()
        if not found:
            raise BadDocument("The stored file is missing.", "file_missing")
        yield path

    def delete(self, key: str) -> None:
        """Remove the file; nothing happens if it is not there."""
        with self._translated():
            self._path(key).unlink(missing_ok=True)

    def check(self) -> str:
        """Write, read and remove a file of a few bytes; returns the folder.

        Raises:
            Outage: the folder is full or may not be used.
        """
        probe(self)
        return f"folder {self._folder}, can be written and read"

    def close(self) -> None:
        """There is nothing to give back."""

    def _path(self, key: str) -> Path:
        *folders, name = checked_key(key)
        return self._folder.joinpath(*folders, name[:2], name)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except OSError as fault:
            if fault.errno in FULL:
                raise Outage(f"No space is left for files in {self._folder}.", "disk_full") from fault
            if isinstance(fault, PermissionError):
                raise Outage(f"The folder {self._folder} may not be used by this user.", "no_permission") from fault
            raise Outage(f"The folder {self._folder} cannot be used: {fault.strerror}.") from fault


def checked_key(key: str) -> list[str]:
    """The parts of a key.

    It may come from anyone who can insert a row: it must not lead out of the store, nor to a file in the making.

    Raises:
        BadDocument: it is none (code ``bad_key``).
    """
    parts = key.split("/")
    if not all(_is_name(part) for part in parts):
        raise BadDocument("The document's storage key is not a name of a stored file.", "bad_key")
    return parts


def _is_name(part: str) -> bool:
    return part.isprintable() and 0 < len(part.encode()) <= LONGEST_NAME and not part.startswith(".") and "\\" not in part


def probe(blobs: BlobStore) -> None:
    """Write, read and remove a file of a few bytes."""
    with tempfile.NamedTemporaryFile(prefix="probe-") as file:
        file.write(b"nlp-pipeline doctor\n")
        file.flush()
        blobs.put(PROBE, Path(file.name))
    with blobs.local(PROBE):
        blobs.delete(PROBE)


@contextmanager
def reading(source: Path) -> Iterator[BufferedReader]:
    """The file, open.

    Raises:
        BadDocument: it cannot be read (code ``file_missing``).
    """
    try:
        content = source.open("rb")
    except OSError as fault:
        raise BadDocument(f"The file cannot be read: {fault.strerror}.", "file_missing") from fault
    with content:
        yield content


def written(chunks: Iterable[bytes], copy: IO[bytes]) -> str:
    """Write what comes to a temporary file; returns its SHA-256 in hexadecimal.

    Raises:
        Outage: there is no room for it (code ``disk_full``).
    """
    digest = hashlib.sha256()
    for chunk in chunks:
        digest.update(chunk)
        _append(copy, chunk)
    return digest.hexdigest()


def _append(copy: IO[bytes], chunk: bytes) -> None:
    try:
        copy.write(chunk)
        copy.flush()
    except OSError as fault:
        place = Path(copy.name).parent
        raise Outage(f"No temporary file can be written in {place}: {fault.strerror}.", "disk_full") from fault


def _replace(target: Path, content: IO[bytes]) -> None:
    with tempfile.NamedTemporaryFile(dir=target.parent, prefix=".", suffix=".part", delete=False) as part:
        temporary = Path(part.name)
        try:
            shutil.copyfileobj(content, part, COPY_SIZE)
            part.flush()
            os.fsync(part.fileno())
            temporary.replace(target)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
    _sync_folder(target.parent)


def _sync_folder(folder: Path) -> None:
    """Make the new name last through a loss of power."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
