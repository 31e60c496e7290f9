"""Files of a multipart body, written to disk as they come in: of none more than a piece is in memory."""

import hashlib
from pathlib import Path
from typing import IO, NamedTuple

from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser, parse_options_header

from pipeline.api.problems import Problem
from pipeline.errors import BadDocument, Outage
from pipeline.settings import MEGABYTE

ADVICE = "Send multipart/form-data with the files, each with its filename: curl -F file=@letter.pdf."

LONGEST_BOUNDARY = 70


class Received(NamedTuple):
    """A file on disk; ``name`` is what the client calls it."""

    name: str
    path: Path
    size: int
    sha256: str


class Limits(NamedTuple):
    """Bytes of one file, bytes of all, and number of files."""

    file: int
    body: int
    files: int


def boundary_of(content_type: str) -> bytes:
    """What parts the files.

    Raises:
        Problem: this is no multipart body.
    """
    kind, options = parse_options_header(content_type)
    if kind != b"multipart/form-data":
        raise Problem(415, "An upload is multipart/form-data.", "not_multipart", ADVICE)
    if not 0 < len(options.get(b"boundary", b"")) <= LONGEST_BOUNDARY:
        raise Problem(400, "The upload's Content-Type names no boundary.", "broken_upload", ADVICE)
    return options[b"boundary"]


class FileParts:
    """Takes a body piece by piece; ``received`` are the files that are whole.

    Args:
        boundary: of the body.
        folder: where files are written; whoever made it removes it.
        limits: what is too much.
    """

    def __init__(self, boundary: bytes, folder: Path, limits: Limits) -> None:
        self.received: list[Received] = []
        self.taken = 0
        self._folder = folder
        self._limits = limits
        self._ended = False
        self._file: IO[bytes] | None = None
        self._field, self._value, self._headers = b"", b"", dict[bytes, bytes]()
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._begin,
                "on_header_field": self._header_field,
                "on_header_value": self._header_value,
                "on_header_end": self._header_end,
                "on_headers_finished": self._open,
                "on_part_data": self._data,
                "on_part_end": self._close,
                "on_end": self._end,
            },
        )

    def write(self, piece: bytes) -> None:
        """Take the next piece.

        Raises:
            Problem: the body is broken, or there are too many files.
            BadDocument: a file, or all together, are too large (code ``too_large``).
            Outage: there is no room for it (code ``disk_full``).
        """
        self.taken += len(piece)
        if self.taken > self._limits.body:
            raise too_large("upload", self._limits.body, "API_MAX_UPLOAD")
        try:
            self._parser.write(piece)
        except MultipartParseError as fault:
            raise _broken() from fault

    def finish(self) -> list[Received]:
        """The files, once all of the body was taken.

        Raises:
            Problem: it ends in the middle, or holds no file.
        """
        if not self._ended:
            raise _broken()
        if not self.received:
            raise Problem(422, "The upload holds no file.", "no_file", ADVICE)
        return self.received

    def close(self) -> None:
        """Close the file that was being written."""
        if self._file:
            self._file.close()

    def _begin(self) -> None:
        self._headers = {}

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._field += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _header_end(self) -> None:
        self._headers[self._field.lower()] = self._value
        self._field = self._value = b""

    def _open(self) -> None:
        _, options = parse_options_header(self._headers.get(b"content-disposition", b""))
        name = options.get(b"filename", b"")
        if not name:
            return  # a field that is no file, or a form's empty choice
        if len(self.received) >= self._limits.files:
            raise Problem(413, f"{self._limits.files:,} files are allowed in one upload (API_MAX_FILES).", "too_many_files",
                          "Upload them in parts.")  # fmt: skip
        self._name = name.decode("utf-8", "backslashreplace")
        self._size, self._digest = 0, hashlib.sha256()
        self._file = (self._folder / str(len(self.received))).open("wb")

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self._file is None:
            return
        self._size += end - start
        if self._size > self._limits.file:
            raise too_large(f"file {self._name}", self._limits.file, "MAX_FILE_SIZE")
        piece = memoryview(data)[start:end]
        self._digest.update(piece)
        try:
            self._file.write(piece)
        except OSError as fault:
            raise Outage(f"The upload cannot be written: {fault.strerror}.", "disk_full") from fault

    def _close(self) -> None:
        if self._file is None:
            return
        try:
            self._file.close()
        except OSError as fault:
            raise Outage(f"The upload cannot be written: {fault.strerror}.", "disk_full") from fault
        self.received.append(Received(self._name, Path(self._file.name), self._size, self._digest.hexdigest()))
        self._file = None

    def _end(self) -> None:
        self._ended = True


def too_large(what: str, limit: int, setting: str) -> BadDocument:
    """The error for what is above a limit of so many bytes."""
    return BadDocument(f"The {what} is too large: {limit // MEGABYTE} MB are allowed ({setting}).", "too_large")


def _broken() -> Problem:
    return Problem(400, "The upload is broken or ends in the middle.", "broken_upload", ADVICE)
