"""Files inside a document become documents of their own."""

import hashlib
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path, PurePosixPath

from pipeline.model import Attachment, StoredFile, Submission
from pipeline.ports import BlobStore


class Attachments:
    """Stores each attachment as it comes and notes what is to be queued; doubled names are numbered.

    Args:
        blobs: where files are kept.
        expect: told of each key before its file is stored, see ``ports.DocumentStore.expecting_files``.
        parent: the document that holds them.
        deepest: attachments of documents at this depth are passed over.
    """

    def __init__(self, blobs: BlobStore, expect: Callable[[Sequence[str]], None], parent: StoredFile, deepest: int) -> None:
        self._blobs = blobs
        self._expect = expect
        self._parent = parent
        self._deepest = deepest
        self._names: set[str] = set()
        self.kept: list[Submission] = []

    def keep(self, attachment: Attachment) -> None:
        """Store one attachment."""
        if self._parent.depth >= self._deepest:
            return
        name = self._free_name(attachment.name)
        sha256 = hashlib.sha256(attachment.content).hexdigest()
        key = f"{self._parent.project}/{sha256}"
        self._expect([key])
        with tempfile.NamedTemporaryFile(prefix="attachment-") as file:
            file.write(attachment.content)
            file.flush()
            self._blobs.put(key, Path(file.name))
        self.kept.append(Submission(f"{self._parent.source_path}/{name}", name, key, len(attachment.content), sha256))

    def _free_name(self, wanted: str) -> str:
        name = wanted.replace("/", "_").replace("\\", "_").strip() or "attachment"
        stem, suffix = PurePosixPath(name).stem, PurePosixPath(name).suffix
        number = 1
        while name in self._names:
            number += 1
            name = f"{stem} ({number}){suffix}"
        self._names.add(name)
        return name
