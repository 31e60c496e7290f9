"""Signing in and out of the web page, with a key or by a link that opens it once."""

from datetime import datetime
from typing import Annotated, Self

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field, model_validator

from pipeline.api import browser
from pipeline.api.access import SessionCookie, guessed, session_of
from pipeline.api.backend import Asked
from pipeline.stores.api_keys import Scope
from pipeline.stores.sessions import Session

router = APIRouter(prefix="/api/session", tags=["session"])
Secret = Annotated[str | None, Field(min_length=1, max_length=200, pattern="^[!-~]+$")]


class SignIn(BaseModel):
    """A key, or what stands behind ``#once=`` in a link."""

    key: Secret = None
    once: Secret = None

    @model_validator(mode="after")
    def _check_one(self) -> Self:
        if (self.key is None) == (self.once is None):
            raise ValueError("either key or once is needed")
        return self


class SignedIn(BaseModel):
    """Who is signed in. ``expires_at`` moves on with every request, up to an end."""

    name: str = Field(description="Of the key.", examples=["owner"])
    scope: Scope
    project: str | None = Field(description="The only project that is seen; null: all.")
    csrf_token: str = Field(description="Goes as X-CSRF-Token with every request that changes something.")
    expires_at: datetime

    @classmethod
    def of(cls, token: str, session: Session) -> Self:
        """From the session and what its cookie holds."""
        caller = session.caller
        return cls(
            name=caller.name,
            scope=caller.scope,
            project=caller.project or None,
            csrf_token=browser.csrf_token(token),
            expires_at=session.ends_at,
        )


@router.post("")
def sign_in(request: Request, response: Response, backend: Asked, wanted: SignIn, cookie: SessionCookie) -> SignedIn:
    """Open a session: its cookie is the browser's, and never the one that came. A link is void from then on."""
    browser.check_origin(request, backend.settings)
    opened = backend.sessions.open(key=wanted.key or "", link=wanted.once or "")
    if opened is None:
        what = "key is none, or was revoked" if wanted.key else "link was used already, or is over"
        raise guessed(request, backend, f"This {what}.", "Make a new link: nlp-pipeline link.")
    if cookie:
        backend.sessions.end(cookie)
    token, session = opened
    browser.keep(response, request, token, int(backend.settings.api_session_lifetime.total_seconds()))
    return SignedIn.of(token, session)


@router.get("")
def who(request: Request, backend: Asked, cookie: SessionCookie) -> SignedIn:
    """Who is signed in."""
    token, session = session_of(request, backend, cookie)
    return SignedIn.of(token, session)


@router.delete("", status_code=204)
def sign_out(request: Request, response: Response, backend: Asked, cookie: SessionCookie) -> None:
    """End the session."""
    token, _ = session_of(request, backend, cookie)
    backend.sessions.end(token)
    browser.forget(response, request)
