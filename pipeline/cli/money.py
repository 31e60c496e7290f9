"""Sums, costs and budgets in words."""

from collections.abc import Sequence

from pipeline.cli.output import count, duration, plain
from pipeline.stores.costs import Budget, ModelCost, Unanswered

UNKNOWN = "unknown"
LEAST = 0.0001


def amount_text(amount: float | None) -> str:
    """A sum with two decimals, a small one with four; ``unknown``."""
    if amount is None:
        return UNKNOWN
    if 0 < amount < LEAST:
        return f"under {LEAST}"
    return f"{amount:,.2f}" if amount >= 1 or not amount else f"{amount:,.4f}"


def total_line(models: Sequence[ModelCost]) -> str:
    """``12.30``, or what is known of it."""
    known = sum(row.cost for row in models if row.cost is not None)
    unpriced = sorted({row.model for row in models if row.cost is None})
    if not unpriced:
        return amount_text(known)
    beside = f"{amount_text(known)} and " if known else ""
    return f"{beside}what {', '.join(map(plain, unpriced))} cost, which no price is set for (PRICES)"


def budget_lines(budget: Budget) -> list[str]:
    """What to say of a budget; nothing if there is none."""
    if budget.amount is None:
        return []
    under_way = f", {amount_text(budget.under_way)} under way" if budget.under_way else ""
    lines = [f"Budget {amount_text(budget.amount)}: {amount_text(budget.used)} used{under_way}."]
    if budget.unpriced:
        lines.append(f"Nothing is paid for before prices are set of: {', '.join(map(plain, budget.unpriced))} (PRICES).")
    return lines


def batch_lines(batches: Sequence[Unanswered]) -> list[str]:
    """What to say of questions that are asked in batches."""
    return [_batch_line(batch) for batch in batches]


def _batch_line(batch: Unanswered) -> str:
    gathering = batch.state == "gathering"
    place = "waiting for a batch" if gathering else f"in a batch ({plain(batch.state)})"
    fault = f": {plain(batch.fault)}" if batch.fault else "."
    cost = f"at most {amount_text(batch.cost)}" if batch.cost is not None else f"cost {UNKNOWN}"
    return f"{count(batch.questions, 'question')} {place} for {duration(batch.age)}, {cost}{fault}"
