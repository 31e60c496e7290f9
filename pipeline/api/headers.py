"""Headers of every answer: nothing is guessed, framed, kept or sent on. And of every request: it must mean this server."""

from collections.abc import Collection

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pipeline.api.problems import problem

ALWAYS = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Cache-Control": "no-store",
}
"""A route's own take their place."""
LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]"})


class SafeHeaders:
    """ASGI middleware that adds them."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, with the headers added."""

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in ALWAYS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, with_headers)


class KnownHosts:
    """ASGI middleware that answers only who means this server: a foreign name may have been made to lead here.

    Args:
        app: what is guarded.
        hosts: names that are meant; ``/health`` answers to any.
    """

    def __init__(self, app: ASGIApp, hosts: Collection[str]) -> None:
        self._app = app
        self._hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, or refuse with 421."""
        known = scope["type"] != "http" or scope["path"] == "/health"
        if known or host_of(Headers(scope=scope).get("host", "")) in self._hosts:
            await self._app(scope, receive, send)
        else:
            advice = "Use the address that the API printed, or name this one in API_HOSTS."
            await problem(421, "This server is not known by that name.", "wrong_host", advice)(scope, receive, send)


def host_of(address: str) -> str:
    """The host of ``host:port``, an IPv6 address with its brackets."""
    host, _, port = address.lower().rpartition(":")
    return host if port.isdecimal() and host else address.lower()
