"""What a command holds while it runs: settings, the servers that it needs, and the database."""

import fcntl
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, Self

import click

from pipeline.endpoints import embedded
from pipeline.errors import Misconfigured
from pipeline.home import Home
from pipeline.settings import Settings, load_settings
from pipeline.stores.database import Database
from pipeline.stores.migrations import migrate
from pipeline.stores.reports import Reports
from pipeline.supervisor import Supervisor

DATABASE_ALONE = ("postgres",)


def project_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """The option ``--project``."""
    option = click.option("--project", metavar="NAME", help="The matter to work on; NLP_PIPELINE_PROJECT unless given.")
    return option(command)


class NothingHere(Misconfigured):
    """This home was never used."""

    code = "nothing_here"
    advice = "Begin with: nlp-pipeline run PATH"


class Servers:
    """The embedded servers as one command uses them: started when asked for, ended by whoever uses them last.

    A lock that all users share tells the last one.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._held = ExitStack()
        self.supervisor = Supervisor(settings)

    def __enter__(self) -> Self:
        home = Home(self._settings.home)
        home.create()
        self._users = self._held.enter_context((home.path / "users.lock").open("ab"))
        fcntl.flock(self._users, fcntl.LOCK_SH)
        return self

    def up(self, only: Collection[str] | None = None) -> Settings:
        """Start what does not run (all servers, or only these); the settings with the addresses in them."""
        self.endpoints = self.supervisor.up(only=only)
        return self.endpoints.fill(self._settings)

    def __exit__(self, *_: object) -> None:
        with self._held:
            with suppress(BlockingIOError):
                fcntl.flock(self._users, fcntl.LOCK_EX | fcntl.LOCK_NB)
                self.supervisor.release()
                return
            self.supervisor.stop_workers()


@contextmanager
def opened(settings: Settings, project: str | None) -> Iterator[tuple[Settings, Reports]]:
    """The database, brought up to date if it is ours. An embedded one that does not run is started for this time alone."""
    with ExitStack() as held:
        if "postgres" in embedded(settings):
            settings = held.enter_context(Servers(settings)).up(DATABASE_ALONE)
            migrate(settings.database)
        database = Database(settings.database, most=2)
        held.callback(database.close)
        yield settings, Reports(database, project or settings.nlp_pipeline_project)


@contextmanager
def reading(project: str | None) -> Iterator[tuple[Settings, Reports]]:
    """The database of a project that something was submitted to.

    Raises:
        NothingHere: there is no such project.
    """
    settings = load_settings()
    if "postgres" in embedded(settings) and "postgres" not in Home(settings.home).state().servers:
        raise NothingHere(f"Nothing was ever processed in {settings.home}.")
    with opened(settings, project) as (located, reports):
        if reports.project_id is None:
            raise NothingHere(f"Nothing was ever submitted to the project {reports.project}.")
        yield located, reports


def writable_folder(path: Path) -> Path:
    """The folder, made if it is not there.

    Raises:
        click.UsageError: it cannot be made.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as fault:
        raise click.UsageError(f"The folder {path} cannot be made: {fault.strerror}.") from None
    return path
