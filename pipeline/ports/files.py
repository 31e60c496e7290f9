"""Submitted files."""

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from pipeline.model import ObjectPlace


class BlobStore(Protocol):
    """Keeps files by key. Thread-safe."""

    def put(self, key: str, source: Path) -> None:
        """Store the content of ``source`` under ``key``; whole or not at all.

        Raises:
            ServiceUnavailable: the store cannot be reached or is full.
        """

    def local(self, key: str) -> AbstractContextManager[Path]:
        """A path that can be read while the context lasts.

        Raises:
            BadDocument: nothing is stored under ``key`` (code ``file_missing``).
        """

    def delete(self, key: str) -> None:
        """Remove the file; nothing happens if it is not there."""

    def check(self) -> str:
        """Write, read and remove a file of a few bytes; says where.

        Raises:
            Misconfigured: a setting is wrong.
            ServiceUnavailable: no answer.
        """

    def close(self) -> None:
        """Give back connections."""


class ObjectBlobs(BlobStore, Protocol):
    """Files that lie in a bucket of S3, where services fetch them themselves. Thread-safe."""

    def place(self, key: str) -> ObjectPlace:
        """Where the file lies; nothing is asked of the bucket."""
