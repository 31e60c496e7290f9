"""``models``: which weights are used, from where, and whether they are the official files."""

import json
from pathlib import Path

import click
from rich.text import Text

from pipeline.cli.output import console, plain, table
from pipeline.engines.weights import State, WeightStatus, folder_weights, installed_weights
from pipeline.settings import Settings, load_settings

STYLES = {State.OK: "green", State.MISSING: "red", State.WRONG: "red", State.UNCHECKED: "yellow"}


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print a JSON line for each file.")
@click.pass_context
def models(context: click.Context, as_json: bool) -> None:
    r"""List the models: engine, file, origin, licence, SHA-256, and whether it is the official one.

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
    grid = table("model", "engine", "file", "licence", "sha-256", "state", "origin")
    for row in rows:
        state = Text(row.state, style=STYLES[row.state])
        grid.add_row(
            row.name, row.engine, Text(plain(row.file)), row.licence, row.sha256[:12], state, Text(plain(row.origin))
        )
    console().print(grid)
