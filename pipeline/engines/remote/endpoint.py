"""Where a model is served, and the clients of a process for it."""

import os
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pipeline.errors import Misconfigured

if TYPE_CHECKING:
    from openai import OpenAI

CONNECT_SECONDS = 10.0
NO_KEY = "none"
"""Sent where no key is set: the client insists on one, and servers of one's own do not look at it."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a model is served and how it is called there.

    Args:
        model: its name at the service; with Azure the name of the deployment.
        key: never shown.
        base_url: up to and including the version; with ``azure_api_version`` the resource's address.
        name: what limits, usage and messages call the endpoint.
        azure_api_version: set it for Azure's older addresses; its ``/openai/v1`` needs none.
        timeout: seconds without a sign of the answer.
        output_tokens: most tokens of an answer; 0: as the service has it.
    """

    model: str
    key: str = field(default="", repr=False)
    base_url: str = "https://api.openai.com/v1"
    name: str = "openai"
    azure_api_version: str = ""
    timeout: float = 120.0
    output_tokens: int = 0

    def __post_init__(self) -> None:
        if not self.model:
            raise Misconfigured(f"No model is named for the endpoint {self.name}.", "unknown_model")
        if not self.base_url.startswith(("https://", "http://")):
            raise Misconfigured(
                f"The address of the endpoint {self.name} must begin with https:// or http://.", "bad_address"
            )


class Clients:
    """Clients of one endpoint that one process uses again and again, each by one thread or greenlet at a time.

    They share the TLS context, which takes 0.2 s to make. One client for all would be slower under gevent: its pool looks at
    every idle connection before each call, and each look lets all other greenlets run first.

    Raises:
        Misconfigured: the client library is not installed.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        try:
            import httpx2
            import openai  # noqa: F401  # that it is there is told here
        except ImportError as fault:
            message = "The client library is missing: pip install 'nlp-pipeline[openai]'"
            raise Misconfigured(message, "engine_missing") from fault
        self._context = httpx2.create_ssl_context()
        self._endpoint = endpoint
        self._idle: deque[OpenAI] = deque()

    @contextmanager
    def one(self) -> "Iterator[OpenAI]":
        """A client for one call."""
        try:
            client = self._idle.pop()  # the one used last: its connection is the warmest
        except IndexError:
            client = self._made()
        try:
            yield client
        finally:
            self._idle.append(client)

    def _made(self) -> "OpenAI":
        import openai

        endpoint = self._endpoint
        timeout = openai.Timeout(endpoint.timeout, connect=CONNECT_SECONDS)
        http = openai.DefaultHttpxClient(verify=self._context, timeout=timeout)
        key = endpoint.key or NO_KEY
        if version := endpoint.azure_api_version:
            return openai.AzureOpenAI(
                azure_endpoint=endpoint.base_url, api_version=version, api_key=key, max_retries=0, http_client=http
            )
        return openai.OpenAI(base_url=endpoint.base_url, api_key=key, max_retries=0, http_client=http)


_clients: dict[tuple[int, Endpoint], Clients] = {}
_making = threading.Lock()


def clients_of(endpoint: Endpoint) -> Clients:
    """This process's clients; a forked process gets its own.

    Raises:
        Misconfigured: the client library is not installed.
    """
    place = os.getpid(), endpoint
    with _making:
        if place not in _clients:
            _clients[place] = Clients(endpoint)
        return _clients[place]
