"""The HTTP API on a port of this machine, in a thread of this process, and clients with keys of their own."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import httpx

from pipeline.api.app import create_app
from pipeline.api.server import Server, configured, listening
from pipeline.settings import Settings
from pipeline.stores.api_keys import ApiKeys, Scope
from pipeline.stores.database import Database
from pipeline.stores.postgres import PostgresStore


class Served(NamedTuple):
    """A running API, and its database seen from outside."""

    url: str
    database: Database
    store: PostgresStore
    settings: Settings

    def key(self, scope: Scope = Scope.WRITE, project: str = "") -> str:
        """A new key."""
        return ApiKeys(self.database).create("test", scope, project).key

    def ask(self, method: str, path: str, **request: Any) -> httpx.Response:  # noqa: ANN401  # as httpx takes them
        """A request without a key."""
        return httpx.request(method, self.url + path, timeout=60, **request)

    def client(self, scope: Scope = Scope.WRITE, project: str = "") -> httpx.Client:
        """A client with a new key."""
        return httpx.Client(base_url=self.url, headers={"Authorization": f"Bearer {self.key(scope, project)}"}, timeout=60)


@contextmanager
def served(settings: Settings) -> Iterator[Served]:
    """The API until the context ends."""
    database = Database(settings.database)
    with listening("127.0.0.1", 0) as listener:
        server = Server(configured(create_app(settings)))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        try:
            yield Served(f"http://127.0.0.1:{listener.getsockname()[1]}", database, PostgresStore(database), settings)
        finally:
            server.should_exit = True
            thread.join()
            database.close()
