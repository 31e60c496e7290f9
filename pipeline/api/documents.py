"""Documents: list, state, progress, results, original file; cancel, retry, reprocess, delete."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response

from pipeline.api import answers, cursors
from pipeline.api.access import DocumentToRead, DocumentToWrite, ProjectToRead, no_such_document
from pipeline.api.answers import DocumentProgress, Documents, DocumentStatus, Handled
from pipeline.api.backend import Asked
from pipeline.api.problems import Problem
from pipeline.api.ranges import RangedFile
from pipeline.api.results import Part, Results
from pipeline.model import DocumentId
from pipeline.model import Handled as HandledDocument
from pipeline.status import Family
from pipeline.stores.catalog import Facts, Listing, chosen_states

router = APIRouter(prefix="/api/documents", tags=["documents"])
SAFE = {"Content-Security-Policy": "sandbox; default-src 'none'", "Cache-Control": "private, no-cache"}
"""Of an original, which may hold anything."""
ORIGINAL: dict[int | str, dict[str, Any]] = {
    200: {"description": "The file.", "content": {"application/octet-stream": {}}},
    206: {"description": "The range that was asked for."},
    304: {"description": "What the client has is the file."},
    416: {"description": "There is no such range."},
}


@router.get("")
def list_documents(
    backend: Asked,
    project: ProjectToRead,
    *,
    status: Annotated[
        str, Query(description="A state, in_progress, failed, or ocr_failed … graph_failed.", examples=["error"])
    ] = "",
    q: Annotated[str, Query(description="Words that stand in the path.", max_length=500)] = "",
    parent: Annotated[UUID | None, Query(description="Attachments of this document alone.")] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
    cursor: Annotated[str, Query(description="`next_cursor` of the page before.", max_length=200)] = "",
) -> Documents:
    """Documents of a project, the newest first."""
    before = _place(cursor) if cursor else None
    if status:
        _check_status(status)
    found = backend.catalog.listed(Listing(project, status, q, str(parent or ""), before, limit + 1))
    lines = [answers.DocumentLine.of(facts) for facts in found[:limit]]
    return Documents(documents=lines, next_cursor=_cursor(found[limit - 1]) if len(found) > limit else None)


@router.get("/{document_id}/status")
def status(backend: Asked, document: DocumentToRead) -> DocumentStatus:
    """Where a document stands."""
    return DocumentStatus.of(_there(backend.catalog.state(document.id, document.within)))


@router.get("/{document_id}/progress")
def progress(backend: Asked, document: DocumentToRead) -> DocumentProgress:
    """Where a document and each of its page ranges stand."""
    return DocumentProgress.of(_there(backend.catalog.progress(document.id, document.within)))


@router.get("/{document_id}")
def results(
    backend: Asked,
    document: DocumentToRead,
    include: Annotated[list[Part], Query(description="What is wanted; all unless given.")] = list(Part),  # noqa: B006
) -> Results:
    """What was found in a document: text by page, chunks, mentions, entities, relations, history.

    Offsets are code points of its text, ends exclusive.
    """
    return Results.of(_there(backend.catalog.results(document.id, document.within, include)))


def _stored(backend: Asked, document: DocumentToRead) -> Iterator[str]:
    with backend.originals.near(document.id, document.file) as path:
        yield str(path)


@router.get(
    "/{document_id}/file",
    response_class=Response,
    responses=ORIGINAL,
)
def original(request: Request, document: DocumentToRead, path: Annotated[str, Depends(_stored)]) -> Response:
    """The original file, or a range of it."""
    etag = f'"{document.file.sha256}"'
    headers = SAFE | ({"ETag": etag} if document.file.sha256 else {})
    if document.file.sha256 and etag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    kind = document.file.media_type or "application/octet-stream"
    return RangedFile(path, headers=headers, media_type=kind, filename=document.file.file_name)


@router.post("/{document_id}/cancel")
def cancel(backend: Asked, document: DocumentToWrite) -> Handled:
    """Stop a document: a waiting one at once, a running one at its worker's next heartbeat."""
    return _handled(backend.use.documents.cancel, document.id)


@router.post("/{document_id}/retry")
def retry(backend: Asked, document: DocumentToWrite) -> Handled:
    """Queue a document that failed or was cancelled again, from the step where it stopped."""
    return _handled(backend.use.documents.retry, document.id)


@router.post("/{document_id}/reprocess")
def reprocess(
    backend: Asked,
    document: DocumentToWrite,
    since: Annotated[Family | None, Query(alias="from", description="This stage and all after it, fresh or not.")] = None,
) -> Handled:
    """Run again what is stale because an engine, a model or an option changed."""
    return _handled(lambda documents: backend.use.documents.reprocess(documents, since), document.id)


@router.delete("/{document_id}")
def delete(backend: Asked, document: DocumentToWrite) -> Handled:
    """Remove a document with its attachments, and their share in entities, relations and graph."""
    handled = _handled(backend.use.documents.delete, document.id)
    backend.originals.forget(document.id)
    return handled


def _handled(action: Callable[[Sequence[DocumentId]], Sequence[HandledDocument]], document: DocumentId) -> Handled:
    for each in action([document]):
        if each.document_id == document:
            return Handled.model_validate(each._asdict())
    raise no_such_document()


def _there(facts: Facts | None) -> Facts:
    if facts is None:  # deleted a moment ago
        raise no_such_document()
    return facts


def _check_status(name: str) -> None:
    try:
        chosen_states(name)
    except ValueError:
        raise Problem(422, "There is no such state.", "bad_status", "States are listed in the docs.") from None


def _cursor(facts: Facts) -> str:
    return cursors.cursor(facts["created_at"], facts["document_id"])


def _place(cursor: str) -> tuple[str, str]:
    moment, document = cursors.place_of(
        cursor, lambda value: datetime.fromisoformat(value).isoformat(), lambda value: str(UUID(value))
    )
    return moment, document
