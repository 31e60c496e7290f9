"""``POST /api/documents/upload``."""

import asyncio
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Header, Request
from starlette.concurrency import run_in_threadpool

from pipeline.api import intake
from pipeline.api.access import ProjectName, Writer, chosen_project
from pipeline.api.answers import RefusedFile, Upload, Uploaded
from pipeline.api.backend import Asked, Backend
from pipeline.api.multipart import FileParts, Limits, Received, boundary_of, too_large
from pipeline.api.problems import Problem
from pipeline.settings import MEGABYTE

PIECE = 256 * 1024  # so much is written at once
SLOWEST = 1024  # bytes a second
LEFT_BEHIND = 24 * 3600.0  # seconds; older folders are those of processes that died
FORM = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {
                        "file": {
                            "type": "array",
                            "items": {"type": "string", "format": "binary"},
                            "description": "One or many files under any field name. A filename with / keeps its folders.",
                        }
                    },
                }
            }
        },
    }
}
PATH = "/api/documents/upload"
router = APIRouter(tags=["documents"])


@router.post(PATH, openapi_extra=FORM)
async def upload(
    request: Request,
    backend: Asked,
    caller: Writer,
    project: ProjectName = None,
    idempotency_key: Annotated[
        str, Header(max_length=200, description="Names this upload: sent once more, it is answered as the first time.")
    ] = "",
) -> Upload:
    """Queue one or many files.

    Answered when they are safely stored. The same content under the same path is the same document; other content under a
    known path takes its place.
    """
    project = chosen_project(backend, caller, project)
    with _folder(backend.uploads) as folder:
        files = await _received(request, backend, folder)
        taken, refused = await run_in_threadpool(intake.take, backend, caller, project, files, idempotency_key)
    documents = [Uploaded(task_id=document.document_id, **document._asdict()) for document in taken]
    return Upload(
        **documents[0].model_dump(),
        documents=documents,
        refused=[RefusedFile(filename=r.filename, code=r.fault.code, detail=r.fault.message) for r in refused],
    )


def sweep(uploads: Path) -> None:
    """Remove what processes that died have left of uploads."""
    for folder in uploads.glob("*") if uploads.is_dir() else ():
        if time.time() - folder.stat().st_mtime > LEFT_BEHIND:
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _folder(uploads: Path) -> Iterator[Path]:
    uploads.mkdir(parents=True, exist_ok=True, mode=0o700)
    with tempfile.TemporaryDirectory(dir=uploads, ignore_cleanup_errors=True) as folder:
        yield Path(folder)


async def _received(request: Request, backend: Backend, folder: Path) -> list[Received]:
    settings = backend.settings
    limits = Limits(settings.max_file_size * MEGABYTE, settings.api_max_upload * MEGABYTE, settings.api_max_files)
    boundary = boundary_of(request.headers.get("content-type", ""))
    length = request.headers.get("content-length", "")
    if length.isdecimal() and int(length) > limits.body:
        raise too_large("upload", limits.body, "API_MAX_UPLOAD")
    parts = FileParts(boundary, folder, limits)
    try:
        async for piece in _pieces(request, settings.api_upload_patience.total_seconds()):
            await run_in_threadpool(parts.write, piece)
        return parts.finish()
    finally:
        parts.close()


async def _pieces(request: Request, patience: float) -> AsyncIterator[bytes]:
    """The body in larger pieces.

    Raises:
        Problem: the client is too slow.
        ClientDisconnect: it went away.
    """
    stream = aiter(request.stream())
    began, received = time.monotonic(), 0
    waiting = bytearray()
    while True:
        left = patience + received / SLOWEST - (time.monotonic() - began)
        try:
            waiting += (piece := await asyncio.wait_for(anext(stream), max(left, 0)))
        except StopAsyncIteration:
            break
        except TimeoutError:
            raise Problem(408, "The upload comes too slowly.", "too_slow", "Try it again over a better line.") from None
        received += len(piece)
        if len(waiting) >= PIECE:
            yield bytes(waiting)
            waiting.clear()
    yield bytes(waiting)
