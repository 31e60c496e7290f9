"""One real call to each kind of server: proof that it answers, or one sentence that says why not."""

from urllib.parse import urlsplit

import psycopg

from pipeline.errors import Misconfigured, ServiceUnavailable

SECONDS = 5


def where(url: str) -> str:
    """Host and port of a URL, without its password."""
    parts = urlsplit(url)
    return f"{parts.hostname or 'localhost'}:{parts.port}" if parts.port else parts.hostname or "localhost"


def ping_broker(url: str) -> str:
    """PING; returns the server's name and version.

    Raises:
        ServiceUnavailable: no answer.
        Misconfigured: the password is refused, or the URL is not one of Redis.
    """
    import redis

    try:
        client = redis.Redis.from_url(url, socket_timeout=SECONDS, socket_connect_timeout=SECONDS)
        with client:
            client.ping()
            facts = client.info("server")
    except (redis.AuthenticationError, ValueError) as fault:
        raise Misconfigured(f"The broker at {where(url)} refuses: {_first_line(fault)}.", "refused") from None
    except redis.RedisError as fault:
        if "CERTIFICATE_VERIFY_FAILED" in str(fault):
            message = (
                f"Nobody vouches for the certificate of the broker at {where(url)}: set REDIS_CA_CERTS, or use its own name."
            )
            raise Misconfigured(message, "certificate") from None
        raise ServiceUnavailable(f"The broker at {where(url)} does not answer: {_first_line(fault)}.") from None
    return f"{facts.get('server_name', 'redis')} {facts.get('valkey_version', facts.get('redis_version', ''))}"


def ping_database(url: str) -> str:
    """A query; returns the versions of PostgreSQL and pgvector ("none" if that cannot be had).

    Raises:
        ServiceUnavailable: no answer.
        Misconfigured: the password is refused, or the URL is not one of PostgreSQL.
    """
    query = (
        "SELECT current_setting('server_version'),"
        " coalesce((SELECT default_version FROM pg_available_extensions WHERE name = 'vector'), 'none')"
    )
    try:
        with psycopg.connect(url, connect_timeout=SECONDS, autocommit=True) as connection:
            row = connection.execute(query).fetchone() or ("?", "none")
    except psycopg.OperationalError as fault:
        if "password authentication failed" in str(fault):
            raise Misconfigured(f"The database at {where(url)} refuses the password.", "refused") from None
        raise ServiceUnavailable(f"The database at {where(url)} does not answer: {_first_line(fault)}.") from None
    except psycopg.ProgrammingError:
        raise Misconfigured("DATABASE_URL is not a PostgreSQL URL.", "refused") from None
    return f"PostgreSQL {row[0]}, pgvector {row[1]}"


def ping_graph(uri: str, user: str, password: str, database: str) -> str:
    """``RETURN 1`` over Bolt; returns the server's agent.

    Raises:
        ServiceUnavailable: no answer.
        Misconfigured: the password is refused, or the URI is not one of Bolt.
    """
    import neo4j
    from neo4j import exceptions as bolt_errors

    try:
        driver = neo4j.GraphDatabase.driver(uri, auth=(user, password), connection_timeout=SECONDS)
        with driver, driver.session(database=database) as session:
            return session.run("RETURN 1 AS one").consume().server.agent
    except (bolt_errors.AuthError, bolt_errors.ConfigurationError) as fault:
        raise Misconfigured(f"The graph server at {where(uri)} refuses: {_first_line(fault)}.", "refused") from None
    except (bolt_errors.Neo4jError, bolt_errors.DriverError, OSError) as fault:
        raise ServiceUnavailable(f"The graph server at {where(uri)} does not answer: {_first_line(fault)}.") from None


def _first_line(fault: Exception) -> str:
    return str(fault).strip().partition("\n")[0].rstrip(".: ") or type(fault).__name__
