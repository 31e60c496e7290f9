"""What the values of settings may be: durations, prices, names of engines."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError

from pipeline.plugins import Group, installed


def _seconds(value: object) -> object:
    """A plain number is seconds; what is no number may be an ISO 8601 duration."""
    try:
        return timedelta(seconds=float(value)) if isinstance(value, str | int | float) else value
    except (ValueError, OverflowError):
        return value


def prices_of(value: object) -> object:
    """A value that is no JSON is the path of a file of it."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value if value.lstrip().startswith("{") else Path(value).expanduser().read_text(encoding="utf-8"))
    except OSError as fault:
        raise ValueError(f"the file cannot be read: {fault.strerror}") from None
    except ValueError:
        raise ValueError("this is no JSON") from None


Seconds = Annotated[timedelta, BeforeValidator(_seconds), Field(gt=timedelta())]

Price = Annotated[
    dict[
        Annotated[str, Field(pattern="^(input|output|page|minute|batch)$")],
        Annotated[float, Field(ge=0, allow_inf_nan=False)],
    ],
    Field(min_length=1),
]


def _engine(group: Group, *own: str) -> AfterValidator:
    """A validator for the name of an engine: one of ours, or of another package."""

    def known(name: str) -> str:
        if name not in own and name not in (others := installed(group)):
            raise ValueError(f"there is no such engine; there are {', '.join([*own, *others])}.")
        return name

    return AfterValidator(known)


OcrEngineName = Annotated[str, _engine(Group.OCR, "auto", "tesseract", "rapidocr", "textract", "textract-pages", "remote")]
SpeechEngineName = Annotated[str, _engine(Group.SPEECH, "faster-whisper", "openai-whisper", "remote")]
EmbeddingEngineName = Annotated[str, _engine(Group.EMBEDDING, "onnx", "sentence-transformers", "remote")]
NerEngineName = Annotated[str, _engine(Group.NER, "local", "remote")]


def explained(fault: ValueError) -> str:
    """What is wrong with which variable; never its value."""
    if not isinstance(fault, ValidationError):
        return str(fault)
    return "; ".join(f"{'.'.join(map(str, e['loc'])).upper() or 'settings'}: {e['msg']}" for e in fault.errors())
