"""A backup's file: a tar of a header, the database's dump, the stored files, and last the SHA-256 of each of them."""

import hashlib
import io
import os
import shutil
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from pydantic import BaseModel, ValidationError

from pipeline.errors import BadDocument, Misconfigured
from pipeline.stores.files import FULL, checked_key

FORMAT = 1
HEADER, DUMP, FILES, SUMS = "backup.json", "database.dump", "files/", "sums.json"
LARGEST_TEXT = 256 * 1024 * 1024  # bytes of header or sums; a sum takes about 200


class Header(BaseModel, frozen=True):
    """What a backup says of itself. ``migrations``: what had been applied to its database."""

    format: int = FORMAT
    version: str
    made_at: str
    migrations: list[str]
    documents: int
    with_files: bool


class Sums(BaseModel, frozen=True):
    """SHA-256 in hexadecimal by member."""

    sha256: dict[str, str]


class Refused(Misconfigured):
    """What stands there already is not written over."""

    advice = "Nothing was changed."


class BadBackup(Misconfigured):
    """The file is no backup, is damaged, or was made by a newer version."""

    code = "bad_backup"
    advice = "Nothing was changed. Take another copy of the backup, or the version of nlp-pipeline that made it."


class ArchiveWriter:
    """Writes members one by one; without ``finish`` it is no backup."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._tar = tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT)  # noqa: SIM115  # closed by finish
        self._sums: dict[str, str] = {}

    def add(self, name: str, content: IO[bytes], size: int) -> None:
        """Add ``size`` bytes of ``content``."""
        member = tarfile.TarInfo(name)
        member.size, member.mode = size, 0o600
        summed = _Summed(content)
        self._tar.addfile(member, summed)
        self._sums[name] = summed.digest.hexdigest()

    def add_text(self, name: str, model: BaseModel) -> None:
        """Add a model as JSON."""
        text = model.model_dump_json(indent=1).encode()
        self.add(name, io.BytesIO(text), len(text))

    def finish(self) -> None:
        """Add the sums."""
        self.add_text(SUMS, Sums(sha256=dict(self._sums)))
        self._tar.close()


class Archive:
    """A backup that was found whole.

    Raises:
        BadBackup: it is not; nothing of it is to be used.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.header = self._verified()

    def files(self) -> Iterator[tuple[str, IO[bytes]]]:
        """Key and content of each stored file, to be read before the next."""
        with self._opened() as tar:
            for member in tar:
                if member.name.startswith(FILES):
                    yield member.name.removeprefix(FILES), _content(tar, member)

    def copy_dump(self, target: Path) -> None:
        """Write the database's dump to a file."""
        with self._opened() as tar, target.open("wb") as file:
            shutil.copyfileobj(_content(tar, tar.getmember(DUMP)), file)

    def _verified(self) -> Header:
        found: dict[str, str] = {}
        texts: dict[str, bytes] = {}
        with self._opened() as tar:
            for member in tar:
                if not member.isfile() or member.name in found or not _is_ours(member.name):
                    raise self._bad(f"it holds {member.name!a}")
                content = _content(tar, member)
                if member.name in (HEADER, SUMS):
                    texts[member.name] = content.read(LARGEST_TEXT)
                    found[member.name] = hashlib.sha256(texts[member.name]).hexdigest()
                else:
                    found[member.name] = hashlib.file_digest(content, "sha256").hexdigest()  # type: ignore[arg-type]  # readinto is enough
        return self._agrees(found, texts)

    def _agrees(self, found: dict[str, str], texts: dict[str, bytes]) -> Header:
        if SUMS not in texts:
            raise self._bad("its end is missing")
        try:
            header, sums = Header.model_validate_json(texts.get(HEADER, b"")), Sums.model_validate_json(texts[SUMS])
        except ValidationError:
            raise self._bad("its header cannot be read") from None
        del found[SUMS]
        if wrong := sorted(name for name in found.keys() | sums.sha256.keys() if found.get(name) != sums.sha256.get(name)):
            raise self._bad(f"{wrong[0]} is not what was written")
        if header.format != FORMAT:
            raise self._bad("it was made by a newer version")
        return header

    @contextmanager
    def _opened(self) -> Iterator[tarfile.TarFile]:
        try:
            with tarfile.open(self._path, "r:") as tar:
                yield tar
        except (tarfile.TarError, EOFError):
            raise self._bad("it is cut off or no backup") from None
        except OSError as fault:
            if fault.errno in FULL:  # where it is unpacked to
                raise Refused("No space is left for what the backup holds.", "disk_full") from fault
            raise self._bad(str(fault.strerror)) from None

    def _bad(self, reason: str) -> BadBackup:
        return BadBackup(f"{self._path} cannot be used: {reason}.")


class _Summed(io.RawIOBase):
    """Reads on, and sums what was read."""

    def __init__(self, content: IO[bytes]) -> None:
        self._content = content
        self.digest = hashlib.sha256()

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        chunk = self._content.read(size)
        self.digest.update(chunk)
        return chunk


@contextmanager
def fresh_file(path: Path, *, replace: bool) -> Iterator[IO[bytes]]:
    """A file that its owner alone may read, and that stands under its name once it is whole.

    Raises:
        Refused: it is there already, or cannot be written.
    """
    if path.exists() and not replace:
        raise Refused(f"{path} is there already: choose another name, or say --force.", "exists")
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as fault:
        raise Refused(f"{path} cannot be written: {fault.strerror or fault}.", "not_writable") from fault
    finally:
        part.unlink(missing_ok=True)


def _content(tar: tarfile.TarFile, member: tarfile.TarInfo) -> IO[bytes]:
    content = tar.extractfile(member)
    assert content is not None  # a regular file
    return content


def _is_ours(name: str) -> bool:
    if not name.startswith(FILES):
        return name in (HEADER, DUMP, SUMS)
    try:
        checked_key(name.removeprefix(FILES))
    except BadDocument:
        return False
    return True
