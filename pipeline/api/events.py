"""``GET /api/events``: what happens, as it happens, as server-sent events."""

import asyncio
import random
import sys
import time
from collections.abc import AsyncGenerator
from typing import Annotated, Any, NamedTuple
from uuid import UUID

from fastapi import APIRouter, Header, Query
from fastapi.responses import Response

from pipeline.api.access import Credentials, ProjectToRead, Reader, SessionCookie, no_such_document
from pipeline.api.backend import Asked, Backend
from pipeline.api.hub import Stream
from pipeline.api.problems import Problem
from pipeline.api.streamed import Streamed
from pipeline.errors import ServiceUnavailable

HEARTBEAT = 15.0  # seconds
LIFETIME = 900.0  # seconds; who comes again is asked for a valid key again
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


class Listener(NamedTuple):
    """Who listens: the id of the key, and what the cookie of a session holds, if that is how it came."""

    key: str
    session: str


@router.get("/api/events", response_class=Response, responses=STREAM)
async def events(
    backend: Asked,
    caller: Reader,
    project: ProjectToRead,
    credentials: Credentials,
    cookie: SessionCookie,
    document: Annotated[UUID | None, Query(description="This document alone, whatever its project.")] = None,
    limit: Annotated[int | None, Query(ge=1, description="End after so many events; else the stream goes on.")] = None,
    last_event_id: Annotated[str, Header(max_length=100, description="`id` of the last event that was received.")] = "",
) -> Streamed:
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
    listener = Listener(caller.id, "" if credentials else cookie or "")
    texts = _texts(backend, Stream(project, watched), listener, last_event_id, limit)
    await anext(texts)  # what can go wrong goes wrong before the answer has begun
    return Streamed(texts, "text/event-stream", until=hub.closed)


async def _texts(backend: Backend, stream: Stream, who: Listener, last: str, limit: int | None) -> AsyncGenerator[bytes]:
    hub, known = backend.hub, time.monotonic()
    until = known + LIFETIME * random.uniform(0.8, 1.2)
    left = limit or sys.maxsize
    async with hub.listening(who.key, stream):
        news = await hub.opening(stream, last)
        yield b""
        said = AGAIN
        while True:
            yield said + b"".join(each.text for each in news[:left]) or ALIVE
            left -= len(news)
            if left <= 0 or stream.ended or time.monotonic() > until:
                return
            if time.monotonic() - known >= HEARTBEAT:
                if not await asyncio.to_thread(_is_valid, backend, who):
                    return
                known = time.monotonic()
            said, news = b"", await stream.next(HEARTBEAT)


def _is_valid(backend: Backend, who: Listener) -> bool:
    """Whether, since the stream began, neither the key was revoked nor the session ended."""
    try:
        return backend.sessions.is_valid(who.session) if who.session else backend.keys.is_valid(who.key)
    except ServiceUnavailable:
        return True  # nothing is told while the database is away
