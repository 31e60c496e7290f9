"""``entity``: what is known of a person, organisation, place or thing, and what is decided of it."""

import json

import click
from rich.padding import Padding
from rich.text import Text

from pipeline.cli.deciding import decisions, keys, merge, split, undo
from pipeline.cli.output import console, count, flat, plain, table
from pipeline.cli.session import project_option, reading
from pipeline.model import GraphEntity
from pipeline.stores.reports import EntityReport

SHOWN = 15
CO_OCCURS = "CO_OCCURS_WITH"


class Entities(click.Group):
    """A group to which anything but a command is a name to be shown."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """See ``click.Command``."""
        if args and args[0] not in (*self.commands, *ctx.help_option_names):
            args = ["show", *args]
        return super().parse_args(ctx, args)


@click.group(cls=Entities)
def entity() -> None:
    r"""Show an entity: its spellings, documents and neighbours; or decide what is one.

    `nlp-pipeline entity NAME` is `nlp-pipeline entity show NAME`.

    \b
    Example:
      nlp-pipeline entity "Ada Lovelace"
      nlp-pipeline entity merge "Ada Lovelace" "Ada King"
      nlp-pipeline entity split "Ada Lovelace" "A. Lovelace"
    """


for each in (merge, split, decisions, undo):
    entity.add_command(each)


@entity.command()
@click.argument("name")
@project_option
@click.option("--limit", default=10, show_default=True, type=click.IntRange(1, 1000), help="Most neighbours.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object.")
@click.pass_context
def show(context: click.Context, name: str, project: str | None, limit: int, as_json: bool) -> None:
    r"""Show an entity: its spellings, its documents, and what stands next to it.

    Also why its spellings are held to be one. NAME may be any spelling, or a part of one.

    Exit code 3 if there is no such entity.

    \b
    Example:
      nlp-pipeline entity "Ada Lovelace"
      nlp-pipeline entity lovelace --json
    """
    with reading(project) as (_, reports):
        found = reports.find_entities(name, sorted(keys(name)))
        report = reports.entity(found[0], limit) if found else None
    if as_json:
        click.echo(
            json.dumps(
                {"entity": report and as_data(report), "others": [e._asdict() for e in found[1:]]}, ensure_ascii=False
            )
        )
    elif report:
        _print(report, found[1:])
    else:
        click.echo(f"No entity is called {plain(name)}.", err=True)
    context.exit(0 if report else 3)


def as_data(report: EntityReport) -> dict[str, object]:
    """The report for a program."""
    return report.entity._asdict() | {
        "aliases": [{"name": name, "mentions": n} for name, n in report.aliases],
        "in_documents": [{"source_path": path, "mentions": n} for path, n in report.documents],
        "merges": [merge._asdict() for merge in report.merges],
        "neighbours": [neighbour._asdict() for neighbour in report.neighbours],
    }


def _print(report: EntityReport, others: list[GraphEntity]) -> None:
    out, entity = console(), report.entity
    numbers = f"{count(entity.mentions, 'mention')} in {count(entity.documents, 'document')}"
    out.print(Text.assemble((plain(entity.name), "bold"), f"  {entity.type}  {numbers}"))
    _print_counts("Spellings", report.aliases)
    _print_counts("Documents", report.documents)
    if report.merges:
        out.print(Text("\nWhy these names are one", style="dim"))
        for merge in report.merges:
            out.print(f"  {plain(merge.name)}: {plain(merge.reason)} ({merge.score:.2f})")
    if report.neighbours:
        _print_neighbours(report)
    if others:
        names = ", ".join(f"{plain(other.name)} ({other.mentions})" for other in others)
        out.print(Text.assemble(("\nOther matches: ", "dim"), names))


def _print_counts(title: str, rows: list[tuple[str, int]]) -> None:
    grid = table(title, "mentions", right=1)
    for name, number in rows[:SHOWN]:
        grid.add_row(Text(flat(name)), f"{number:,}")
    if len(rows) > SHOWN:
        grid.add_row(Text(f"and {len(rows) - SHOWN:,} more: --json", style="dim"), "")
    console().print()
    console().print(grid)


def _print_neighbours(report: EntityReport) -> None:
    out = console()
    out.print(Text("\nNeighbours", style="dim"))
    for one in report.neighbours:
        how = "together with it" if one.predicate == CO_OCCURS else one.predicate.lower().replace("_", " ")
        weight = f"{count(one.weight, 'passage')} in {count(one.documents, 'document')}"
        out.print(Text.assemble("  ", (plain(one.name), "bold"), f"  {one.type}  {how}, {weight}"))
        out.print(
            Padding(Text.assemble(flat(one.passage), (f"  {plain(one.source_path)}", "dim")), (0, 0, 0, 4), expand=False)
        )
