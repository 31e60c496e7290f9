"""``search``: passages that answer a question, or many questions at once."""

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import datetime
from functools import partial, wraps
from itertools import accumulate, islice
from pathlib import Path
from typing import Any
from uuid import UUID

import click
from rich.padding import Padding
from rich.text import Text

from pipeline.cli.output import clock, console, flat, plain
from pipeline.cli.session import project_option, reading
from pipeline.embeddings import Embeddings
from pipeline.model import EntityType
from pipeline.ports import Charge, charging
from pipeline.stages.dates import days_of
from pipeline.stores.passages import FORMATS, Filter
from pipeline.stores.reports import MARK_END, MARK_START, Hit, Passage
from pipeline.wiring import Services

AT_ONCE = 32
WORDS_SHOWN = 60
DAY = click.DateTime(["%Y-%m-%d"])


def narrowing(command: Callable[..., None]) -> Callable[..., None]:
    """Options that say which passages are looked at."""
    options = (
        click.option("--type", "kind", type=click.Choice([*EntityType]), help="Passages that name one of this type."),
        click.option("--entity", type=click.UUID, metavar="ID", help="That name this entity; `entity --json` tells its id."),
        click.option("--document", default="", metavar="PATH-OR-ID", help="Of this document."),
        click.option("--format", "form", type=click.Choice(FORMATS), help="Of documents of this kind."),
        click.option("--from", "since", type=DAY, help="That name a date from then on, or of such mails."),
        click.option("--to", "until", type=DAY, help="That name a date until then, or of such mails."),
    )

    @wraps(command)
    def narrowed(  # as many as there are options
        kind: str | None,
        entity: UUID | None,
        document: str,
        form: str | None,
        since: datetime | None,
        until: datetime | None,
        **others: Any,  # noqa: ANN401  # those of the command
    ) -> None:
        days = since and since.date(), until and until.date()
        command(narrow=Filter(document, form or "", kind or "", str(entity or ""), *days), **others)

    for option in reversed(options):
        narrowed = option(narrowed)
    return narrowed


@click.command()
@click.argument("question", required=False)
@project_option
@click.option("--limit", default=10, show_default=True, type=click.IntRange(1, 1000), help="Most passages for a question.")
@click.option("--queries", type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path), metavar="FILE",
              help="Answer many: JSON lines {query_id, question} in, {query_id, results} out.")  # fmt: skip
@narrowing
@click.option("--json", "as_json", is_flag=True, help="Print a JSON line for each passage.")
def search(
    question: str | None, project: str | None, limit: int, queries: Path | None, as_json: bool, narrow: Filter
) -> None:
    r"""Find passages by their words and by their meaning.

    \b
    Example:
      nlp-pipeline search "who paid for the dredging?"
      nlp-pipeline search "who paid?" --type MONEY --from 1924-01-01 --to 1924-12-31
      nlp-pipeline search --queries questions.jsonl > answers.jsonl
    """
    if bool(question and question.strip()) == bool(queries):
        raise click.UsageError("Give a question, or --queries FILE.")
    questions = list(_read(queries)) if queries else []
    with (
        reading(project) as (settings, reports),
        closing(Services(settings)) as use,
        charging(Charge(project=reports.project)),
    ):
        if narrow.since or narrow.until:
            reports.read_dates(days_of)
        if question:
            passages = use.embeddings.asked([question], partial(reports.passages, limit=limit, narrow=narrow))[0]
            _print_json(passages) if as_json else _print(passages)
        else:
            for answer in answers(questions, use.embeddings, partial(reports.search, limit=limit, narrow=narrow)):
                click.echo(json.dumps(answer, ensure_ascii=False))


def answers(
    questions: list[tuple[Any, str]], embeddings: Embeddings, ask: Callable[..., list[Hit]]
) -> Iterator[dict[str, Any]]:
    """``{query_id, results: [{source_path, start, end, score}]}`` for each (id, question), in order."""
    waiting = iter(questions)
    while batch := list(islice(waiting, AT_ONCE)):
        answered = embeddings.asked([text for _, text in batch], ask)
        for (query_id, _), hits in zip(batch, answered, strict=True):
            results = [{"source_path": h.source_path, "start": h.start, "end": h.end, "score": h.score} for h in hits]
            yield {"query_id": query_id, "results": results}


def excerpt(marked: str, most: int = WORDS_SHOWN) -> str:
    """Of a marked text the stretch of at most so many words that holds the most marked ones, on one line."""
    words = marked.split()
    if len(words) <= most:
        return " ".join(words)
    # Before each word: how many marked ones there are.
    before = list(accumulate((MARK_START in word for word in words), initial=0))
    start = max(range(len(words) - most + 1), key=lambda n: before[n + most] - before[n])
    shown = words[start : start + most]
    return " ".join(["…"] * (start > 0) + shown + ["…"] * (start + most < len(words)))


def highlighted(marked: str, style: str = "bold yellow") -> Text:
    """A text on one line, with the marked words in a style of their own."""
    text = Text()
    for number, part in enumerate(" ".join(marked.split()).split(MARK_START)):
        match, _, rest = part.partition(MARK_END) if number else ("", "", part)
        text.append(plain(match), style).append(plain(rest))
    return text


def place(passage: Passage) -> str:
    """``page 3`` or ``at 1:05``."""
    if passage.seconds is not None:
        return f"at {clock(passage.seconds)}"
    return f"page {passage.page}" if passage.page is not None else ""


def _print(passages: list[Passage]) -> None:
    out = console()
    if not passages:
        out.print("Nothing was found.")
    for rank, passage in enumerate(passages, 1):
        heading = f"  {flat(passage.heading)}" if passage.heading else ""
        out.print(
            Text.assemble(f"{rank:>2}. ", (plain(passage.source_path), "bold"), f"  {place(passage)}", (heading, "dim"))
        )
        out.print(Padding(highlighted(excerpt(passage.marked)), (0, 0, 0, 4), expand=False))


def _print_json(passages: list[Passage]) -> None:
    for passage in passages:
        row = passage._asdict()
        del row["marked"]
        click.echo(json.dumps(row, ensure_ascii=False))


def _read(file: Path) -> Iterator[tuple[Any, str]]:
    with click.open_file(str(file), encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
                yield row["query_id"], str(row["question"])
            except (ValueError, KeyError, TypeError):
                raise click.UsageError(f"{file}, line {number}: not a JSON object with query_id and question.") from None
