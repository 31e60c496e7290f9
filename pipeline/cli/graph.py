"""``graph``: whether the graph says what the database says, and making it so."""

import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager

import click
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from pipeline.cli.output import console, count, flat, plain, table
from pipeline.cli.session import NothingHere, Servers
from pipeline.endpoints import embedded
from pipeline.graph_keeper import GraphKeeper, Look
from pipeline.graph_rows import COLUMNS, Difference, Kind, Part, Values
from pipeline.home import Home
from pipeline.settings import load_settings
from pipeline.stores.database import Database
from pipeline.stores.graph_content import GraphContent, Project
from pipeline.stores.migrations import migrate
from pipeline.wiring import Services

NEEDED = ("postgres", "arcadedb")
ALL = "all"
EXAMPLES = 3
DRIFT = 3

project_choice = click.option(
    "--project", metavar="NAME|all", help="The matter to work on; NLP_PIPELINE_PROJECT unless given."
)
json_flag = click.option("--json", "as_json", is_flag=True, help="Print a JSON object.")


@click.group()
def graph() -> None:
    r"""Compare the graph with the database, or build it again from there.

    \b
    Example:
      nlp-pipeline graph check
      nlp-pipeline graph rebuild --project harbour
    """


@graph.command()
@project_choice
@json_flag
@click.pass_context
def check(context: click.Context, project: str | None, as_json: bool) -> None:
    """Compare every node and relationship with what the database says. Changes nothing.

    What documents on their way are about to change is counted apart and is no drift. It may run while documents are worked
    on. Exit code 3 if the graph differs.

    Example: nlp-pipeline graph check --project all --json
    """
    with keeper() as (keep, default):
        tally = Tally()
        for each in chosen(keep, project or default):
            tally.follow(keep.check(each), "compared")
    tally.tell(
        as_json, "The graph says what the database says.", "The graph differs from the database: nlp-pipeline graph rebuild"
    )
    context.exit(DRIFT if tally.differences else 0)


@graph.command()
@project_choice
@click.option("--from-nothing", is_flag=True, help="Remove the project's part of the graph first.")
@json_flag
def rebuild(project: str | None, from_nothing: bool, as_json: bool) -> None:
    """Make the graph say what the database says: write what is missing or different, remove what is too much.

    It may run while documents are worked on, and may be ended at any time: called again, it goes on with what still differs.

    Example: nlp-pipeline graph rebuild --project harbour
    """
    with keeper(prepare=True) as (keep, default):
        tally = Tally()
        for each in chosen(keep, project or default):
            if from_nothing:
                keep.clear(each)
            tally.follow(keep.rebuild(each), "put right")
    tally.tell(
        as_json,
        "The graph said what the database says; nothing was to be done.",
        "The graph now says what the database says.",
    )


@contextmanager
def keeper(*, prepare: bool = False) -> Iterator[tuple[GraphKeeper, str]]:
    """Database and graph, and the project that is meant unless one is named. Servers are started for this time alone.

    Args:
        prepare: create the graph's constraints where they are missing.
    """
    settings = load_settings()
    ours = embedded(settings)
    if "postgres" in ours and "postgres" not in Home(settings.home).state().servers:
        raise NothingHere(f"Nothing was ever processed in {settings.home}.")
    with ExitStack() as held:
        if needed := [name for name in NEEDED if name in ours]:
            settings = held.enter_context(Servers(settings)).up(needed)
        if "postgres" in ours:
            migrate(settings.database)
        use = held.enter_context(closing(Services(settings)))
        if prepare:
            use.graph.prepare()
        database = held.enter_context(closing(Database(settings.database, most=2)))
        yield GraphKeeper(GraphContent(database), use.graph_rows), settings.nlp_pipeline_project


def chosen(keep: GraphKeeper, name: str) -> list[Project]:
    """The projects that a name means.

    Raises:
        NothingHere: neither the database nor the graph knows it.
    """
    found = [project for project in keep.projects() if name in (project.name, ALL)]
    if not found and name != ALL:
        raise NothingHere(f"Nothing was ever submitted to the project {plain(name)}.")
    return found


class Tally:
    """What was found, counted by part and kind, with some examples of each."""

    def __init__(self) -> None:
        self.differences: Counter[tuple[Part, Kind]] = Counter()
        self.on_the_way: Counter[tuple[Part, Kind]] = Counter()
        self.examples: dict[tuple[Part, Kind], list[Difference]] = {}

    def follow(self, looks: Iterable[Look], done: str) -> None:
        """Take up all of a project, with a bar on a terminal."""
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        with Progress(*columns, console=console(), transient=True, disable=not sys.stdout.isatty()) as progress:
            bar = progress.add_task(done, total=None)
            for look in looks:
                progress.update(bar, completed=look.done, total=look.spans, description=f"{plain(look.project)} {done}")
                self._add(look)

    def tell(self, as_json: bool, nothing: str, something: str) -> None:
        """Print it."""
        if as_json:
            click.echo(json.dumps(self._data(), ensure_ascii=False))
            return
        if self.differences:
            grid = table("", *Kind, right=3)
            for part in (part for part in Part if any(self.differences[part, kind] for kind in Kind)):
                grid.add_row(part, *(f"{self.differences[part, kind]:,}" for kind in Kind))
            console().print(grid)
            for each in (each for found in self.examples.values() for each in found):
                click.echo(f"  {each.kind}: {_told(each)}")
        if number := self.on_the_way.total():
            click.echo(f"{count(number, 'difference')} of documents that are on their way.")
        click.echo(something if self.differences else nothing)

    def _add(self, look: Look) -> None:
        for each in look.differences:
            key = each.part, each.kind
            self.differences[key] += 1
            if self.differences[key] <= EXAMPLES:
                self.examples.setdefault(key, []).append(each)
        self.on_the_way.update((each.part, each.kind) for each in look.on_the_way)

    def _data(self) -> dict[str, object]:
        return {
            "equal": not self.differences,
            "differences": _by_part(self.differences),
            "on_the_way": _by_part(self.on_the_way),
            "examples": [
                {"part": e.part, "kind": e.kind, "id": e.owner, "other": e.other,
                 "held": _named(e.part, e.held), "expected": _named(e.part, e.expected)}
                for found in self.examples.values() for e in found
            ],
        }  # fmt: skip


def _by_part(counts: Counter[tuple[Part, Kind]]) -> dict[str, dict[str, int]]:
    parts = [part for part in Part if any(counts[part, kind] for kind in Kind)]
    return {part: {kind: counts[part, kind] for kind in Kind} for part in parts}


def _named(part: Part, values: Values | None) -> dict[str, object] | None:
    return dict(zip(COLUMNS[part], values, strict=False)) if values is not None else None


def _told(each: Difference) -> str:
    place = f"{each.part} {plain(each.owner)}" + (f" to {plain(each.other)}" if each.other else "")
    held, expected = _named(each.part, each.held) or {}, _named(each.part, each.expected) or {}
    if each.kind is Kind.DIFFERENT:
        wrong = [name for name, value in expected.items() if held.get(name) != value]
        return f"{place}: " + ", ".join(
            f"{name} {_short(held.get(name))}, should be {_short(expected[name])}" for name in wrong
        )
    name = (held or expected).get("name") or (held or expected).get("source_path")
    return f"{place} ({_short(name)})" if name else place


def _short(value: object) -> str:
    text = flat(str(value))
    return text if len(text) <= 60 else f"{text[:59]}…"
