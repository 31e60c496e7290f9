"""Where the three servers are: at the URLs that are set, else where the embedded ones listen."""

import os
from dataclasses import dataclass, field

from pydantic import SecretStr

from pipeline.errors import ServiceUnavailable
from pipeline.home import Home, ServerRecord, State
from pipeline.settings import Settings

LOOPBACK = "127.0.0.1"
DATABASE = "nlp_pipeline"
GRAPH_USER = "root"


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Addresses of broker, database and graph. The URLs hold passwords, so ``repr`` hides them."""

    broker: str = field(repr=False)
    database: str = field(repr=False)
    graph_uri: str
    graph_user: str
    graph_password: str = field(repr=False)

    def environment(self) -> dict[str, str]:
        """The variables that hand the addresses on to a child process."""
        return {
            "CELERY_BROKER_URL": self.broker,
            "DATABASE_URL": self.database,
            "NEO4J_URI": self.graph_uri,
            "NEO4J_USER": self.graph_user,
            "NEO4J_PASSWORD": self.graph_password,
        }

    def fill(self, settings: Settings) -> Settings:
        """The same settings with these addresses in them."""
        return settings.model_copy(
            update={
                "celery_broker_url": SecretStr(self.broker),
                "database_url": SecretStr(self.database),
                "neo4j_uri": self.graph_uri,
                "neo4j_user": self.graph_user,
                "neo4j_password": SecretStr(self.graph_password),
            }
        )


def running_endpoints(settings: Settings) -> Endpoints | None:
    """Where the servers are; ``None`` if an embedded one does not run. Starts nothing."""
    home = Home(settings.home)
    state = home.state()
    if any(name not in state.servers or not state.servers[name].alive() for name in embedded(settings)):
        return None
    return recorded_endpoints(settings, state, home.passwords())


def located(settings: Settings) -> Settings:
    """The settings with the addresses of all servers in them.

    Raises:
        ServiceUnavailable: an embedded server does not run; code ``not_running``.
    """
    endpoints = running_endpoints(settings)
    if endpoints is None:
        raise ServiceUnavailable(f"The servers of {settings.home} do not run. Start them: nlp-pipeline up.", "not_running")
    return endpoints.fill(settings)


def embedded(settings: Settings) -> list[str]:
    """Names of the servers whose URL is not set, in the order in which they are told of."""
    database = settings.database or (settings.supabase_url if settings.database_store == "supabase" else "")
    urls = {"valkey": settings.broker, "postgres": database, "arcadedb": settings.neo4j_uri}
    return [name for name, url in urls.items() if not url]


def recorded_endpoints(settings: Settings, state: State, passwords: dict[str, str]) -> Endpoints:
    """The addresses as they stand in the settings and, for the others, in the state file; port 0 where one never ran."""
    graph_password = settings.neo4j_password.get_secret_value() if settings.neo4j_password else ""

    def port(server: str) -> int:
        return state.servers.get(server, ServerRecord()).ports.get("main", 0)

    own_database = database_url(passwords.get("postgres", ""), port("postgres")) if "postgres" in embedded(settings) else ""
    return Endpoints(
        broker=settings.broker or broker_url(passwords.get("valkey", ""), port("valkey")),
        database=settings.database or own_database,
        graph_uri=settings.neo4j_uri or graph_uri(port("arcadedb")),
        graph_user=settings.neo4j_user if settings.neo4j_uri else GRAPH_USER,
        graph_password=graph_password if settings.neo4j_uri else passwords.get("arcadedb", ""),
    )


def broker_url(password: str, port: int) -> str:
    """Address of the embedded Valkey."""
    return f"redis://:{password}@{LOOPBACK}:{port}/0"


def database_url(password: str, port: int, name: str = DATABASE) -> str:
    """Address of a database of the embedded PostgreSQL."""
    return f"postgresql://{DATABASE}:{password}@{LOOPBACK}:{port}/{name}"


def graph_uri(port: int) -> str:
    """Address of the embedded Bolt server."""
    return f"bolt://{LOOPBACK}:{port}"


def child_environment(endpoints: Endpoints) -> dict[str, str]:
    """This process's environment with the addresses in it, for workers."""
    return os.environ | endpoints.environment()
