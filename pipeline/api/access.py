"""Who asks, and what they may see. Every route takes one of these, unless it says how to get in."""

from dataclasses import dataclass
from typing import Annotated, NamedTuple
from uuid import UUID

from fastapi import Depends, Query, Request
from fastapi.security import APIKeyCookie, HTTPAuthorizationCredentials, HTTPBearer

from pipeline.api.backend import Asked, Backend
from pipeline.api.browser import COOKIE, CSRF_HEADER, check_changing
from pipeline.api.problems import Problem
from pipeline.model import DocumentId, is_project_name
from pipeline.stores.api_keys import Caller, Scope
from pipeline.stores.catalog import DocumentFile
from pipeline.stores.sessions import Session

ADVICE = "Make a key: nlp-pipeline keys create --name NAME. Send it as: Authorization: Bearer KEY."
SIGN_IN = "Sign in: nlp-pipeline link prints a link that does."
bearer = HTTPBearer(auto_error=False, description="A key of `nlp-pipeline keys create`.")
session_cookie = APIKeyCookie(
    name=COOKIE,
    auto_error=False,
    description=f"Of `POST /api/session`; with it, what changes something needs the header `{CSRF_HEADER}`.",
)
Credentials = Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)]
SessionCookie = Annotated[str | None, Depends(session_cookie)]
ProjectName = Annotated[
    str | None,
    Query(description="The project; the key's own, or NLP_PIPELINE_PROJECT, unless given.", examples=["harbour"]),
]


class Document(NamedTuple):
    """A document that the caller may see."""

    id: DocumentId
    file: DocumentFile
    within: str


@dataclass(frozen=True)
class Needs:
    """A dependency: whoever has a valid key, or a session, with this scope."""

    scope: Scope

    def __call__(self, request: Request, backend: Asked, credentials: Credentials, cookie: SessionCookie) -> Caller:
        """Who asks.

        Raises:
            Problem: nobody who may.
        """
        if credentials is not None:
            caller = _caller(request, backend, credentials.credentials)
        elif cookie:
            caller = session_of(request, backend, cookie)[1].caller
        else:
            raise Problem(401, "A key is needed.", "no_key", ADVICE)
        backend.count(caller)
        if not caller.scope.includes(self.scope):
            advice = "Use a key with a wider scope."
            raise Problem(403, f"This key may {caller.scope}; {self.scope} is needed.", "scope", advice)
        return caller


Reader = Annotated[Caller, Depends(Needs(Scope.READ))]
Writer = Annotated[Caller, Depends(Needs(Scope.WRITE))]
Admin = Annotated[Caller, Depends(Needs(Scope.ADMIN))]


def session_of(request: Request, backend: Backend, cookie: str | None) -> tuple[str, Session]:
    """What the cookie holds, and whose session it is.

    Raises:
        Problem: nobody is signed in, or another page than ours asks.
    """
    session = backend.sessions.use(cookie) if cookie else None
    if cookie is None or session is None:
        raise Problem(401, "Nobody is signed in.", "no_session", SIGN_IN)
    check_changing(request, cookie, backend.settings)
    return cookie, session


def guessed(request: Request, backend: Backend, said: str, advice: str) -> Problem:
    """The answer to a wrong key or link.

    Raises:
        Throttled: there were too many from this address.
    """
    backend.count_guess(request.client.host if request.client else "")
    return Problem(401, said, "wrong_key", advice)


def _caller(request: Request, backend: Backend, key: str) -> Caller:
    caller = backend.keys.caller(key)
    if caller is None:
        raise guessed(request, backend, "This key is none, or was revoked.", ADVICE)
    return caller


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
