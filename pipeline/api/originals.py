"""Original files near at hand: those of a remote store are fetched once for all ranges and pages that are asked for."""

from contextlib import AbstractContextManager
from pathlib import Path

from pipeline.model import DocumentId
from pipeline.stores.catalog import DocumentFile
from pipeline.stores.kept_files import KeptFiles
from pipeline.wiring import Services


class Originals:
    """Thread-safe.

    Args:
        use: knows the file store.
        kept: where copies are.
    """

    def __init__(self, use: Services, kept: KeptFiles) -> None:
        self._use = use
        self._kept = kept

    def near(self, document: DocumentId, file: DocumentFile) -> AbstractContextManager[Path]:
        """A path to read it by, while the context lasts.

        Raises:
            BadDocument: it is not in the store (code ``file_missing``).
            ServiceUnavailable: the store is away.
        """
        blobs, key = self._use.blobs, file.storage_key
        if self._use.settings.blob_store == "folder":
            return blobs.local(key)
        return self._kept.copy(document, f"{file.version}.original", lambda: blobs.local(key))

    def forget(self, document: DocumentId) -> None:
        """Remove what is kept here of a document, its pictures too."""
        self._kept.forget(document)
