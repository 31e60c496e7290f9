"""What an earlier system's table is called, and its columns and states: a mapping, from TOML or JSON."""

import json
import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from pipeline.errors import Misconfigured

FOLDER = files("pipeline.stores") / "mappings"
PACKAGED = ("nlp-pipeline", "ocr-backend")
Name = Annotated[str, Field(min_length=1)]


class WrongMapping(Misconfigured):
    """A mapping cannot be used."""

    code = "wrong_mapping"
    advice = "Correct the mapping; one to begin with: nlp-pipeline migrate documents --print-mapping nlp-pipeline"


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Columns(_Part):
    """Columns of the old table; "" for one that it does not have."""

    id: Name
    status: str = ""
    file: str = ""
    text: str = ""
    name: str = ""
    project: str = ""
    changed: str = ""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not (self.file or self.text):
            raise ValueError("name the column `file`, `text` or both: without one there is nothing to move")
        return self


class Statuses(_Part):
    """What the old table's states mean."""

    pending: tuple[str, ...] = ("pending",)
    running: tuple[str, ...] = ()
    done: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _check(self) -> Self:
        names = [*self.pending, *self.running, *self.done, *self.failed]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"{twice[0]!r} stands twice")
        return self

    def meaning(self, status: str) -> str:
        """``pending``, ``running``, ``done``, ``failed``, or "" for a state that is not listed."""
        return next((field for field in type(self).model_fields if status in getattr(self, field)), "")


class Written(_Part):
    """The one thing that may be written to the old table."""

    column: Name
    value: Name


class Mapping(_Part):
    """An old table. ``prefix`` stands before what the column of files says, unless that is an address."""

    table: Name
    source: str = ""
    folder: Path | None = None
    prefix: str = ""
    columns: Columns
    statuses: Statuses = Statuses()
    projects: dict[str, str] = {}
    written: Written | None = None

    def place(self, told: str) -> str:
        """Where a file is of which the old table says this."""
        return told if not told or "://" in told else self.prefix + told


def load_mapping(name: str) -> Mapping:
    """A mapping that is packaged, or of a file.

    Raises:
        WrongMapping: there is none, or it is none.
    """
    text = packaged(name) if name in PACKAGED else _text(Path(name))
    try:
        data = json.loads(text) if name.endswith(".json") else tomllib.loads(text)
        return Mapping.model_validate(data)
    except ValidationError as fault:
        first = fault.errors()[0]
        place = ".".join(map(str, first["loc"])) or "the mapping"
        raise WrongMapping(f"{name}: {place}: {_sentence(first['type'], first['msg'])}") from None
    except ValueError as fault:
        raise WrongMapping(f"{name} is not {'JSON' if name.endswith('.json') else 'TOML'}: {fault}.") from None


def packaged(name: str) -> str:
    """The text of a mapping that is packaged."""
    return (FOLDER / f"{name}.toml").read_text(encoding="utf-8")


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as fault:
        reason = fault.strerror if isinstance(fault, OSError) else "it is not UTF-8"
        known = ", ".join(PACKAGED)
        raise WrongMapping(
            f"The mapping {path} cannot be read: {reason}. It is a TOML or JSON file, or one of {known}."
        ) from None


def _sentence(kind: str, message: str) -> str:
    words = {"missing": "it is missing.", "extra_forbidden": "there is no such entry."}
    return words.get(kind) or message.removeprefix("Value error, ").rstrip(".") + "."
