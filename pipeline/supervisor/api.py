"""The HTTP API and its web page, as `up` keeps it: beside the servers, on this machine alone."""

import http.client
import json
import sys
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

from pipeline.endpoints import LOOPBACK, Endpoints
from pipeline.errors import Misconfigured, ServiceUnavailable
from pipeline.home import Home, ProcessId
from pipeline.supervisor.processes import Launch, carrying, environment_of, listens
from pipeline.supervisor.server import Ports, Server

MARKER = "NLP_PIPELINE_API_OF"
PARTS = ("fastapi", "uvicorn", "python_multipart")
PATIENCE = 5.0  # seconds for an answer about its health


class Api(Server):
    """The API of one home.

    Args:
        home: whose it is.
        environment: of its process, with the addresses of the servers.
    """

    name = "api"
    title = "HTTP API"
    package = "uvicorn"
    preferred = {"main": 8000}  # noqa: RUF012  # never changed

    def __init__(self, home: Home, environment: Mapping[str, str] | None = None) -> None:
        super().__init__(home)
        self._environment = {**(environment or {}), MARKER: str(home.path)}

    def launch(self, ports: Ports) -> Launch:
        """The command `api`; its folder stays ours, for the sake of paths in settings."""
        words = ["-m", "pipeline.cli.main", "api", "--port", str(ports["main"])]
        return Launch([sys.executable, *words], Path.cwd(), self._environment)

    def ping(self, ports: Ports) -> str:
        """Ask for its health, and so for the database's."""
        line = http.client.HTTPConnection(LOOPBACK, ports["main"], timeout=PATIENCE)
        try:
            line.request("GET", "/health")
            answer = line.getresponse()
            said = json.loads(answer.read())
        except (OSError, http.client.HTTPException, ValueError) as fault:
            raise ServiceUnavailable(f"The HTTP API does not answer: {fault}.") from None
        finally:
            line.close()
        if answer.status != http.HTTPStatus.OK:
            raise ServiceUnavailable(f"The HTTP API is not well: {said.get('status')}.")
        # Another home's may have taken the port, and answers as well.
        if not any(listens(process, ports["main"]) for process in self.leftovers()):
            raise ServiceUnavailable("Another program answers in the place of the HTTP API.")
        return f"nlp-pipeline {said.get('version')}"

    def leftovers(self) -> list[ProcessId]:
        """What an earlier start left, recorded or not."""
        return carrying(MARKER, str(self.home.path))

    def knows(self, process: ProcessId, endpoints: Endpoints) -> bool:
        """Whether the process was started with these addresses."""
        return endpoints.environment().items() <= environment_of(process).items()


def check_installed() -> None:
    """Look for its libraries; nothing of them is imported.

    Raises:
        Misconfigured: they are missing.
    """
    if not all(map(find_spec, PARTS)):
        raise Misconfigured("The API is not installed: pip install 'nlp-pipeline[api]'", "not_installed")
