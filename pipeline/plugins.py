"""Engines of other packages: an entry point in a group of ours, and its name as the value of the setting."""

from collections.abc import Callable
from enum import StrEnum
from importlib.metadata import entry_points
from typing import Any

from pipeline.errors import Misconfigured


class Group(StrEnum):
    """Where an entry point stands. Each names a function that takes the settings and returns an engine."""

    OCR = "nlp_pipeline.ocr_engines"  # ports.OcrEngine
    SPEECH = "nlp_pipeline.speech_engines"  # ports.SpeechEngine
    EMBEDDING = "nlp_pipeline.embedders"  # ports.Embedder
    NER = "nlp_pipeline.mention_finders"  # ports.RelationFinder


def installed(group: Group) -> list[str]:
    """Names of the engines that other packages offer."""
    return sorted({point.name for point in entry_points(group=group)})


def engine(group: Group, name: str, settings: object) -> Any:  # noqa: ANN401  # whatever the group is for
    """Make an engine of another package.

    Raises:
        Misconfigured: it cannot be loaded; the cause is the package's own.
    """
    (point, *_) = entry_points(group=group, name=name)
    try:
        make: Callable[[object], object] = point.load()
        return make(settings)
    except Misconfigured:
        raise
    except Exception as fault:  # somebody else's code
        raise Misconfigured(f"The engine {name} ({point.value}) cannot be made: {fault}", "engine_missing") from fault
