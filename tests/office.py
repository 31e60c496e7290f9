"""What paid engines need around them, for tests: turns without limits, books that can be read, answers in memory."""

from dataclasses import dataclass, field
from datetime import timedelta

from pipeline.engines.remote.calling import Caller, Office
from pipeline.engines.remote.endpoint import Endpoint
from pipeline.model import Booking, Usage
from pipeline.stores.answers import MemoryAnswers
from tests.standins.openai import KEY, OpenAIStandIn


@dataclass
class FreeTurns:
    """Implements ``ports.RateLimit``: nobody waits; notes what it is told."""

    booked: list[int] = field(default_factory=list)
    used: list[int] = field(default_factory=list)
    pauses: list[float] = field(default_factory=list)

    def book(self, endpoint: str, tokens: int) -> Booking:
        self.booked.append(tokens)
        return Booking(endpoint, 0, tokens)

    def settle(self, booking: Booking, tokens: int) -> None:
        self.used.append(tokens)

    def slow_down(self, booking: Booking, retry_after: float) -> None:
        self.pauses.append(retry_after)


@dataclass
class Ledger:
    """Implements ``ports.Meter``."""

    used: list[Usage] = field(default_factory=list)
    begun: list[Usage] = field(default_factory=list)

    def begin(self, most: Usage, call: str = "", open_for: timedelta = timedelta()) -> str:
        self.begun.append(most)
        return call or str(len(self.begun) - 1)

    def end(self, call: str, used: Usage | None) -> None:
        self.used.append(used or self.begun[int(call)])

    def drop(self, call: str) -> None:
        pass


class TestOffice:
    """An office whose parts a test can look at."""

    __test__ = False

    def __init__(self) -> None:
        self.turns, self.ledger, self.answers = FreeTurns(), Ledger(), MemoryAnswers()
        self.office = Office(self.turns, self.ledger, self.answers)

    def caller(self, standin: OpenAIStandIn, *, patience: float = 5.0, **endpoint: object) -> Caller:
        """A caller of the stand-in."""
        given = {"model": "test-model", "key": KEY, "base_url": standin.url, "name": "stand-in", "timeout": 5.0} | endpoint
        return Caller(Endpoint(**given), self.office, patience)  # type: ignore[arg-type]  # given as in the constructor
