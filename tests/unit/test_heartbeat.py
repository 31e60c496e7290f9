import threading
from datetime import timedelta

from pipeline.errors import ServiceUnavailable
from pipeline.heartbeat import Heartbeat
from pipeline.model import DocumentId, Lease
from pipeline.status import Step

SHORT = timedelta(milliseconds=30)
DEADLINE = 20
ONE, OTHER = (Lease(DocumentId(name), Step.PROCESS_OCR, 1) for name in ("one", "other"))


class Database:
    """Renews leases; counts, forgets and fails as it is told."""

    def __init__(self) -> None:
        self.renewed: list[Lease] = []
        self.lost: set[Lease] = set()
        self.away = 0
        self._beat = threading.Condition()

    def renew(self, lease: Lease) -> bool:
        with self._beat:
            self.renewed.append(lease)
            self._beat.notify_all()
        if self.away:
            self.away -= 1
            raise ServiceUnavailable("The database is away.")
        return lease not in self.lost

    def wait_for(self, lease: Lease, times: int) -> None:
        with self._beat:
            assert self._beat.wait_for(lambda: self.renewed.count(lease) >= times, DEADLINE)


def test_held_leases_are_renewed_and_others_are_not() -> None:
    database = Database()
    beat = Heartbeat(database.renew, SHORT)
    with beat.of(ONE), beat.of(OTHER):
        database.wait_for(ONE, 2)
        database.wait_for(OTHER, 2)
    with beat.of(OTHER):
        seen = len(database.renewed)
        database.wait_for(OTHER, database.renewed.count(OTHER) + 4)
        # One beat may have been under way when the first lease was given back.
        assert database.renewed[seen:].count(ONE) <= 1


def test_an_outage_is_survived() -> None:
    database = Database()
    database.away = 3
    with Heartbeat(database.renew, SHORT).of(ONE):
        database.wait_for(ONE, 5)


def test_a_lost_lease_is_let_go() -> None:
    database = Database()
    database.lost = {ONE}
    beat = Heartbeat(database.renew, SHORT)
    with beat.of(ONE), beat.of(OTHER):
        database.wait_for(OTHER, 4)
    assert database.renewed.count(ONE) == 1
