"""The embedded ArcadeDB: a graph server that speaks Bolt."""

from pathlib import Path

from pipeline.endpoints import GRAPH_USER, LOOPBACK, graph_uri
from pipeline.home import write_private, writing
from pipeline.supervisor.probes import ping_graph
from pipeline.supervisor.processes import Launch
from pipeline.supervisor.server import Ports, Server, package_folder, plain_environment

GRAPH_DATABASE = "neo4j"
HEAP = "-Xmx256m"


class ArcadeDB(Server):
    """ArcadeDB with its Bolt plugin, from the package ``arcadedb-embedded``, which brings its own Java."""

    name = "arcadedb"
    title = "ArcadeDB"
    package = "arcadedb_embedded"
    variable = "NEO4J_URI"
    program = "java"
    port_names = ("main", "http")

    def launch(self, ports: Ports) -> Launch:
        """A server that takes its root password from a file, which is removed as soon as it answers."""
        package = package_folder(ArcadeDB)
        with writing(self.base):
            write_private(self._password_file, self.password)
        options = {
            "profile": "low-ram",
            "server.mode": "production",
            "server.rootPath": self.data,
            "server.rootPasswordPath": self._password_file,
            "server.defaultDatabases": f"{GRAPH_DATABASE}[{GRAPH_USER}]",
            "server.httpIncomingHost": LOOPBACK,
            "server.httpIncomingPort": ports["http"],
            "server.plugins": "Bolt:com.arcadedb.bolt.BoltProtocolPlugin",
            "bolt.host": LOOPBACK,
            "bolt.port": ports["main"],
        }
        argv: list[str | Path] = [
            package / "jre" / "bin" / self.program, "-Xms32m", HEAP, "-XX:+UseSerialGC", "-XX:-UsePerfData",
            "-XX:TieredStopAtLevel=1",  # measured: half the CPU a document; the second compiler does not earn its own
            "--add-modules", "jdk.incubator.vector", "--enable-native-access=ALL-UNNAMED",
            *(f"-Darcadedb.{name}={value}" for name, value in options.items()),
            "-cp", f"{package / 'jars'}/*", "com.arcadedb.server.ArcadeDBServer",
        ]  # fmt: skip
        return Launch(argv, self.data, plain_environment())

    def ping(self, ports: Ports) -> str:
        """``RETURN 1``."""
        return ping_graph(graph_uri(ports["main"]), GRAPH_USER, self.password, GRAPH_DATABASE)

    def settle(self, ports: Ports) -> None:
        """Remove the file with the password: the server keeps a salted hash."""
        self._password_file.unlink(missing_ok=True)

    @property
    def _password_file(self) -> Path:
        return self.base / "password"
