"""What a project has cost, and its budget."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import psycopg
from psycopg.types.json import Jsonb

from pipeline.errors import Misconfigured
from pipeline.model import Prices
from pipeline.stores.calls import Rows
from pipeline.stores.database import Database
from pipeline.stores.statements import load_statements

SQL = load_statements("sql/reports.sql")


class Used(NamedTuple):
    """What was used, and what that costs; None: unknown, for a model has no price.

    ``guessed`` of the ``calls`` did not tell their end: they count with the most that they could use.
    """

    calls: int
    guessed: int
    input_tokens: int
    output_tokens: int
    pages: int
    audio_seconds: float
    cost: float | None


class ModelCost(NamedTuple):
    """What a step used of a model; ``step`` is "" for what no document asked for. Else as ``Used``."""

    step: str
    endpoint: str
    model: str
    calls: int
    guessed: int
    input_tokens: int
    output_tokens: int
    pages: int
    audio_seconds: float
    cost: float | None


class Budget(NamedTuple):
    """A project's budget, None if it has none; what is used, and under way. Models in ``unpriced`` are not in it."""

    amount: float | None
    used: float
    under_way: float
    unpriced: tuple[str, ...]


class Unanswered(NamedTuple):
    """Questions in a batch, or yet in none (state ``gathering``).

    ``state`` is the service's word for the batch's, ``cost`` what they cost at most (None: unknown), ``age`` in seconds
    since the oldest was asked.
    """

    state: str
    questions: int
    cost: float | None
    age: float
    fault: str


class Costs:
    """What one project has cost, by these prices.

    Every method raises ``ServiceUnavailable`` while the database is away, ``Misconfigured`` where it was never set up.
    """

    def __init__(self, database: Database, project: str, prices: Prices) -> None:
        self._db = database
        self._project = project
        self._prices = Jsonb({model: dict(price) for model, price in prices.items()})

    def models(self) -> list[ModelCost]:
        """By step and model, in the order of the steps."""
        return [ModelCost(step or "", *rest) for step, *rest in self._rows("model_costs")]

    def documents(self) -> list[tuple[str, Used]]:
        """By path, the dearest first; the path is "" for what no document asked for, or one that was deleted."""
        return [(path or "", Used(*rest)) for path, *rest in self._rows("document_costs")]

    def budget(self) -> Budget:
        """The budget and what is left of it."""
        amount, used, under_way, unpriced = self._rows("budget")[0]
        return Budget(amount, used, under_way, tuple(unpriced))

    def batches(self) -> list[Unanswered]:
        """Questions that are not answered yet, by batch."""
        return [Unanswered(*row) for row in self._rows("batches")]

    def set_budget(self, amount: float | None) -> None:
        """Set the budget, or take it away (None); documents that wait for it are sent on at once."""
        with _set_up():
            self._db.rows("set_budget", project=self._project, amount=amount)

    def _rows(self, statement: str) -> Rows:
        values = {"project": self._project, "prices": self._prices}
        with _set_up(), self._db.connection() as connection:
            return connection.execute(SQL[statement].encode(), values).fetchall()


@contextmanager
def _set_up() -> Iterator[None]:
    try:
        yield
    except (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedFunction) as fault:
        raise Misconfigured(
            "The database was never set up, or by an older version: nlp-pipeline migrate.", "no_schema"
        ) from fault
