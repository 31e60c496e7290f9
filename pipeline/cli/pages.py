"""The web page as `up` starts it, and what is told of it."""

from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from typing import NamedTuple

from pipeline.cli.link import first_link
from pipeline.endpoints import Endpoints
from pipeline.errors import Misconfigured
from pipeline.stores.database import Database
from pipeline.stores.migrations import migrate
from pipeline.supervisor import Supervisor
from pipeline.supervisor.api import check_installed


class Pages(NamedTuple):
    """Where the page is, and a link that opens it once if nobody has a key yet; or why there is none."""

    address: str = ""
    pid: int | None = None
    link: str | None = None
    missing: str = ""

    def as_data(self) -> dict[str, object] | None:
        """For programs; None: it was not started."""
        return {"address": self.address, "pid": self.pid, "link": self.link} if self.address else None

    def lines(self) -> Iterator[str]:
        """For people."""
        if self.missing:
            yield f"No web page: {self.missing}"
        if self.address:
            yield f"Web page and API: {self.address}"
            yield f"Sign in, once and within an hour: {self.link}" if self.link else "To sign in: nlp-pipeline link"


NO_PAGES = Pages()


def start_pages(supervisor: Supervisor, endpoints: Endpoints, deadline: timedelta) -> Pages:
    """Have the API run, and a key in its database.

    Raises:
        ServiceUnavailable: it is not ready in time.
    """
    if not endpoints.database:
        return Pages(missing="it needs DATABASE_URL.")
    try:
        check_installed()
    except Misconfigured as fault:
        return Pages(missing=fault.message)
    migrate(endpoints.database)
    status = supervisor.up_api(endpoints, deadline)
    address = f"http://{status.address}"
    with closing(Database(endpoints.database, most=1)) as database:
        return Pages(address, status.pid, first_link(database, address))
