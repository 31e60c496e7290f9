"""``cancel``, ``retry``, ``reprocess``, ``delete``: what people ask of documents, while workers run or not."""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from functools import wraps
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

import click

from pipeline.cli.files import source_path
from pipeline.cli.output import count, plain
from pipeline.cli.session import project_option, reading
from pipeline.cli.submit import nobody_works
from pipeline.model import DocumentId, Handled, Selection
from pipeline.ports import DocumentStore
from pipeline.settings import Settings
from pipeline.status import Family, parse_status
from pipeline.wiring import Services

NOT_FOUND = 3
AT_ONCE = 100
LISTED = 20  # so many documents are told of one by one
WORDS = {
    "cancelled": "cancelled",
    "ended": "ended already",
    "queued": "queued",
    "completed": "completed already",
    "on_its_way": "on its way, left alone",
    "deleted": "deleted",
}


class Wanted(NamedTuple):
    """Which documents a person means, and how to say what became of them."""

    words: tuple[str, ...]
    statuses: tuple[str, ...]
    project: str | None
    everything: bool
    as_json: bool

    def selection(self, project: str, word: str) -> Selection:
        """What one word means; "" is every document."""
        if not word:
            return Selection(project, statuses=self.statuses)
        ids = (DocumentId(word),) if _is_id(word) else ()
        return Selection(project, ids, (word, source_path(Path(word), Path.cwd())), self.statuses)


class Chosen(NamedTuple):
    """The documents that were found, and where they are."""

    settings: Settings
    store: DocumentStore
    project: str
    documents: list[DocumentId]
    as_json: bool

    def act(self, action: Callable[[Sequence[DocumentId]], Sequence[Handled]]) -> None:
        """Do it to all of them, and say what became of each or of how many."""
        outcomes: Counter[str] = Counter()
        for start in range(0, len(self.documents), AT_ONCE):
            for each in action(self.documents[start : start + AT_ONCE]):
                outcomes[each.outcome] += 1
                if self.as_json:
                    click.echo(json.dumps(each._asdict(), ensure_ascii=False))
                elif len(self.documents) <= LISTED:
                    click.echo(f"{plain(each.source_path)}: {WORDS[each.outcome]}")
        if not self.as_json and len(self.documents) > LISTED:
            click.echo(", ".join(f"{number:,} {WORDS[outcome]}" for outcome, number in sorted(outcomes.items())) + ".")

    def tell_who_works(self) -> None:
        """Say so if what was asked for waits for workers that do not run."""
        if self.documents and not self.as_json and nobody_works(self.settings):
            click.echo("No workers run. Start them: nlp-pipeline up.")


