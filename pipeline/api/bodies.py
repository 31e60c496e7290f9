"""Bodies of requests other than uploads: small, and soon here, before anything is done with them."""

import asyncio
from collections.abc import Collection
from datetime import timedelta

from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pipeline.api.problems import problem

LARGEST = 256 * 1024


class SmallBodies:
    """ASGI middleware that takes in a body before it asks on, and gives up what is too large or comes too slowly.

    Args:
        app: what is guarded.
        streams: paths that take in bodies themselves.
        patience: time that a body may take.
    """

    def __init__(self, app: ASGIApp, streams: Collection[str], patience: timedelta) -> None:
        self._app = app
        self._streams = streams
        self._patience = patience.total_seconds()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on with the body, or refuse with 408 or 413."""
        if scope["type"] != "http" or scope["path"] in self._streams or not _has_body(Headers(scope=scope)):
            await self._app(scope, receive, send)
            return
        try:
            async with asyncio.timeout(self._patience):
                body = await _body(receive)
        except ClientDisconnect:
            return
        except TimeoutError:
            await _refused(408, "The request comes too slowly.", "too_slow")(scope, receive, send)
            return
        if body is None:
            await _refused(413, f"The request is too large: {LARGEST // 1024} KB are allowed.", "too_large")(
                scope, receive, send
            )
            return
        await self._app(scope, _again(body, receive), send)


def _has_body(headers: Headers) -> bool:
    return headers.get("content-length", "0") != "0" or "transfer-encoding" in headers


async def _body(receive: Receive) -> bytes | None:
    """The body; None: it is too large.

    Raises:
        ClientDisconnect: nobody waits for an answer.
    """
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        body += message.get("body", b"")
        if len(body) > LARGEST:
            return None
        if not message.get("more_body"):
            return bytes(body)


def _again(body: bytes, receive: Receive) -> Receive:
    given = False

    async def again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again


def _refused(status: int, said: str, code: str) -> Response:
    return problem(status, said, code, "See /openapi.json.", headers={"Connection": "close"})
