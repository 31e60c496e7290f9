"""Answers that are made while they are sent."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing

import anyio
from fastapi.responses import Response
from starlette.types import Receive, Scope, Send

LAST_WORDS = 0.2  # seconds for the end to be sent


class Streamed(Response):
    """Sends until there is no more to send or the client goes away; what makes it is closed then.

    Args:
        pieces: what to send.
        media_type: of it.
        headers: more of them.
        until: when set, it ends at once.
    """

    def __init__(
        self,
        pieces: AsyncGenerator[bytes],
        media_type: str,
        headers: Mapping[str, str] | None = None,
        until: asyncio.Event | None = None,
    ) -> None:
        super().__init__(headers={"X-Accel-Buffering": "no", **(headers or {})}, media_type=media_type)
        del self.headers["content-length"]
        self._pieces = pieces
        self._until = until

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        """Send."""
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        async with anyio.create_task_group() as group:

            async def first(wait: Callable[[], Awaitable[object]]) -> None:
                await wait()
                group.cancel_scope.cancel()

            async def send_all() -> None:
                async with aclosing(self._pieces) as pieces:
                    async for piece in pieces:
                        await send({"type": "http.response.body", "body": piece, "more_body": True})

            async def leave() -> None:
                while (await receive())["type"] != "http.disconnect":
                    pass

            for wait in (send_all, leave, *([self._until.wait] if self._until else [])):
                group.start_soon(first, wait)
        with anyio.move_on_after(LAST_WORDS):
            await send({"type": "http.response.body", "body": b"", "more_body": False})
