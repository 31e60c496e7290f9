"""``estimate``: what files would cost with the engines that are set, before anything is paid for."""

import json
import time
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import click
from rich.text import Text

from pipeline.cli.files import find_files
from pipeline.cli.intake import Refused
from pipeline.cli.measuring import Measures, Measuring
from pipeline.cli.money import amount_text
from pipeline.cli.output import clock, console, count, plain, table
from pipeline.engines.ocr.textract_client import ENDPOINT as TEXTRACT
from pipeline.engines.ocr.textract_client import features_of, model_of
from pipeline.engines.remote.finder import PIECE
from pipeline.engines.remote.vision import TEXT_TOKENS, TOKENS
from pipeline.hosted import NAME
from pipeline.model import IN_BATCHES, Prices, Usage, cost_of
from pipeline.settings import Settings, load_settings
from pipeline.wiring import Services

SOME_FAILED = 3
TOLD_EVERY = 2.0  # seconds
HERE = "on this machine"
LOCAL = {"auto", "tesseract", "rapidocr", "faster-whisper", "onnx", "local"}
FIGURES = ("tokens in", "tokens out", "pages", "minutes", "cost")


class Item(NamedTuple):
    """What one kind of work would use and cost; no usage: it is done on this machine. Cost None: its model has no price."""

    work: str
    usage: Usage | None
    cost: float | None


@click.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path), metavar="PATH...")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object.")
@click.pass_context
def estimate(context: click.Context, paths: tuple[Path, ...], as_json: bool) -> None:
    r"""Say what files would cost with the engines and PRICES that are set; nothing is paid for.

    The files are read, without any server: pages that need OCR, minutes of sound and tokens of text are counted. What OCR
    and speech will give is not known yet, and taken for full pages and steady talk. Answers that are kept already are not
    considered.

    Exit code 3 if some files cannot be read (they are listed).

    \b
    Example:
      nlp-pipeline estimate letters/ scans/page-1.tif
    """
    settings = load_settings()
    with closing(Services(settings)) as use:
        measuring = Measuring(use.reader, PIECE, settings.max_attachment_depth)
        told = time.monotonic()
        for number in measuring.take(find_files(paths, without=[settings.home])):
            if time.monotonic() - told > TOLD_EVERY and not as_json:
                told = time.monotonic()
                click.echo(f"{count(number, 'file')} read …", err=True)
    found, items = measuring.found, planned(settings, measuring.found)
    click.echo(json.dumps(_as_data(found, items))) if as_json else _print(found, items)
    context.exit(SOME_FAILED if found.refused else 0)


def planned(settings: Settings, found: Measures) -> list[Item]:
    """What would be done with what was measured, by whom and for how much."""
    s = settings
    work = [
        ("OCR", _ocr(s, found)),
        ("speech", _hosted(s.speech_engine, Usage(NAME, s.speech_remote_model, audio_seconds=found.seconds))),
        ("embeddings", _hosted(s.embedding_engine, Usage(NAME, s.embedding_remote_model, found.tokens))),
        ("entities", _hosted(s.ner_engine, Usage(NAME, _reader(s), found.asked, found.answers))),
    ]
    return [Item(kind, usage, _cost(usage, s.prices)) for kind, usage in work]


def _cost(usage: Usage | None, prices: Prices) -> float | None:
    """Nothing for what is done here, or need not be done."""
    if usage is None or (usage.endpoint and not any(usage[2:])):
        return 0.0
    return cost_of(usage, prices)


def _reader(s: Settings) -> str:
    """The language model that finds names, as its price is named."""
    return s.ner_remote_model + (IN_BATCHES if s.openai_batch else "")


def _hosted(engine: str, usage: Usage) -> Usage | None:
    """What the engine uses: nothing on this machine, and nobody knows what if it is of another package."""
    if engine in LOCAL:
        return None
    return usage if engine == "remote" else Usage("", engine)


def _ocr(s: Settings, found: Measures) -> Usage | None:
    if s.ocr_engine in {"textract", "textract-pages"}:
        whole = s.ocr_engine == "textract"  # which is paid for pages with text too
        return Usage(TEXTRACT, model_of(features_of(s.features)), pages=found.whole if whole else found.images)
    asked, answers = (TOKENS - TEXT_TOKENS) * found.images, TEXT_TOKENS * found.images
    return _hosted(s.ocr_engine, Usage(NAME, s.ocr_remote_model, asked, answers, found.images))


def _unpriced(items: list[Item]) -> list[str]:
    return sorted({item.usage.model for item in items if item.usage and item.cost is None})


def _print(found: Measures, items: list[Item]) -> None:
    out = console()
    out.print(
        f"{count(found.documents, 'document')}: {count(found.pages, 'page')}, {found.images:,} of them for OCR, "
        f"{clock(found.seconds)} of sound, about {found.tokens:,} tokens of text.\n"
    )
    grid = table("work", "model", *FIGURES, right=len(FIGURES))
    for work, usage, cost in items:
        if usage is None:
            grid.add_row(work, HERE, "", "", "", "", "")
            continue
        numbers = [f"{n:,}" if n else "" for n in (usage.input_tokens, usage.output_tokens, usage.pages)]
        minutes = clock(usage.audio_seconds) if usage.audio_seconds else ""
        grid.add_row(work, Text(plain(usage.model)), *numbers, minutes, amount_text(cost))
    out.print(grid)
    missing = _unpriced(items)
    beside = f", and what {', '.join(map(plain, missing))} would cost, which no price is set for (PRICES)" if missing else ""
    out.print(f"\nIn all about {amount_text(sum(item.cost or 0.0 for item in items))}{beside}.")
    for refused in found.refused:
        out.print(f"Not read: {plain(refused.source_path)}: {refused.fault}")


def _as_data(found: Measures, items: list[Item]) -> dict[str, Any]:
    def row(item: Item) -> dict[str, Any]:
        return {"work": item.work, "cost": item.cost} | (item.usage._asdict() if item.usage else {"model": None})

    return {
        "documents": found.documents,
        "pages": found.pages,
        "ocr_pages": found.images,
        "audio_seconds": round(found.seconds, 1),
        "tokens": found.tokens,
        "items": [row(item) for item in items],
        "total": None if _unpriced(items) else sum(item.cost or 0.0 for item in items),
        "unpriced": _unpriced(items),
        "refused": [Refused._asdict(each) for each in found.refused],
    }
