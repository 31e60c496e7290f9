"""``costs`` and ``budget``: what a project has paid, and what it may pay."""

import json
import math

import click
from rich.text import Text

from pipeline.cli.intake import checked_project
from pipeline.cli.money import amount_text, batch_lines, budget_lines, total_line
from pipeline.cli.output import clock, console, count, plain, table
from pipeline.cli.session import opened, project_option, reading
from pipeline.settings import load_settings
from pipeline.stores.costs import Budget, ModelCost, Unanswered, Used

DELETED = "(deleted, or not for a document)"
NO_BUDGET = "none"
FIGURES = ("calls", "tokens in", "tokens out", "pages", "minutes", "cost")


class Amount(click.ParamType[float | str]):
    """A sum of money, or "none"."""

    name = "amount"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> float | str:  # noqa: D102
        if value == NO_BUDGET:
            return value
        try:
            amount = float(value)
        except ValueError:
            amount = math.nan
        if not 0 <= amount < math.inf:
            self.fail(f"{value!r} is neither a sum nor {NO_BUDGET!r}.", param, ctx)
        return amount


@click.command()
@project_option
@click.option("--documents", "by_document", is_flag=True, help="Of each document, the dearest first.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object.")
def costs(project: str | None, by_document: bool, as_json: bool) -> None:
    r"""Show what paid services used and cost, by step and model.

    By the prices that are set now (PRICES). A call that did not tell its end counts with the most that it could use.
    MODEL:batch is a model that was asked in batches (OPENAI_BATCH).

    \b
    Example:
      nlp-pipeline costs --project harbour
      nlp-pipeline costs --documents --json
    """
    with reading(project) as (settings, reports):
        books = reports.costs(settings.prices)
        models, budget, batches = books.models(), books.budget(), books.batches()
        documents = books.documents() if by_document else []
    if as_json:
        data = _as_data(reports.project, models, budget, batches)
        by_path = [{"source_path": path} | used._asdict() for path, used in documents]
        click.echo(json.dumps(data | ({"documents": by_path} if by_document else {})))
        return
    out = console()
    if not models:
        out.print(f"Project {plain(reports.project)} has paid for nothing.")
    elif by_document:
        _print_documents(documents)
    else:
        _print_models(models)
    for line in batch_lines(batches) + budget_lines(budget):
        out.print(line)


@click.command()
@click.argument("amount", required=False, type=Amount(), metavar="[AMOUNT|none]")
@project_option
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object.")
def budget(amount: float | str | None, project: str | None, as_json: bool) -> None:
    r"""Show or set a project's budget: what paid services may cost.

    It counts from the project's beginning. What would go beyond it is not begun: documents wait, and go on by
    themselves when the budget is raised.

    \b
    Example:
      nlp-pipeline budget 25 --project harbour
      nlp-pipeline budget none
    """
    settings = load_settings()
    name = checked_project(project or settings.nlp_pipeline_project)
    with opened(settings, name) as (_, reports):
        books = reports.costs(settings.prices)
        if amount is not None:
            books.set_budget(None if isinstance(amount, str) else amount)
        state = books.budget()
    if as_json:
        click.echo(json.dumps({"project": name} | state._asdict()))
        return
    console().print(f"Project {plain(name)}")
    for line in budget_lines(state) or ["No budget."]:
        console().print(line)


def _print_models(models: list[ModelCost]) -> None:
    grid = table("step", "service", "model", *FIGURES, right=len(FIGURES))
    for row in models:
        grid.add_row(row.step, Text(plain(row.endpoint)), Text(plain(row.model)), *_figures(Used(*row[3:])))
    console().print(grid)
    console().print(f"In all: {total_line(models)}.")
    if guessed := sum(row.guessed for row in models):
        console().print(f"{count(guessed, 'call')} did not tell the end, and count with the most that they could use.")


def _print_documents(documents: list[tuple[str, Used]]) -> None:
    grid = table("document", *FIGURES, right=len(FIGURES))
    for path, used in documents:
        grid.add_row(Text(plain(path) or DELETED), *_figures(used))
    console().print(grid)


def _figures(used: Used) -> tuple[str, ...]:
    numbers = (used.calls, used.input_tokens, used.output_tokens, used.pages)
    minutes = clock(used.audio_seconds) if used.audio_seconds else ""
    return *(f"{n:,}" if n else "" for n in numbers), minutes, amount_text(used.cost)


def _as_data(project: str, models: list[ModelCost], budget: Budget, batches: list[Unanswered]) -> dict[str, object]:
    return {
        "project": project,
        "models": [row._asdict() for row in models],
        "total": None if any(row.cost is None for row in models) else sum(row.cost or 0 for row in models),
        "budget": budget._asdict(),
        "batches": [batch._asdict() for batch in batches],
    }