def _statuses(_context: click.Context, _option: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    for value in values:
        try:
            parse_status(value)
        except ValueError:
            raise click.BadParameter(f"there is no state {value!r}.") from None
    return values


OPTIONS = (
    click.argument("words", nargs=-1, metavar="[PATH-OR-ID]..."),
    project_option,
    click.option(
        "--status",
        "statuses",
        multiple=True,
        callback=_statuses,
        metavar="STATE",
        help="Only documents in this state: pending, error … ocr_failed, text_failed, entity_failed, graph_failed.",
    ),
    click.option("--all", "everything", is_flag=True, help="All documents of the project."),
    click.option("--json", "as_json", is_flag=True, help="Print a JSON line for each document."),
)


def selecting(command: Callable[..., None]) -> Callable[..., Any]:
    """The arguments and options by which documents are chosen, given to the command as ``Wanted``."""

    @wraps(command)
    def called(
        words: tuple[str, ...],
        statuses: tuple[str, ...],
        project: str | None,
        everything: bool,
        as_json: bool,
        **options: object,
    ) -> None:
        command(Wanted(words, statuses, project, everything, as_json), **options)

    for option in reversed(OPTIONS):
        called = option(called)
    return called


@click.command()
@selecting
def cancel(wanted: Wanted) -> None:
    r"""Stop documents: waiting ones at once, running ones at their worker's next heartbeat.

    PATH is a document as `status` names it, a folder, or a pattern with * and ?; a mail includes its attachments.

    Exit code 3 if nothing is found.

    \b
    Example:
      nlp-pipeline cancel scans/huge.pdf
      nlp-pipeline cancel --status pending --project harbour
    """
    with _chosen(wanted) as chosen:
        chosen.act(chosen.store.cancel)


@click.command()
@selecting
def retry(wanted: Wanted) -> None:
    r"""Queue what failed or was cancelled again, from the step where it stopped.

    PATH is a document as `status` names it, a folder, or a pattern with * and ?; a mail includes its attachments.

    Exit code 3 if nothing is found.

    \b
    Example:
      nlp-pipeline retry --all
      nlp-pipeline retry "scans/2019*" --status ocr_failed
    """
    with _chosen(wanted) as chosen:
        chosen.act(chosen.store.retry)
        chosen.tell_who_works()


@click.command()
@selecting
@click.option(
    "--from",
    "since",
    type=click.Choice([family.value for family in Family]),
    help="This stage and all after it, fresh or not.",
)
def reprocess(wanted: Wanted, since: str | None) -> None:
    r"""Run again what is stale because an engine, a model or an option changed.

    What is fresh is not done again, unless --from asks for it. PATH is a document as `status` names it, a folder, or a
    pattern with * and ?; a mail includes its attachments.

    Exit code 3 if nothing is found.

    \b
    Example:
      nlp-pipeline reprocess --all
      nlp-pipeline reprocess letters/ --from text
    """
    family = Family(since) if since else None
    with _chosen(wanted) as chosen:
        chosen.act(lambda documents: chosen.store.reprocess(documents, family))
        chosen.tell_who_works()


@click.command()
@selecting
@click.option("--yes", is_flag=True, help="Do not ask.")
def delete(wanted: Wanted, yes: bool) -> None:
    r"""Remove documents with their attachments, and their share in entities, relations and graph.

    What other documents support stays. Graph and stored files follow while workers run; the files that were submitted are
    not touched. PATH is a document as `status` names it, a folder, or a pattern with * and ?.

    Exit code 3 if nothing is found.

    \b
    Example:
      nlp-pipeline delete letters/private.txt
      nlp-pipeline delete --all --project harbour --yes
    """
    with _chosen(wanted) as chosen:
        if chosen.documents and not yes:
            _ask(f"Delete {count(len(chosen.documents), 'document')} of project {plain(chosen.project)}?")
        chosen.act(chosen.store.delete)
        chosen.tell_who_works()


@contextmanager
def _chosen(wanted: Wanted) -> Iterator[Chosen]:
    """Find the documents; at the end, exit code 3 if a word stands for none."""
    if wanted.everything == bool(wanted.words) and (wanted.everything or not wanted.statuses):
        raise click.UsageError("Say which documents: PATHs or ids, or --status, or --all.")
    with reading(wanted.project) as (settings, reports), closing(Services(settings)) as use:
        project = reports.project
        found = {word: use.documents.select(wanted.selection(project, word)) for word in wanted.words or ("",)}
        for word in (word for word, documents in found.items() if not documents):
            click.echo(f"No such document in project {plain(project)}{': ' * bool(word)}{plain(word)}", err=True)
        documents = list(dict.fromkeys(document for each in found.values() for document in each))
        yield Chosen(settings, use.documents, project, documents, wanted.as_json)
    click.get_current_context().exit(0 if all(found.values()) else NOT_FOUND)


def _is_id(word: str) -> bool:
    try:
        return str(UUID(word)) == word
    except ValueError:
        return False


def _ask(question: str) -> None:
    try:
        agreed = click.confirm(question, err=True)
    except click.Abort:
        raise click.UsageError("Nothing was deleted: say --yes where nobody can be asked.") from None
    if not agreed:
        raise click.Abort
