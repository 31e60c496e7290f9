"""Where the files of an earlier system lie: in a folder, in buckets of S3, in Supabase Storage."""

from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from threading import Lock
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from pipeline.errors import BadDocument, Misconfigured
from pipeline.ports import BlobStore
from pipeline.wiring import Services

KINDS = ("public", "authenticated", "sign")
STORAGE = "/storage/v1/object/"
OF_THE_FILE = {"not_there", "no_permission", "bad_name"}
"""Faults of a bucket that are told of the file that lies there; others stop everything."""


class Stored(NamedTuple):
    """A file in a bucket."""

    service: str
    bucket: str
    key: str


class OldFiles:
    """Opens what an old table names. Thread-safe.

    Args:
        use: settings of S3 and Supabase.
        folder: where relative paths begin; no path may lead out of it.
    """

    def __init__(self, use: Services, folder: Path) -> None:
        self._use = use
        self._folder = folder.absolute()
        self._address = urlsplit(use.settings.supabase_url)
        self._lock = Lock()
        self._buckets: dict[tuple[str, str], BlobStore] = {}

    def check(self, file: str) -> None:
        """Whether it can be there: a local file is looked for, a bucket is not asked.

        Raises:
            BadDocument: it is not there, or may not be read.
        """
        place = self._place(file)
        if isinstance(place, Path):
            with _readable(place):
                pass

    @contextmanager
    def opened(self, file: str) -> Iterator[Path]:
        """A path that can be read while the context lasts.

        Raises:
            BadDocument: it is not there, or may not be read.
            ServiceUnavailable: the bucket cannot be reached.
        """
        place = self._place(file)
        if isinstance(place, Path):
            with _readable(place):
                yield place
            return
        try:
            with self._bucket(place).local(place.key) as path:
                yield path
        except Misconfigured as fault:
            if fault.code not in OF_THE_FILE:
                raise
            raise BadDocument(fault.message, fault.code) from fault

    def close(self) -> None:
        """Give back connections."""
        for bucket in self._buckets.values():
            bucket.close()

    def _place(self, file: str) -> Path | Stored:
        with suppress(ValueError):
            parts = urlsplit(file)
            if parts.scheme == "s3" and parts.netloc and parts.path.strip("/"):
                return Stored("s3", parts.netloc, file.partition("://")[2].partition("/")[2])
            if parts.scheme in {"http", "https"}:
                return self._in_storage(parts.netloc, parts.path)
            if parts.scheme == "file" and parts.netloc in {"", "localhost"}:
                return self._below(unquote(parts.path))
        if "://" in file:
            raise BadDocument(
                "The file's address is of a kind that cannot be fetched: copy it to a folder.", "foreign_address"
            )
        return self._below(file)

    def _in_storage(self, host: str, path: str) -> Stored:
        kind, _, rest = path.removeprefix(STORAGE).partition("/")
        bucket, _, key = (rest if kind in KINDS else f"{kind}/{rest}").partition("/")
        if not self._address.netloc or host != self._address.netloc or not path.startswith(STORAGE) or not key:
            raise BadDocument(
                "The file has a web address that is not of SUPABASE_URL: copy it to a folder.", "foreign_address"
            )
        return Stored("supabase", unquote(bucket), unquote(key))

    def _below(self, file: str) -> Path:
        if "\0" in file:
            raise BadDocument("The file's path is none.", "file_missing")
        path = (self._folder / file).resolve()
        if not path.is_relative_to(self._folder.resolve()):
            raise BadDocument("The file lies outside the folder of files (--files).", "outside")
        return path

    def _bucket(self, place: Stored) -> BlobStore:
        with self._lock:
            name = place.service, place.bucket
            if name not in self._buckets:
                make = self._use.s3_bucket if place.service == "s3" else self._use.supabase_bucket
                self._buckets[name] = make(place.bucket)
            return self._buckets[name]


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        found = path.is_file()
        handle = path.open("rb") if found else None
    except OSError as fault:
        raise BadDocument(f"The file cannot be read: {fault.strerror}.", "file_missing") from fault
    if handle is None:
        raise BadDocument(
            "The file is not there." if not path.exists() else "The path is not that of a file.", "file_missing"
        )
    with closing(handle):
        yield
