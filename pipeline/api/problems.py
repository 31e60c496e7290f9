"""Errors as ``application/problem+json`` (RFC 9457), with our code and advice."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from pipeline.errors import BadDocument, PipelineError, ServiceUnavailable, Throttled

MEDIA_TYPE = "application/problem+json"
STATUSES = {"too_large": 413, "unsupported": 415, "file_missing": 410}
"""Of ``BadDocument``, by code; others are 422."""
RETRY_AFTER = "5"


class Problem(PipelineError):
    """A request that cannot be answered as it was meant.

    Args:
        status: of the answer.
        message: one sentence that a person understands.
        code: short stable name.
        advice: what to do.
    """

    def __init__(self, status: int, message: str, code: str, advice: str = "") -> None:
        super().__init__(message, code)
        self.args = (status, message, code, advice)
        self.status = status
        self.advice = advice


class ProblemBody(BaseModel):
    """What is wrong, and what to do."""

    type: str = "about:blank"
    title: str = Field(examples=["Not Found"])
    status: int = Field(examples=[404])
    detail: str = Field(examples=["There is no such document."])
    code: str = Field(description="Short stable name of the fault.", examples=["no_such_document"])
    advice: str = Field("", description="What to do about it.")
    errors: list[dict[str, str]] = Field([], description="What is wrong with which part of the request.")


def problem(
    status: int,
    detail: str,
    code: str,
    advice: str = "",
    errors: Sequence[dict[str, str]] = (),
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    """The answer."""
    title = HTTPStatus(status).phrase
    body = ProblemBody(title=title, status=status, detail=detail, code=code, advice=advice, errors=list(errors))
    return JSONResponse(body.model_dump(exclude_defaults=False), status, dict(headers or {}), MEDIA_TYPE)


def status_of(fault: PipelineError) -> int:
    """Which status tells of an error."""
    if isinstance(fault, Problem):
        return fault.status
    if isinstance(fault, BadDocument):
        return STATUSES.get(fault.code, 422)
    if isinstance(fault, Throttled):
        return 429
    return 503 if isinstance(fault, ServiceUnavailable) else 500


def handle_problems(app: FastAPI) -> None:
    """Have all errors answered so."""
    app.add_exception_handler(PipelineError, _known)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(ClientDisconnect, _gone)
    app.add_exception_handler(Exception, _unknown)


async def _known(_request: Request, fault: Exception) -> Response:
    assert isinstance(fault, PipelineError)
    status = status_of(fault)
    headers = {}
    if isinstance(fault, ServiceUnavailable):
        headers["Retry-After"] = str(max(1, round(fault.retry_after))) if isinstance(fault, Throttled) else RETRY_AFTER
    if status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    return problem(status, fault.message, fault.code, fault.advice, headers=headers)


async def _invalid(_request: Request, fault: Exception) -> Response:
    assert isinstance(fault, RequestValidationError)
    errors = [{"place": ".".join(map(str, each["loc"])), "fault": str(each["msg"])} for each in fault.errors()]
    said = "; ".join(f"{each['place']}: {each['fault']}" for each in errors)
    return problem(422, f"The request is not as it should be: {said}.", "invalid_request", "See /openapi.json.", errors)


async def _http(_request: Request, fault: Exception) -> Response:
    assert isinstance(fault, HTTPException)
    phrase = HTTPStatus(fault.status_code).phrase
    advice = "See /openapi.json for what there is."
    return problem(fault.status_code, f"{phrase}.", phrase.lower().replace(" ", "_"), advice, headers=fault.headers)


async def _gone(_request: Request, _fault: Exception) -> Response:
    """Nobody hears it."""
    return problem(400, "The client went away.", "client_gone")


async def _unknown(_request: Request, _fault: Exception) -> Response:
    return problem(500, "An internal fault; the log of the API says more.", "internal", "Try it again.")
