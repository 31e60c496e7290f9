"""``embeddings``: which model made the vectors that search reads, and the change to another."""

import json
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any, NamedTuple

import click
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from pipeline.cli.output import console, count, plain
from pipeline.cli.session import opened
from pipeline.cli.submit import nobody_works
from pipeline.model import EmbeddingSpace
from pipeline.settings import Settings, load_settings
from pipeline.wiring import Services

LOOK = 2.0
"""Seconds of work between two looks at what others did."""
PAUSE = 1.0
json_flag = click.option("--json", "as_json", is_flag=True, help="Print a JSON object.")


class State(NamedTuple):
    """What the database holds, and how far a change is."""

    active: EmbeddingSpace | None
    filling: EmbeddingSpace | None
    passages: int
    done: int

    @classmethod
    def of(cls, use: Services) -> "State":
        """As it is now."""
        spaces = use.documents.embeddings()
        passages, unfilled = use.documents.embedding_progress()
        active, filling = (next((s for s in spaces if s.active is kind), None) for kind in (True, False))
        return cls(active, filling, passages, passages - unfilled if filling else 0)


@click.group(invoke_without_command=True)
@json_flag
@click.pass_context
def embeddings(context: click.Context, as_json: bool) -> None:
    r"""Show which model made the vectors, and change to another one while search goes on.

    Exit code 2 if the settings ask for another model than these.

    \b
    Example:
      nlp-pipeline embeddings
      EMBEDDING_MODEL=/models/large nlp-pipeline embeddings change
    """
    if context.invoked_subcommand is None:
        with _database() as (_, use):
            _tell(State.of(use), as_json=as_json)
            use.embeddings.check()


@embeddings.command()
@click.option("--here", is_flag=True, help="Do it in this process and wait for the end; no workers are needed.")
@json_flag
def change(here: bool, as_json: bool) -> None:
    """Change to the model that EMBEDDING_ENGINE and EMBEDDING_MODEL ask for, for all projects.

    Workers give every passage its new vector in the background, whatever is killed meanwhile; search goes on with the old
    ones. When all are there, search reads the new ones from one moment to the next, and the old ones are dropped. Asked for
    again, it goes on.

    Example: EMBEDDING_MODEL=/models/large nlp-pipeline embeddings change
    """
    with _database() as (settings, use):
        space = use.embeddings.change()
        if here and not space.active:
            _fill(use, space)
        state = State.of(use)
        _tell(state, as_json=as_json)
        if state.filling and not as_json and nobody_works(settings):
            click.echo("No workers run. Start them: nlp-pipeline up, or add --here.")


@embeddings.command()
@json_flag
def cancel(as_json: bool) -> None:
    """Give up the change that is under way; the old vectors stay, the new ones are dropped.

    Example: nlp-pipeline embeddings cancel
    """
    with _database() as (_, use):
        given_up = use.documents.cancel_embeddings()
        if not as_json:
            click.echo("The change was given up." if given_up else "No change is under way.")
        else:
            _tell(State.of(use), as_json=True)


@contextmanager
def _database() -> Iterator[tuple[Settings, Services]]:
    with opened(load_settings(), None) as (settings, _), closing(Services(settings)) as use:
        yield settings, use


def _fill(use: Services, space: EmbeddingSpace) -> None:
    """Work beside whoever else does, to the end."""
    columns = (TextColumn("passages"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console(), transient=True, disable=not sys.stdout.isatty()) as progress:
        bar = progress.add_task("", total=None)
        while not _finished(use, space):
            state = State.of(use)
            progress.update(bar, total=state.passages, completed=state.done)


def _finished(use: Services, space: EmbeddingSpace) -> bool:
    """Work for a moment; whether the change is over, by us or by others."""
    if not use.embeddings.fill(space, LOOK) or use.documents.finish_embeddings(space.id):
        return State.of(use).filling is None
    time.sleep(PAUSE)  # others have the rest, or read just now
    return all(each.id != space.id or each.active for each in use.documents.embeddings())


def _tell(state: State, *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(_data(state), ensure_ascii=False))
        return
    if not state.active:
        click.echo("There are no vectors yet.")
        return
    click.echo(f"active   {plain(state.active.engine)}, length {state.active.dimension}, {count(state.passages, 'passage')}")
    if state.filling:
        share = 100 * state.done // state.passages if state.passages else 100
        click.echo(
            f"filling  {plain(state.filling.engine)}, length {state.filling.dimension},"
            f" {state.done:,} of {count(state.passages, 'passage')} ({share} %)"
        )
        if state.filling.fault:
            click.echo(f"         stands still: {plain(state.filling.fault)}")


def _data(state: State) -> dict[str, Any]:
    return {
        "passages": state.passages,
        "active": state.active and {"engine": state.active.engine, "dimension": state.active.dimension},
        "filling": state.filling
        and {
            "engine": state.filling.engine,
            "dimension": state.filling.dimension,
            "done": state.done,
            "fault": state.filling.fault,
        },
    }
