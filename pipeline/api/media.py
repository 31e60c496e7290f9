"""Recordings as browsers play them: from anywhere on, without taking the whole."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, NamedTuple

from fastapi import APIRouter, Depends
from fastapi.responses import Response

from pipeline.api.access import DocumentToRead
from pipeline.api.backend import Asked
from pipeline.api.problems import Problem
from pipeline.api.ranges import RangedFile
from pipeline.errors import BadDocument
from pipeline.readers.formats import sniff

router = APIRouter(prefix="/api/documents/{document_id}", tags=["documents"])
MEDIA: dict[int | str, dict[str, Any]] = {
    200: {"description": "The recording.", "content": {"audio/*": {}}},
    206: {"description": "The range that was asked for."},
    416: {"description": "There is no such range."},
}
SAFE = {"Content-Security-Policy": "sandbox; default-src 'none'", "Vary": "Authorization, Cookie"}


class Recording(NamedTuple):
    """A recording near at hand."""

    path: Path
    media_type: str


def _recording(backend: Asked, document: DocumentToRead) -> Iterator[Recording]:
    _must_sound(document.file.media_type or "audio/")
    with backend.originals.near(document.id, document.file) as path:
        kind = document.file.media_type or _kind(path, document.file.file_name)
        _must_sound(kind)
        yield Recording(path, kind)


def _kind(path: Path, name: str) -> str:
    try:
        return sniff(path, name).media_type
    except BadDocument:
        return ""


def _must_sound(media_type: str) -> None:
    if not media_type.startswith("audio/"):
        raise Problem(415, "This document is no recording.", "no_recording", "Take the original: GET …/file.")


@router.get("/media", response_class=Response, responses=MEDIA)
def media(document: DocumentToRead, recording: Annotated[Recording, Depends(_recording)]) -> Response:
    """A recording, or a range of it, to be played where it is shown."""
    headers = SAFE | {"Cache-Control": "private, max-age=600", "ETag": f'"{document.file.version}"'}
    name = document.file.file_name
    return RangedFile(
        recording.path, headers=headers, media_type=recording.media_type, filename=name, content_disposition_type="inline"
    )
