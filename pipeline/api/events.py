"""``GET /api/events``: what happens, as it happens, as server-sent events."""

import asyncio
import random
import sys
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import Annotated, Any
from uuid import UUID

import anyio
from fastapi import APIRouter, Header, Query
from fastapi.responses import Response
from starlette.types import Receive, Scope, Send

from pipeline.api.access import ProjectToRead, Reader, no_such_document
from pipeline.api.backend import Asked
from pipeline.api.hub import Hub, Stream
from pipeline.api.problems import Problem

HEARTBEAT = 15.0  # seconds
LIFETIME = 900.0  # seconds; who comes again is asked for a valid key again
LAST_WORDS = 0.2  # seconds for the end of a stream to be sent
AGAIN = b"retry: 2000\n\n"  # milliseconds after which a client comes again
ALIVE = b": \n\n"
EVENT = {
    "type": "object",
    "required": ["event", "data"],
    "properties": {
        "event": {"enum": ["project", "document", "gone", "resync"]},
        "id": {"type": "string", "description": "Sent as `Last-Event-ID` by who comes again."},
        "data": {"type": "string", "description": "JSON."},
    },
}
STREAM: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "`event: project`: what the project holds, and when it changes; `event: document`: one goes on;"
        " `event: gone`: the one that is watched was deleted; `event: resync`: more changed than is told, load all anew.",
        "content": {"text/event-stream": {"schema": EVENT}},
    }
}
router = APIRouter(tags=["events"])


class EventStream(Response):
    """Sends until there is no more to send, the client goes away, or the API is stopped, whichever is first.

    Args:
        texts: what to send.
        closed: set when the API is stopped.
    """

    media_type = "text/event-stream"

    def __init__(self, texts: AsyncGenerator[bytes], closed: asyncio.Event) -> None:
        super().__init__(headers={"X-Accel-Buffering": "no"})
        del self.headers["content-length"]
        self._texts = texts
        self._closed = closed

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        """Send."""
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        async with anyio.create_task_group() as group:

            async def first(wait: Callable[[], Awaitable[object]]) -> None:
                await wait()
                group.cancel_scope.cancel()

            async def send_all() -> None:
                async with aclosing(self._texts) as texts:
                    async for text in texts:
                        await send({"type": "http.response.body", "body": text, "more_body": True})

            async def leave() -> None:
                while (await receive())["type"] != "http.disconnect":
                    pass

            for wait in (send_all, leave, self._closed.wait):
                group.start_soon(first, wait)
        with anyio.move_on_after(LAST_WORDS):
            await send({"type": "http.response.body", "body": b"", "more_body": False})


@router.get("/api/events", response_class=Response, responses=STREAM)
async def events(
    backend: Asked,
    caller: Reader,
    project: ProjectToRead,
    document: Annotated[UUID | None, Query(description="This document alone, whatever its project.")] = None,
    limit: Annotated[int | None, Query(ge=1, description="End after so many events; else the stream goes on.")] = None,
    last_event_id: Annotated[str, Header(max_length=100, description="`id` of the last event that was received.")] = "",
) -> EventStream:
    """Be told of a project's documents as they go on, and of its figures.

    First comes what the project holds; with `Last-Event-ID` then all that changed since. Load what you show after the first
    event, so that nothing is missed in between. The stream ends now and then: come again, as browsers do by themselves.
    """
    hub, watched = backend.hub, ""
    if document:
        change = await asyncio.to_thread(hub.changes.one, str(document), caller.project)
        if change is None:
            raise no_such_document()
        watched, project = str(document), change.project
    if hub.streams(caller.id) >= backend.settings.api_event_streams:
        raise Problem(
            429, "This key listens too often at one time.", "too_many_streams", "Close streams, or use another key."
        )
    texts = _texts(hub, Stream(project, watched), caller.id, last_event_id, limit)
    await anext(texts)  # what can go wrong goes wrong before the answer has begun
    return EventStream(texts, hub.closed)


async def _texts(hub: Hub, stream: Stream, caller: str, last: str, limit: int | None) -> AsyncGenerator[bytes]:
    until = time.monotonic() + LIFETIME * random.uniform(0.8, 1.2)
    left = limit or sys.maxsize
    async with hub.listening(caller, stream):
        news = await hub.opening(stream, last)
        yield b""
        said = AGAIN
        while True:
            yield said + b"".join(each.text for each in news[:left]) or ALIVE
            left -= len(news)
            if left <= 0 or stream.ended or time.monotonic() > until:
                return
            said, news = b"", await stream.next(HEARTBEAT)
