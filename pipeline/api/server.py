"""The application behind a port."""

import logging
import signal
import socket
from collections.abc import Callable
from ipaddress import ip_address
from typing import cast

import uvicorn
from fastapi import FastAPI

from pipeline.api.app import create_app
from pipeline.api.connections import Impatient
from pipeline.errors import Misconfigured
from pipeline.observing import formatter
from pipeline.settings import Settings

LAST_ANSWERS = 10  # seconds that answers under way have when the API is stopped
CONNECTIONS = 1000
WAITING = 2048


def serve(settings: Settings, host: str, port: int, ready: Callable[[str], object]) -> None:
    """Answer until SIGTERM or SIGINT. ``ready`` is told the address; port 0 takes any that is free.

    Raises:
        Misconfigured: the address cannot be used.
    """
    lines = logging.StreamHandler()
    lines.setFormatter(formatter(settings.log_format))
    logging.basicConfig(level=settings.log_level, handlers=[lines])
    with listening(host, port) as listener:
        bound = listener.getsockname()
        app = create_app(settings, local=ip_address(bound[0]).is_loopback)
        ready(f"http://{f'[{bound[0]}]' if ':' in bound[0] else bound[0]}:{bound[1]}")
        signal.signal(signal.SIGTERM, lambda *_: None)  # uvicorn raises it anew when all is done
        Server(configured(app)).run(sockets=[listener])


def configured(app: FastAPI) -> uvicorn.Config:
    """How it is served."""
    return uvicorn.Config(
        app,
        http=Impatient,
        log_config=None,
        access_log=False,
        server_header=False,
        limit_concurrency=CONNECTIONS,
        timeout_graceful_shutdown=LAST_ANSWERS,
        proxy_headers=False,
    )


class Server(uvicorn.Server):
    """Ends streams when it is stopped: by themselves they would go on."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop answering."""
        app = cast("FastAPI", self.config.app)
        app.state.backend.hub.closed.set()
        await super().shutdown(sockets)


def listening(host: str, port: int) -> socket.socket:
    """A socket at this address; port 0: any that is free.

    Raises:
        Misconfigured: the address cannot be used.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family, backlog=WAITING)
    except OSError as fault:
        raise Misconfigured(f"The API cannot listen at {host}:{port}: {fault.strerror}.", "port_in_use") from fault
    # Connections have it of their listener: an answer's body does not wait 40 ms for the client to acknowledge its head.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener
