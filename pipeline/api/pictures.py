"""Pictures of pages: drawn in a child process that can do no harm, and kept."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import NamedTuple

import anyio
from anyio import CapacityLimiter, fail_after
from anyio.to_thread import run_sync

from pipeline.api.originals import Originals
from pipeline.errors import BadDocument, PipelineError, ServiceUnavailable
from pipeline.model import DocumentId
from pipeline.readers.jpeg import jpeg
from pipeline.stores.catalog import DocumentFile
from pipeline.stores.changes import Changes
from pipeline.stores.kept_files import KeptFiles
from pipeline.wiring import Services

WIDTHS = (160, 400, 800, 1200, 1600, 2400)
"""In pixels: what is asked for is the next of these."""
VERSION = "1"
"""Of the pictures: another one, and all are drawn anew."""
PATIENCE = 20.0  # seconds that a page waits for its turn
FAILED_FOR = 3600.0  # seconds until a page that could not be drawn is tried again
SWEEPS = 600.0  # seconds between two
OF_THE_STORE = {"file_missing", "bad_key"}
"""Codes that say nothing of the file itself."""


class Picture(NamedTuple):
    """A page of a document at a width; ``file`` is the document's."""

    document: DocumentId
    file: DocumentFile
    number: int
    width: int

    @property
    def name(self) -> str:
        """It names the picture within its document, as long as the file is the same."""
        return f"{self.file.version}-{self.number}-{self.width}-{VERSION}"


class Pictures:
    """Draws and keeps. All methods are called by the server's own loop.

    Args:
        use: draws.
        originals: what is drawn.
        kept: where the pictures are.
        at_once: most pages that are drawn at one time.
    """

    def __init__(self, use: Services, originals: Originals, kept: KeptFiles, at_once: int) -> None:
        self._use = use
        self._originals = originals
        self._kept = kept
        self._turns = CapacityLimiter(at_once)

    async def get(self, picture: Picture) -> bytes:
        """The picture as JPEG.

        Raises:
            BadDocument: there is none; the code says why.
            ServiceUnavailable: too many are being drawn (code ``busy``), or the file store is away.
        """
        found = await run_sync(self._known, picture)
        if found is not None:
            return found
        try:
            with fail_after(PATIENCE):
                await self._turns.acquire()
        except TimeoutError:
            raise ServiceUnavailable("Too many pages are being drawn just now.", "busy") from None
        try:
            return await run_sync(self._drawn, picture)
        finally:
            self._turns.release()

    def _known(self, picture: Picture) -> bytes | None:
        document, name = picture.document, picture.name
        if content := self._kept.get(document, f"{name}.jpg"):
            return content
        if fault := self._kept.get(document, f"{name}.fault", FAILED_FOR):
            raise BadDocument(*json.loads(fault))
        return None

    def _drawn(self, picture: Picture) -> bytes:
        if found := self._known(picture):  # drawn for somebody else meanwhile
            return found
        file = picture.file
        try:
            with self._originals.near(picture.document, file) as path:
                content = jpeg(self._use.drawer.draw(path, file.file_name, picture.number, picture.width))
        except BadDocument as fault:
            if fault.code not in OF_THE_STORE:
                self._kept.put(picture.document, f"{picture.name}.fault", json.dumps([fault.message, fault.code]).encode())
            raise
        self._kept.put(picture.document, f"{picture.name}.jpg", content)
        return content

    @asynccontextmanager
    async def swept(self, changes: Changes) -> AsyncIterator[None]:
        """Remove now and then, while the context lasts, what is too much or of deleted documents."""

        async def sweep() -> None:
            while True:
                with suppress(PipelineError):  # the next one will do
                    await run_sync(self._kept.sweep, changes.known)
                await anyio.sleep(SWEEPS)

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(sweep)
            yield
            tasks.cancel_scope.cancel()
