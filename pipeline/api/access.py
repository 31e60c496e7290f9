"""Who asks, and what they may see. Every route but ``/health`` takes one of these."""

from collections.abc import Callable
from typing import Annotated, NamedTuple
from uuid import UUID

from fastapi import Depends, Query
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from pipeline.api.backend import Asked, Backend
from pipeline.api.problems import Problem
from pipeline.model import DocumentId, is_project_name
from pipeline.stores.api_keys import Caller, Scope
from pipeline.stores.catalog import DocumentFile

ADVICE = "Make a key: nlp-pipeline keys create --name NAME. Send it as: Authorization: Bearer KEY."
bearer = HTTPBearer(auto_error=False, description="A key of `nlp-pipeline keys create`.")
Credentials = Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)]
ProjectName = Annotated[
    str | None,
    Query(description="The project; the key's own, or NLP_PIPELINE_PROJECT, unless given.", examples=["harbour"]),
]


class Document(NamedTuple):
    """A document that the caller may see."""

    id: DocumentId
    file: DocumentFile
    within: str


def _needs(scope: Scope) -> Callable[..., Caller]:
    def check(backend: Asked, credentials: Credentials) -> Caller:
        if credentials is None:
            raise Problem(401, "A key is needed.", "no_key", ADVICE)
        caller = backend.keys.caller(credentials.credentials)
        if caller is None:
            raise Problem(401, "This key is none, or was revoked.", "wrong_key", ADVICE)
        backend.count(caller)
        if not caller.scope.includes(scope):
            raise Problem(403, f"This key may {caller.scope}; {scope} is needed.", "scope", "Use a key with a wider scope.")
        return caller

    return check


Reader = Annotated[Caller, Depends(_needs(Scope.READ))]
Writer = Annotated[Caller, Depends(_needs(Scope.WRITE))]


def chosen_project(backend: Backend, caller: Caller, project: str | None) -> str:
    """The project that is meant.

    Raises:
        Problem: the key may not see it, or files cannot be kept under this name.
    """
    name = project or caller.project or backend.settings.nlp_pipeline_project
    if caller.project not in ("", name):
        raise Problem(403, f"This key sees the project {caller.project} alone.", "foreign_project", "Use another key.")
    if not is_project_name(name):
        raise Problem(422, "This cannot be the name of a project.", "bad_project", "At most 100 characters, no / or \\.")
    return name


def _project_to_read(backend: Asked, caller: Reader, project: ProjectName = None) -> str:
    return chosen_project(backend, caller, project)


def _project_to_write(backend: Asked, caller: Writer, project: ProjectName = None) -> str:
    return chosen_project(backend, caller, project)


def _document(backend: Backend, caller: Caller, document_id: UUID) -> Document:
    document = DocumentId(str(document_id))
    file = backend.catalog.file(document, caller.project)
    if file is None:
        raise no_such_document()
    return Document(document, file, caller.project)


def _document_to_read(backend: Asked, caller: Reader, document_id: UUID) -> Document:
    return _document(backend, caller, document_id)


def _document_to_write(backend: Asked, caller: Writer, document_id: UUID) -> Document:
    return _document(backend, caller, document_id)


ProjectToRead = Annotated[str, Depends(_project_to_read)]
ProjectToWrite = Annotated[str, Depends(_project_to_write)]
DocumentToRead = Annotated[Document, Depends(_document_to_read)]
DocumentToWrite = Annotated[Document, Depends(_document_to_write)]


def no_such_document() -> Problem:
    """Also where there is one that this key may not see."""
    return Problem(404, "There is no such document.", "no_such_document", "List documents: GET /api/documents.")
