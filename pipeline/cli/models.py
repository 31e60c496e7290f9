"""``models``: which weights are used, from where, and whether they are the official files."""

import json
from itertools import groupby
from pathlib import Path

import click
from rich.padding import Padding
from rich.text import Text

from pipeline.cli.output import console, plain, table
from pipeline.engines.weights import State, WeightStatus, folder_weights, installed_weights
from pipeline.settings import Settings, load_settings

STYLES = {State.OK: "green", State.MISSING: "red", State.WRONG: "red", State.UNCHECKED: "yellow"}


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print a JSON line for each file.")
@click.pass_context
def models(context: click.Context, as_json: bool) -> None:
    r"""List the models: file, origin, licence, hash, and whether it is the official one.

    Exit code 2 if a file is missing or is not the official one.

    \b
    Example:
      nlp-pipeline models
    """
    rows = listed(load_settings())
    if as_json:
        for row in rows:
            click.echo(json.dumps(row._asdict() | {"path": row.path and str(row.path)}))
    else:
        _print(rows)
    context.exit(2 if any(row.state in (State.MISSING, State.WRONG) for row in rows) else 0)


def listed(settings: Settings) -> list[WeightStatus]:
    """The packaged weights, and those in folders that the settings name."""
    named = {
        "whisper": Path(settings.speech_model),
        "embeddings": Path(settings.embedding_model),
        "entities": Path(settings.ner_model),
        "tesseract": settings.ocr_tessdata,
    }
    own = [row for engine, folder in named.items() if folder and folder.is_dir() for row in folder_weights(engine, folder)]
    return installed_weights(settings.models) + own


def _print(rows: list[WeightStatus]) -> None:
    out = console()
    for (name, engine, licence, origin), files in groupby(rows, lambda row: (row.name, row.engine, row.licence, row.origin)):
        out.print(Text.assemble((plain(name), "bold"), f"  {engine}  {licence}  ", (plain(origin), "dim")))
        grid = table("", "", "", "")
        grid.show_header = False
        for row in files:
            state = Text(row.state, style=STYLES[row.state])
            grid.add_row(state, Text(plain(row.file)), row.sha256[:16], Text(plain(str(row.path or "")), style="dim"))
        out.print(Padding(grid, (0, 0, 0, 2), expand=False))
