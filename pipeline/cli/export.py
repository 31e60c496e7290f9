"""``export``: a project's documents, entities and relations as files."""

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO

import click

from pipeline.cli.output import count, plain
from pipeline.cli.session import project_option, reading, writable_folder
from pipeline.errors import ServiceUnavailable
from pipeline.exports.forms import FORMS
from pipeline.stores.reports import Reports

UNITS = {
    "jsonl": ("line", "lines"),
    "csv": ("row", "rows"),
    "graphml": ("node or edge", "nodes and edges"),
    "cypher": ("node or relationship", "nodes and relationships"),
}


@click.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path), metavar="DIR")
@click.option(
    "--format",
    "form",
    type=click.Choice(list(FORMS)),
    default="jsonl",
    show_default=True,
    help="jsonl: one JSON object a line; csv: five tables; graphml: for Gephi, yEd, networkx; cypher: for Neo4j.",
)
@project_option
def export(folder: Path, form: str, project: str | None) -> None:
    r"""Write documents, entities and relations to files in DIR. Files that are there already are replaced.

    \b
    Example:
      nlp-pipeline export --format jsonl out/
      nlp-pipeline export --format graphml out/ --project harbour
      nlp-pipeline export --format cypher out/ && cypher-shell -f out/graph.cypher
    """
    with reading(project) as (_, reports):
        for path, number in write_export(reports, folder, form).items():
            click.echo(f"{plain(str(path))}: {count(number, *UNITS[form])}")


def write_export(reports: Reports, folder: Path, form: str = "jsonl") -> dict[Path, int]:
    """Write the files of a form; return each with the number of its rows. A file appears whole or not at all.

    Raises:
        click.UsageError: the folder cannot be made.
        ServiceUnavailable: the disk is full or may not be written.
    """
    writable_folder(folder)
    written = {}
    with ExitStack() as held, reports.snapshot() as snapshot:
        for name, write in FORMS[form].items():
            with held.enter_context(fresh(folder / name)) as file:
                written[folder / name] = write(snapshot, file)
    return written


@contextmanager
def fresh(target: Path) -> Iterator[IO[str]]:
    """A new file that takes the place of ``target`` at the end, or disappears."""
    try:
        with tempfile.NamedTemporaryFile(
            "w", dir=target.parent, prefix=f".{target.name}.", encoding="utf-8", newline="\n", delete=False
        ) as file:
            part = Path(file.name)
            try:
                yield file
                file.close()
                part.chmod(0o644)
                part.replace(target)
            except BaseException:
                part.unlink(missing_ok=True)
                raise
    except OSError as fault:
        raise ServiceUnavailable(f"{target} cannot be written: {fault.strerror}.", "not_writable") from fault
