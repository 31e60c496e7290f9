"""What the routes ask, built once a process."""

from functools import cached_property
from ipaddress import IPv6Address, IPv6Network
from pathlib import Path
from typing import Annotated, Any, cast

from fastapi import Depends, Request

from pipeline.api.board import Board
from pipeline.api.hub import Hub
from pipeline.api.originals import Originals
from pipeline.api.pictures import Pictures
from pipeline.errors import ServiceUnavailable, Throttled
from pipeline.settings import MEGABYTE, Settings
from pipeline.stores.api_keys import ApiKeys, Caller
from pipeline.stores.catalog import Catalog
from pipeline.stores.changes import Changes
from pipeline.stores.database import Database
from pipeline.stores.decisions import Decisions
from pipeline.stores.entity_catalog import EntityCatalog
from pipeline.stores.kept_files import KeptFiles
from pipeline.stores.passages import Passages
from pipeline.stores.places import Places
from pipeline.stores.rate_limits import Limit, RedisRateLimits
from pipeline.stores.reports import Reports
from pipeline.stores.sessions import Sessions
from pipeline.wiring import Services

CONNECTIONS = 16


class Backend:
    """Stores, keys, limits. Thread-safe.

    Args:
        settings: with the addresses of database and broker.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.database = Database(settings.database, most=CONNECTIONS)
        self.use = Services(settings)
        self.use.database = self.database
        self.keys = ApiKeys(self.database)
        self.sessions = Sessions(self.database, settings.api_session_idle, settings.api_session_lifetime)
        self.catalog = Catalog(self.database)
        self.entities = EntityCatalog(self.database)
        self.changes = Changes(self.database)
        self.hub = Hub(self.changes, self.report)
        self.decisions = Decisions(self.database)
        self.board = Board(settings, self.database)
        self.places = Places(self.database)
        kept = KeptFiles(settings.home / "page-images", settings.api_page_images * MEGABYTE)
        self.originals = Originals(self.use, kept)
        self.pictures = Pictures(self.use, self.originals, kept, settings.api_pages_at_once)
        self.passages = Passages(self.database)

    @property
    def uploads(self) -> Path:
        """Where uploads lie while they come in."""
        return self.settings.home / "uploads"

    def reports(self, project: str) -> Reports:
        """What can be read of a project."""
        return Reports(self.database, project)

    def report(self, project: str, known: dict[str, Any] | None = None) -> dict[str, Any]:
        """What a project holds and where its documents stand, as ``GET /api/project`` answers.

        Args:
            project: its name; one that nothing was submitted to holds nothing.
            known: what was said last; returned unless a document went on since: what is found in them is long to count.
        """
        reports = self.reports(project)
        states = [count._asdict() for count in reports.states()]
        if known and known["states"] == states:
            return known
        return {"name": project, **reports.totals()._asdict(), "states": states}

    def count(self, caller: Caller) -> None:
        """Count a request of this caller.

        Raises:
            Throttled: there were too many.
        """
        self._book(self._requests, f"api:{caller.id}", "Too many requests with this key.")

    def count_guess(self, address: str) -> None:
        """Count a wrong key or link from this address.

        Raises:
            Throttled: there were too many.
        """
        self._book(self._guesses, f"api-guess:{_network(address)}", "Too many wrong keys from this address.")

    def _book(self, limits: RedisRateLimits | None, name: str, said: str) -> None:
        try:
            if limits:
                limits.book(name, 0)
        except Throttled as fault:
            raise Throttled(said, "rate_limit", fault.retry_after) from None
        except ServiceUnavailable:
            return  # while nobody can count, everybody is served

    @cached_property
    def _requests(self) -> RedisRateLimits | None:
        return self._limits(self.settings.api_requests_per_minute)

    @cached_property
    def _guesses(self) -> RedisRateLimits | None:
        return self._limits(self.settings.api_guesses_per_minute)

    def _limits(self, requests: int) -> RedisRateLimits | None:
        if not requests:
            return None
        return RedisRateLimits(self.settings.broker, {}, others=Limit(requests=requests), longest_wait=0)

    def close(self) -> None:
        """Give back connections."""
        self.board.close()
        self.use.close()
        self.database.close()
        for limits in (self.__dict__.get("_requests"), self.__dict__.get("_guesses")):
            if limits:
                limits.close()


def _network(address: str) -> str:
    """Whose address it is: of IPv6 one has many."""
    try:
        known = IPv6Address(address)
    except ValueError:
        return address
    return str(known.ipv4_mapped or IPv6Network((int(known), 64), strict=False))


def _backend(request: Request) -> Backend:
    return cast("Backend", request.app.state.backend)


Asked = Annotated[Backend, Depends(_backend)]
