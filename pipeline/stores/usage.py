"""What paid services used, counted in the database, and budgets that are kept there."""

import uuid
from collections.abc import Mapping
from datetime import timedelta

from psycopg.types.json import Jsonb

from pipeline.errors import OverBudget
from pipeline.model import Prices, Usage
from pipeline.ports import charged_to
from pipeline.stores.calls import Calls
from pipeline.stores.later import Later

HOUR = timedelta(hours=1)
NO_PRICES: Prices = {}


class DatabaseMeter:
    """Implements ``ports.Meter``: every call stands in the database before it is made.

    Its end is told once, however often it is written. While the database is away no call is begun, and the end of one that
    is under way is written when it is back; if the process dies before, the call counts with the most that it could use.

    Args:
        database: where the books are.
        prices: by which budgets are kept.
    """

    def __init__(self, database: Calls, prices: Prices = NO_PRICES) -> None:
        self._db = database
        self._later = Later(database)
        self._prices = Jsonb(_plain(prices))

    def begin(self, most: Usage, call: str = "", open_for: timedelta = HOUR) -> str:
        """See ``ports.Meter``."""
        call = call or str(uuid.uuid4())
        payer = charged_to.get()
        refused = self._db.value(
            "begin_call",
            call=call,
            document=payer.document_id or None,
            step=payer.step or None,
            project=payer.project,
            most=Jsonb(most._asdict()),
            prices=self._prices,
            open_for=open_for,
        )
        if refused:
            raise OverBudget(refused["message"], check_again_in=refused["wait"])
        return call

    def end(self, call: str, used: Usage | None) -> None:
        """See ``ports.Meter``."""
        self._later.run("end_call", call=call, used=Jsonb(used._asdict()) if used else None)

    def drop(self, call: str) -> None:
        """See ``ports.Meter``."""
        self._later.run("drop_call", call=call)


def _plain(prices: Prices) -> dict[str, Mapping[str, float]]:
    return {model: dict(price) for model, price in prices.items()}
