"""What a browser sends of itself: the session's cookie, and from which page a request comes."""

import hashlib
import hmac

from fastapi import Request, Response

from pipeline.api.headers import host_of
from pipeline.api.problems import Problem
from pipeline.settings import Settings

COOKIE = "nlp_session"
CSRF_HEADER = "X-CSRF-Token"
CHANGING = {"POST", "PUT", "PATCH", "DELETE"}
ADVICE = "Open the page anew, and try again there."


def csrf_token(session: str) -> str:
    """What a page of this session sends with every request that changes something; it cannot be led back to the cookie."""
    return hmac.new(session.encode("utf-8", "surrogateescape"), b"csrf", hashlib.sha256).hexdigest()


def check_changing(request: Request, session: str, settings: Settings) -> None:
    """Refuse a request that changes something and that no page of this session sent.

    Raises:
        Problem: it comes from elsewhere.
    """
    if request.method not in CHANGING:
        return
    check_origin(request, settings)
    sent = request.headers.get(CSRF_HEADER, "")
    if not hmac.compare_digest(sent.encode(), csrf_token(session).encode()):
        raise Problem(403, f"The header {CSRF_HEADER} is missing or wrong.", "csrf", ADVICE)


def check_origin(request: Request, settings: Settings) -> None:
    """Refuse what a browser says that a page from elsewhere sent.

    Raises:
        Problem: it comes from elsewhere.
    """
    if not _is_ours(request, settings) or request.headers.get("sec-fetch-site", "same-origin") != "same-origin":
        raise Problem(403, "This request comes from a page of another site.", "foreign_origin", ADVICE)


def _is_ours(request: Request, settings: Settings) -> bool:
    origin = request.headers.get("origin")
    if origin is None:
        return True
    address = origin.partition("://")[2].lower()
    return address == request.headers.get("host", "").lower() or host_of(address) in settings.hosts


def keep(response: Response, request: Request, session: str, seconds: int) -> None:
    """Have the browser keep the session."""
    response.set_cookie(COOKIE, session, seconds, path="/", secure=is_https(request), httponly=True, samesite="strict")


def forget(response: Response, request: Request) -> None:
    """Have the browser forget its session."""
    response.delete_cookie(COOKIE, path="/", secure=is_https(request), httponly=True, samesite="strict")


def is_https(request: Request) -> bool:
    """Whether the browser came by TLS, be it to a server in front of this one."""
    return request.url.scheme == "https" or request.headers.get("origin", "").startswith("https://")
