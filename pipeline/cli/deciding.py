"""``entity merge``, ``split``, ``decisions``, ``undo``: what people say of entities outlives all that is read anew."""

import getpass
import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import NamedTuple
from uuid import UUID

import click
from rich.text import Text

from pipeline.cli.output import console, plain, table
from pipeline.cli.session import project_option, reading
from pipeline.model import EntityType, GraphEntity
from pipeline.stages.names import normalize
from pipeline.stores.database import Database
from pipeline.stores.decisions import Decided, Decisions
from pipeline.stores.entity_catalog import EntityCatalog, EntityListing

NOT_FOUND = 3
SPELT = 1
"""Distance of an entity that is called so; what lies farther away is only called something like it."""
SHOWN = 5

reason_option = click.option("--reason", default="", metavar="TEXT", help="Why, for people who read it later.")
json_option = click.option("--json", "as_json", is_flag=True, help="Print a JSON object.")


class NoSuchEntity(click.ClickException):
    """No entity is called so."""

    exit_code = NOT_FOUND


class Desk(NamedTuple):
    """Where decisions are made: in one project."""

    project: str
    entities: EntityCatalog
    decisions: Decisions

    def entity(self, word: str) -> GraphEntity:
        """The entity with this id, or the one that is called so.

        Raises:
            click.ClickException: there is none, or there are several.
        """
        if _is_id(word):
            found = self.entities.entity(word, self.project)
            matches = [found[1]] if found else []
        else:
            listed = self.entities.listed(EntityListing(self.project, word, sorted(keys(word)), limit=20))
            nearest = min((distance for _, distance in listed), default=0)
            matches = [each for each, distance in listed if distance == nearest <= SPELT]
        if len(matches) == 1:
            return matches[0]
        raise _several(word, matches) if matches else NoSuchEntity(f"No entity is called {plain(word)}.")


@click.command()
@click.argument("one", metavar="A")
@click.argument("other", metavar="B")
@reason_option
@project_option
@json_option
def merge(one: str, other: str, reason: str, project: str | None, as_json: bool) -> None:
    r"""Say that two entities are one, from now on and whatever is read anew.

    A and B may be any spelling, or an id. An older decision that says otherwise is overruled, and shown.

    Exit code 3 if there is no such entity, 2 if there are several of that name, or these are one already.

    \b
    Example:
      nlp-pipeline entity merge "Ada Lovelace" "Ada King" --reason "her name since 1835"
    """
    with _desk(project) as desk:
        first, second = desk.entity(one), desk.entity(other)
        decided = desk.decisions.merge(first.id, second.id, desk.project, reason, _who())
    _say(decided, f"{plain(first.name)} and {plain(second.name)} are one.", as_json)


@click.command()
@click.argument("name", metavar="A")
@click.argument("spellings", metavar="NAME…", nargs=-1, required=True)
@reason_option
@project_option
@json_option
def split(name: str, spellings: tuple[str, ...], reason: str, project: str | None, as_json: bool) -> None:
    r"""Say that some spellings of an entity are another one, from now on and whatever is read anew.

    A may be any spelling, or an id; each NAME is one of its spellings. An older decision that says otherwise is overruled,
    and shown.

    Exit code 3 if there is no such entity, 2 if there are several of that name, or it has no such spelling of its own.

    \b
    Example:
      nlp-pipeline entity split "Hillary Clinton" "Clinton" --reason "her husband, in these letters"
    """
    with _desk(project) as desk:
        entity = desk.entity(name)
        named = {spelling: keys(spelling) for spelling in spellings}
        decided = desk.decisions.split(entity.id, named, desk.project, reason, _who())
    _say(decided, f"{', '.join(map(plain, spellings))}: no longer {plain(entity.name)}.", as_json)


@click.command()
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 10_000), help="Most decisions.")
@project_option
@click.option("--json", "as_json", is_flag=True, help="Print a JSON line for each decision.")
def decisions(limit: int, project: str | None, as_json: bool) -> None:
    r"""List what was decided, the newest first: what, when, by whom, why, and whether it holds.

    \b
    Example:
      nlp-pipeline entity decisions --project harbour
    """
    with _desk(project) as desk:
        found = desk.decisions.all(desk.project, limit=limit)
    if as_json:
        for each in found:
            click.echo(json.dumps(each, ensure_ascii=False))
        return
    if not found:
        console().print("Nothing was decided.")
        return
    grid = table("decision", "names", "reason", "by", "at", "holds", "id")
    for each in found:
        holds = "taken back" if each["taken_back_at"] else "yes" if each["holds"] else "overruled"
        names = ", ".join(map(plain, each["names"]))
        grid.add_row(
            each["kind"],
            Text(names),
            Text(plain(each["reason"])),
            Text(plain(each["by"])),
            each["at"][:16],
            holds,
            each["id"],
        )
    console().print(grid)


@click.command()
@click.argument("decision", metavar="ID")
@project_option
def undo(decision: str, project: str | None) -> None:
    r"""Take a decision back: what follows from the names alone holds again. `entity decisions` shows its ID.

    Exit code 3 if there is no such decision.

    \b
    Example:
      nlp-pipeline entity undo 6f1c2d7e-0a5b-4c3d-8e9f-102132435465
    """
    with _desk(project) as desk:
        done = _is_id(decision) and desk.decisions.take_back(decision, desk.project, _who())
    click.echo(
        "Taken back." if done else f"There is no decision {plain(decision)}, or it was taken back before.", err=not done
    )
    click.get_current_context().exit(0 if done else NOT_FOUND)


def keys(name: str) -> set[str]:
    """The keys that a name may have as an entity."""
    return {normalize(name, kind) for kind in EntityType}


def _say(decided: Decided, what: str, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(decided._asdict(), ensure_ascii=False))
        return
    click.echo(what)
    for each in decided.overruled:
        names = ", ".join(map(plain, each["names"]))
        click.echo(f"This overrules an older decision: {each['kind']} {names}, by {plain(each['by'])}, {each['at'][:16]}.")
    click.echo(f"To take it back: nlp-pipeline entity undo {decided.decision['id']}")


def _several(word: str, matches: list[GraphEntity]) -> click.ClickException:
    lines = [f"  {each.id}  {plain(each.name)}  {each.type}  {each.mentions} mentions" for each in matches[:SHOWN]]
    return click.UsageError("\n".join([f"Several entities are called {plain(word)}; say which by its id:", *lines]))


def _is_id(word: str) -> bool:
    try:
        UUID(word)
    except ValueError:
        return False
    return True


def _who() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "command line"


@contextmanager
def _desk(project: str | None) -> Iterator[Desk]:
    with reading(project) as (settings, reports), closing(Database(settings.database, most=1)) as database:
        yield Desk(reports.project, EntityCatalog(database), Decisions(database))
