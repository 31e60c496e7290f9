"""Where a model is served, and the one client of a process for it."""

import os
import threading
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


_clients: dict[tuple[int, Endpoint], "OpenAI"] = {}
_making = threading.Lock()


def client_of(endpoint: Endpoint) -> "OpenAI":
    """This process's client, shared by its threads or greenlets: a client for each call would cost a TLS context each.

    Raises:
        Misconfigured: the client library is not installed.
    """
    place = os.getpid(), endpoint
    with _making:
        if place not in _clients:
            _clients[place] = _made(endpoint)
        return _clients[place]


def _made(endpoint: Endpoint) -> "OpenAI":
    try:
        import openai
    except ImportError as fault:
        raise Misconfigured("The client library is missing: pip install 'nlp-pipeline[openai]'", "engine_missing") from fault
    key = endpoint.key or NO_KEY
    timeout = openai.Timeout(endpoint.timeout, connect=CONNECT_SECONDS)
    if endpoint.azure_api_version:
        return openai.AzureOpenAI(
            azure_endpoint=endpoint.base_url,
            api_version=endpoint.azure_api_version,
            api_key=key,
            timeout=timeout,
            max_retries=0,
        )
    return openai.OpenAI(base_url=endpoint.base_url, api_key=key, timeout=timeout, max_retries=0)
