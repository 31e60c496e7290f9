"""Real servers for tests: one embedded set for the whole session, and cheap fresh places on it for each test."""

import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from psycopg import sql

from pipeline.errors import Misconfigured
from pipeline.settings import Settings, load_settings
from pipeline.stores.migrations import migrate
from pipeline.supervisor import Endpoints, Supervisor

TEMPLATE = "migrated"
MEMORY, ROOM = Path("/dev/shm"), 8 << 30
KEPT_HOME = "NLP_PIPELINE_TEST_HOME"
"""Set it to a folder of your own to keep the servers between test sessions."""


def embedded_settings(home: Path) -> Settings:
    """Settings of a home whose servers are all embedded, whatever the environment says."""
    return load_settings(
        _env_file=None, nlp_pipeline_home=home, celery_broker_url=None, redis_host="", database_url=None, neo4j_uri=""
    )


@contextmanager
def temporary_home() -> Iterator[Path]:
    """A home that another user may enter: pytest's own temporary folders are closed, and root's PostgreSQL is not root."""
    folder = Path(tempfile.mkdtemp(prefix="nlp-pipeline-", dir=_in_memory()))
    folder.chmod(0o711)
    try:
        yield folder / "home"
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _in_memory() -> Path | None:
    """A folder in memory, if it holds a few homes and lets programs run: a tenth of the tests' time goes into new files."""
    try:
        facts = os.statvfs(MEMORY)
    except OSError:
        return None
    return MEMORY if facts.f_bavail * facts.f_frsize >= ROOM and not facts.f_flag & os.ST_NOEXEC else None


@contextmanager
def running_servers() -> Iterator[Endpoints]:
    """The embedded servers of a temporary home, or of the home that is kept between sessions."""
    if kept := os.environ.get(KEPT_HOME):
        yield _up(Supervisor(embedded_settings(Path(kept))))
        return
    with temporary_home() as home:
        supervisor = Supervisor(embedded_settings(home))
        try:
            yield _up(supervisor)
        finally:
            supervisor.down()


def _up(supervisor: Supervisor) -> Endpoints:
    try:
        endpoints = supervisor.up()
    except Misconfigured as fault:
        if fault.code == "not_installed" and not os.environ.get("CI"):
            pytest.skip(str(fault))
        raise
    # What tests write need not outlive the machine; making databases is several times as fast so.
    _administer(endpoints, sql.SQL("ALTER SYSTEM SET fsync = off"), sql.SQL("SELECT pg_reload_conf()"))
    return endpoints


def make_template(endpoints: Endpoints) -> str:
    """Make the migrated database that others are copied from; returns its name."""
    name = f"{TEMPLATE}_{uuid.uuid4().hex[:12]}"
    _administer(endpoints, sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    migrate(on_database(endpoints, name))
    return name


@contextmanager
def fresh_database(endpoints: Endpoints, template: str = "template0") -> Iterator[str]:
    """URL of a database that is a copy of ``template`` and is dropped afterwards, whoever is still connected."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    create = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
    _administer(endpoints, create.format(sql.Identifier(name), sql.Identifier(template)))
    try:
        yield on_database(endpoints, name)
    finally:
        _administer(endpoints, sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def on_database(endpoints: Endpoints, name: str) -> str:
    """URL of another database of the same server."""
    return urlunsplit(urlsplit(endpoints.database)._replace(path=f"/{name}"))


def on_broker(endpoints: Endpoints, number: int) -> str:
    """URL of another numbered database of the same broker."""
    return urlunsplit(urlsplit(endpoints.broker)._replace(path=f"/{number}"))


def _administer(endpoints: Endpoints, *statements: sql.SQL | sql.Composed) -> None:
    with psycopg.connect(on_database(endpoints, "postgres"), autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement)
