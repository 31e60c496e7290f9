"""``GET /api/export``: a project's documents, entities and relations, packed while they are read."""

import asyncio
import io
import queue
import threading
import time
import zipfile
from collections.abc import AsyncGenerator, Callable
from typing import Annotated, Any, Literal
from urllib.parse import quote

from fastapi import APIRouter, Query
from fastapi.responses import Response

from pipeline.api.access import ProjectToRead
from pipeline.api.backend import Asked
from pipeline.api.problems import Problem
from pipeline.api.streamed import Streamed
from pipeline.errors import PipelineError, ServiceUnavailable
from pipeline.exports.forms import FORMS
from pipeline.stores.reports import Reports

AT_ONCE = 2  # each holds a connection to the database for as long as it lasts
PIECE = 256 * 1024  # bytes
AHEAD = 4  # pieces that are packed before the client takes them
PATIENCE = 60.0  # seconds for which a client may take nothing
LOOK = 1.0  # seconds after which a writer looks whether anybody still reads
Form = Literal["jsonl", "csv", "graphml", "cypher"]
ARCHIVE: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The files of `nlp-pipeline export`, packed.",
        "content": {"application/zip": {"schema": {"type": "string", "format": "binary"}}},
    }
}
router = APIRouter(tags=["export"])
_places = threading.BoundedSemaphore(AT_ONCE)


class Gone(Exception):
    """The reader went away, or takes nothing."""


class Pipe(io.RawIOBase):
    """What a thread writes and others read, a few pieces ahead.

    Args:
        write: writes all of it into the file that it is given.
    """

    def __init__(self, write: Callable[[io.RawIOBase], None]) -> None:
        self._pieces: queue.Queue[bytes | PipelineError] = queue.Queue(AHEAD)
        self._left = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(write,), name="export", daemon=True)
        self._thread.start()

    def writable(self) -> bool:
        """It is."""
        return True

    def write(self, piece: Any) -> int:  # noqa: ANN401  # any buffer
        """Hand on.

        Raises:
            Gone: to nobody.
        """
        return self._put(bytes(piece))

    def read_piece(self) -> bytes:
        """The next piece, waited for; empty at the end.

        Raises:
            PipelineError: what writing raised; ServiceUnavailable: it ended in the middle.
        """
        while True:
            alive = self._thread.is_alive()
            try:
                piece = self._pieces.get(timeout=LOOK)
            except queue.Empty:
                if alive:
                    continue
                raise ServiceUnavailable("The export broke off.") from None
            if isinstance(piece, PipelineError):
                raise piece
            return piece

    def leave(self) -> None:
        """Nobody reads any more."""
        self._left.set()

    def _put(self, piece: bytes | PipelineError) -> int:
        until = time.monotonic() + PATIENCE
        while not self._left.is_set() and time.monotonic() < until:
            try:
                self._pieces.put(piece, timeout=LOOK)
            except queue.Full:
                continue
            return len(piece) if isinstance(piece, bytes) else 0
        raise Gone

    def _run(self, write: Callable[[io.RawIOBase], None]) -> None:
        try:
            try:
                write(self)
                self._put(b"")
            except PipelineError as fault:
                self._put(fault)
        except Gone:
            pass


@router.get("/api/export", response_class=Response, responses=ARCHIVE)
async def export(
    backend: Asked,
    project: ProjectToRead,
    form: Annotated[
        Form,
        Query(alias="format", description="jsonl: one JSON object a line; csv: five tables; graphml; cypher: for Neo4j."),
    ] = "jsonl",
) -> Streamed:
    """A project's documents, entities and relations as of now, as a zip of the files that `nlp-pipeline export` writes."""
    reports = backend.reports(project)
    if await asyncio.to_thread(lambda: reports.project_id) is None:
        raise Problem(404, "There is no such project.", "no_such_project", "List projects: GET /api/projects.")
    if not _places.acquire(blocking=False):
        raise Problem(429, "Others are exporting just now.", "too_many_exports", "Try it again in a while.")
    pieces = _pieces(reports, form)
    await anext(pieces)
    name = quote(f"{project}-{form}.zip", safe="")
    return Streamed(pieces, "application/zip", {"Content-Disposition": f"attachment; filename*=UTF-8''{name}"})


async def _pieces(reports: Reports, form: str) -> AsyncGenerator[bytes]:
    pipe = Pipe(lambda file: pack(reports, form, file))
    try:
        piece = await asyncio.to_thread(pipe.read_piece)
        yield b""  # what goes wrong until here is answered as an error
        while piece:
            yield piece
            piece = await asyncio.to_thread(pipe.read_piece)
    finally:
        pipe.leave()


def pack(reports: Reports, form: str, file: io.RawIOBase) -> None:
    """Write the files of a form into a zip."""
    try:
        with (
            reports.snapshot() as snapshot,
            io.BufferedWriter(file, PIECE) as pieces,
            zipfile.ZipFile(pieces, "w", zipfile.ZIP_DEFLATED) as packed,
        ):
            for name, write in FORMS[form].items():
                with (
                    packed.open(name, "w", force_zip64=True) as member,
                    io.TextIOWrapper(member, encoding="utf-8", newline="\n") as text,
                ):
                    write(snapshot, text)
    finally:
        _places.release()
