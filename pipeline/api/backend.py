"""What the routes ask, built once a process."""

from functools import cached_property
from pathlib import Path
from typing import Annotated, cast

from fastapi import Depends, Request

from pipeline.errors import ServiceUnavailable, Throttled
from pipeline.settings import Settings
from pipeline.stores.api_keys import ApiKeys, Caller
from pipeline.stores.catalog import Catalog
from pipeline.stores.database import Database
from pipeline.stores.rate_limits import Limit, RedisRateLimits
from pipeline.stores.reports import Reports
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
        self.catalog = Catalog(self.database)

    @property
    def uploads(self) -> Path:
        """Where uploads lie while they come in."""
        return self.settings.home / "uploads"

    def reports(self, project: str) -> Reports:
        """What can be read of a project."""
        return Reports(self.database, project)

    def count(self, caller: Caller) -> None:
        """Count a request of this caller.

        Raises:
            Throttled: there were too many.
        """
        if not self.settings.api_requests_per_minute:
            return
        try:
            self._limits.book(f"api:{caller.id}", 0)
        except Throttled as fault:
            raise Throttled("Too many requests with this key.", "rate_limit", fault.retry_after) from None
        except ServiceUnavailable:
            return  # while nobody can count, everybody is served

    @cached_property
    def _limits(self) -> RedisRateLimits:
        limit = Limit(requests=self.settings.api_requests_per_minute)
        return RedisRateLimits(self.settings.broker, {}, others=limit, longest_wait=0)

    def close(self) -> None:
        """Give back connections."""
        self.use.close()
        self.database.close()
        if "_limits" in self.__dict__:
            self._limits.close()


def _backend(request: Request) -> Backend:
    return cast("Backend", request.app.state.backend)


Asked = Annotated[Backend, Depends(_backend)]
